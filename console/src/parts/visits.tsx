/** A visit from the rep's side: start, stop with a link, and what the analysis says. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { ApiProblem, type Appointment, api, unwrap, type Visit } from '../lib/api.ts';
import { ago, callerName, phone, timeOf } from '../lib/format.ts';
import { useFallbackInterval } from '../lib/live.ts';
import { useCan } from '../lib/me.ts';
import { appointmentStatus, stage, visitOutcome } from '../lib/words.ts';
import { Icon } from '../ui/icons.tsx';
import { announce, Badge, Button, Card, Dialog, FormProblem, Loaded, Said, Skeleton, TextField } from '../ui/kit.tsx';
import { AnalysisDetails } from './analysis.tsx';

export const mapLink = (address: string) =>
  // A phone opens its own map app at this; elsewhere it is a page.
  `https://www.google.com/maps/search/?api=1&query=${encodeURIComponent(address)}`;

export function useVisits(appointmentId: string, enabled = true) {
  const interval = useFallbackInterval();
  return useQuery({
    queryKey: ['visits', appointmentId],
    queryFn: () =>
      unwrap(
        api.GET('/api/v1/recordings/sessions', { params: { query: { appointment_id: appointmentId, limit: 20 } } }),
      ).then(({ items }) => items),
    refetchInterval: interval,
    enabled,
  });
}

/** What the caller said, in three lines. */
export function CallerWords({ appointment }: { appointment: Appointment }) {
  const call = useQuery({
    queryKey: ['call', appointment.call_id],
    queryFn: () => unwrap(api.GET('/api/v1/calls/{id}', { params: { path: { id: appointment.call_id ?? '' } } })),
    enabled: appointment.call_id !== null,
  });
  const analysis = call.data?.analysis;
  if (!analysis) return null;
  const open = analysis.objections.filter(({ overcome }) => overcome === false);
  const worry = open[0] ?? analysis.objections[0];
  return (
    <ul className="list small">
      {analysis.summary && <li>{analysis.summary}</li>}
      {worry && (
        <li>
          <span>
            <strong>{worry.category ?? 'Objection'}:</strong> {worry.text}{' '}
            {worry.overcome ? '(settled on the phone)' : '(still open)'}
          </span>
        </li>
      )}
      <li>
        <Link to="/calls/$id" params={{ id: appointment.call_id ?? '' }}>
          Listen to the call
        </Link>
      </li>
    </ul>
  );
}

export function VisitCard({ appointment }: { appointment: Appointment }) {
  const can = useCan();
  const visits = useVisits(appointment.id, can('see visits'));
  const { location, contact, scheduled_start: start, status, outcome } = appointment;
  const isOver = status === 'cancelled' || status === 'no_show';
  return (
    <Card
      className="visit"
      title={<span className="when">{start ? timeOf(start) : 'No time yet'}</span>}
      actions={<Said said={outcome === 'pending' ? appointmentStatus(status) : visitOutcome(outcome)} />}
    >
      <div>
        <p>
          <Link to="/appointments/$id" params={{ id: appointment.id }}>
            <strong>{callerName(contact)}</strong>
          </Link>
        </p>
        <p className="muted">
          {[appointment.service_type, `${appointment.duration_minutes} min`].filter(Boolean).join(' · ')}
        </p>
      </div>
      <div className="visit-actions">
        {location && (
          <a className="button big" href={mapLink(location)} target="_blank" rel="noreferrer">
            <Icon name="map" /> {location}
          </a>
        )}
        {contact.phone_number && (
          <a className="button big" href={`tel:${contact.phone_number}`}>
            <Icon name="phone" /> {phone(contact.phone_number)}
          </a>
        )}
      </div>
      <CallerWords appointment={appointment} />
      {can('record visits') && !isOver && (
        <Loaded query={visits} skeleton={<Skeleton rows={1} />}>
          {(items) => <VisitControls appointment={appointment} visits={items} />}
        </Loaded>
      )}
    </Card>
  );
}

export function VisitControls({ appointment, visits }: { appointment: Appointment; visits: Visit[] }) {
  const queries = useQueryClient();
  const [stopping, setStopping] = useState(false);
  const [judging, setJudging] = useState(false);
  const open = visits.find(({ status }) => status === 'recording');
  const latest = visits.find(({ status }) => status !== 'recording');
  const start = useMutation({
    mutationFn: () =>
      unwrap(api.POST('/api/v1/recordings/sessions/start', { body: { appointment_id: appointment.id } })),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['visits', appointment.id] });
      announce('The visit has begun.');
    },
  });
  return (
    <>
      {open && (
        <p className="recording" role="status">
          <Icon name="mic" /> The visit goes on, begun {ago(open.started_at)}.
        </p>
      )}
      {latest && !open && <VisitResult visit={latest} short />}
      <FormProblem problem={start.error} />
      <div className="visit-actions">
        {open ? (
          <Button className="big" kind="primary" onPress={() => setStopping(true)}>
            Stop the visit
          </Button>
        ) : (
          <Button
            className="big"
            kind={latest ? 'plain' : 'primary'}
            busy={start.isPending}
            onPress={() => start.mutate()}
          >
            {latest ? 'Visit again' : 'Start the visit'}
          </Button>
        )}
        <Button className="big" onPress={() => setJudging(true)}>
          Set the outcome
        </Button>
      </div>
      <Dialog title="Stop the visit" isOpen={stopping && open !== undefined} onClose={() => setStopping(false)}>
        {open && <StopForm visit={open} onDone={() => setStopping(false)} />}
      </Dialog>
      <OutcomeDialog appointment={appointment} isOpen={judging} onClose={() => setJudging(false)} />
    </>
  );
}

function StopForm({ visit, onDone }: { visit: Visit; onDone: () => void }) {
  const queries = useQueryClient();
  const [link, setLink] = useState('');
  const stop = useMutation({
    mutationFn: () =>
      unwrap(
        api.POST('/api/v1/recordings/sessions/{id}/stop', {
          params: { path: { id: visit.id } },
          body: { audio_url: link.trim() },
        }),
      ),
    onSuccess: () => {
      for (const key of ['visits', 'appointments', 'appointment']) void queries.invalidateQueries({ queryKey: [key] });
      announce('The visit is being analyzed.');
      onDone();
    },
  });
  const refused = stop.error instanceof ApiProblem && stop.error.status === 422;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        stop.mutate();
      }}
    >
      <TextField
        label="Link to the recording"
        type="url"
        inputMode="url"
        value={link}
        onChange={setLink}
        required
        placeholder="https://…"
        hint="Where your recorder uploaded it. The host must be one that the service allows."
      />
      {refused && (
        <p className="notice warn" role="alert">
          The service does not take recordings from there. Ask your manager which store to use.
        </p>
      )}
      <FormProblem problem={stop.error} />
      <div className="form-actions">
        <Button onPress={onDone}>Not yet</Button>
        <Button kind="primary" type="submit" busy={stop.isPending} isDisabled={!link.trim()}>
          Stop and analyze
        </Button>
      </div>
    </form>
  );
}

export function OutcomeDialog({
  appointment,
  isOpen,
  onClose,
}: {
  appointment: Appointment;
  isOpen: boolean;
  onClose: () => void;
}) {
  const queries = useQueryClient();
  const save = useMutation({
    mutationFn: (outcome: Appointment['outcome']) =>
      unwrap(api.PATCH('/api/v1/appointments/{id}', { params: { path: { id: appointment.id } }, body: { outcome } })),
    onSuccess: () => {
      for (const key of ['appointments', 'appointment', 'lead', 'metrics', 'day'])
        void queries.invalidateQueries({ queryKey: [key] });
      announce('The outcome is saved.');
      onClose();
    },
  });
  return (
    <Dialog title="How did it end?" isOpen={isOpen} onClose={onClose}>
      <p className="muted">What you say here stays, whatever the analysis says later. Won and lost close the lead.</p>
      <div className="visit-actions">
        {(['won', 'lost', 'pending'] as const).map((outcome) => (
          <Button
            key={outcome}
            className="big"
            kind={appointment.outcome === outcome ? 'primary' : 'plain'}
            isDisabled={save.isPending}
            onPress={() => save.mutate(outcome)}
          >
            {visitOutcome(outcome)?.text}
          </Button>
        ))}
      </div>
      <FormProblem problem={save.error} />
    </Dialog>
  );
}

export function VisitResult({ visit, short = false }: { visit: Visit; short?: boolean }) {
  const { analysis, pipeline } = visit;
  if (!analysis)
    return (
      <p className="notice" role="status">
        {['done', 'failed', 'not_analyzable'].includes(pipeline.stage) ? null : (
          <span className="spinner" aria-hidden />
        )}{' '}
        {stage(pipeline.stage).text}. {stage(pipeline.stage).means}
      </p>
    );
  return (
    <div className="stack">
      <p>
        <Said said={visitOutcome(analysis.outcome)} /> <Badge>from the recording</Badge>
      </p>
      {analysis.summary && <p>{analysis.summary}</p>}
      {!short && <AnalysisDetails analysis={analysis} of="visit" />}
    </div>
  );
}
