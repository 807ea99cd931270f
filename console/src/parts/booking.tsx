/** Appointments: book one from a lead, move one, and lists of them. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import { ApiProblem, type Appointment, api, unwrap } from '../lib/api.ts';
import { callerName, companyZone, dayOf, timeOf, toLocalInput, withOffset, zoneDiffers } from '../lib/format.ts';
import { useCan, useNameOf, useUsers } from '../lib/me.ts';
import { appointmentStatus, visitOutcome } from '../lib/words.ts';
import { announce, Button, Dialog, Field, FormProblem, Loaded, Said, Select, Skeleton, TextField } from '../ui/kit.tsx';

interface Suggested {
  location?: string | null | undefined;
  service?: string | null | undefined;
  repId?: string | null | undefined;
  said?: string | null | undefined;
}

export function BookDialog({
  isOpen,
  onClose,
  leadId,
  suggested,
}: {
  isOpen: boolean;
  onClose: () => void;
  leadId: string;
  suggested: Suggested;
}) {
  return (
    <Dialog title="Book an appointment" isOpen={isOpen} onClose={onClose}>
      <SlotForm
        suggested={suggested}
        submit="Book"
        onDone={onClose}
        save={(slot, key) =>
          unwrap(
            api.POST('/api/v1/appointments', {
              params: { header: { 'Idempotency-Key': key } },
              body: { lead_id: leadId, ...slot },
            }),
          )
        }
      />
    </Dialog>
  );
}

export function MoveDialog({
  appointment,
  isOpen,
  onClose,
}: {
  appointment: Appointment;
  isOpen: boolean;
  onClose: () => void;
}) {
  const hasTime = appointment.scheduled_start !== null;
  return (
    <Dialog title={hasTime ? 'Move the appointment' : 'Set the time'} isOpen={isOpen} onClose={onClose}>
      <SlotForm
        suggested={{
          location: appointment.location,
          service: appointment.service_type,
          repId: appointment.assigned_rep_id,
        }}
        start={appointment.scheduled_start}
        minutes={appointment.duration_minutes}
        submit={hasTime ? 'Move' : 'Save'}
        onDone={onClose}
        save={({ service_type: _, ...slot }, key) =>
          hasTime
            ? unwrap(
                api.POST('/api/v1/appointments/{id}/reschedule', {
                  params: { path: { id: appointment.id }, header: { 'Idempotency-Key': key } },
                  body: slot,
                }),
              )
            : unwrap(api.PATCH('/api/v1/appointments/{id}', { params: { path: { id: appointment.id } }, body: slot }))
        }
      />
    </Dialog>
  );
}

interface Slot {
  scheduled_start: string;
  duration_minutes: number;
  assigned_rep_id: string | null;
  location: string | null;
  service_type: string | null;
  force?: boolean;
}

function SlotForm({
  suggested,
  start,
  minutes = 60,
  submit,
  save,
  onDone,
}: {
  suggested: Suggested;
  start?: string | null;
  minutes?: number;
  submit: string;
  save: (slot: Slot, idempotencyKey: string) => Promise<Appointment>;
  onDone: () => void;
}) {
  const queries = useQueryClient();
  const { data: users } = useUsers();
  const [when, setWhen] = useState(start ? toLocalInput(start) : '');
  const [length, setLength] = useState(String(minutes));
  const [rep, setRep] = useState(suggested.repId ?? '');
  const [location, setLocation] = useState(suggested.location ?? '');
  const [service, setService] = useState(suggested.service ?? '');
  // The same press again, after a lost answer, must not make a second appointment; other values are another one.
  const sent = useRef({ body: '', key: '' });
  const change = useMutation({
    mutationFn: (force: boolean) => {
      const slot: Slot = {
        scheduled_start: withOffset(when),
        duration_minutes: Number(length),
        assigned_rep_id: rep || null,
        location: location.trim() || null,
        service_type: service.trim() || null,
        ...(force && { force }),
      };
      const body = JSON.stringify(slot);
      if (sent.current.body !== body) sent.current = { body, key: crypto.randomUUID() };
      return save(slot, sent.current.key);
    },
    onSuccess: () => {
      for (const key of ['appointments', 'appointment', 'contact', 'metrics', 'follow-ups'])
        void queries.invalidateQueries({ queryKey: [key] });
      announce(submit === 'Book' ? 'The appointment is booked.' : 'The appointment has its new time.');
      onDone();
    },
  });
  const isTaken = change.error instanceof ApiProblem && change.error.code === 'rep_double_booked';
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        change.mutate(false);
      }}
    >
      {suggested.said && <p className="notice">The caller said: “{suggested.said}”</p>}
      <div className="columns">
        <Field
          label="Date and time"
          hint={zoneDiffers() ? `On the company’s clock, ${companyZone().replaceAll('_', ' ')}` : undefined}
        >
          {(props) => (
            <input
              {...props}
              type="datetime-local"
              required
              value={when}
              onChange={(event) => setWhen(event.target.value)}
            />
          )}
        </Field>
        <Select
          label="Length"
          value={length}
          onChange={setLength}
          options={[...new Set(['30', '60', '90', '120', '180', '240', length])]
            .sort((a, b) => Number(a) - Number(b))
            .map((value) => [value, `${value} minutes`] as const)}
        />
      </div>
      <Select
        label="Sales rep"
        value={rep}
        onChange={setRep}
        options={[
          ['', 'Not assigned yet'],
          ...(users ?? []).filter(({ role }) => role === 'sales_rep').map(({ id, name }) => [id, name] as const),
        ]}
      />
      <TextField label="Address" value={location} onChange={setLocation} maxLength={500} autoComplete="off" />
      {submit === 'Book' && <TextField label="Service" value={service} onChange={setService} maxLength={200} />}
      {isTaken ? (
        <div className="notice warn" role="alert">
          <span>
            This rep has another appointment at that time.{' '}
            <Button kind="quiet" onPress={() => change.mutate(true)}>
              Book it all the same
            </Button>
          </span>
        </div>
      ) : (
        <FormProblem problem={change.error} />
      )}
      <div className="form-actions">
        <Button onPress={onDone}>Cancel</Button>
        <Button kind="primary" type="submit" busy={change.isPending} isDisabled={!when}>
          {submit}
        </Button>
      </div>
    </form>
  );
}

export function AppointmentList({
  filter,
  empty,
}: {
  filter: { lead_id?: string; contact_id?: string };
  empty: string;
}) {
  const list = useQuery({
    queryKey: ['appointments', filter],
    queryFn: () => unwrap(api.GET('/api/v1/appointments', { params: { query: { ...filter, limit: 50 } } })),
  });
  return (
    <Loaded query={list} skeleton={<Skeleton rows={1} />}>
      {({ items }) =>
        items.length === 0 ? (
          <p className="muted">{empty}</p>
        ) : (
          <ul className="list">
            {items.map((appointment) => (
              <li key={appointment.id}>
                <AppointmentLine appointment={appointment} />
              </li>
            ))}
          </ul>
        )
      }
    </Loaded>
  );
}

export function AppointmentLine({ appointment, withName = false }: { appointment: Appointment; withName?: boolean }) {
  const nameOf = useNameOf();
  const can = useCan();
  const [moving, setMoving] = useState(false);
  const { scheduled_start: start, status, outcome } = appointment;
  const isOpen = status === 'scheduled' || status === 'confirmed';
  return (
    <>
      <span className="row between">
        <span className="row">
          <Link to="/appointments/$id" params={{ id: appointment.id }}>
            {start ? `${dayOf(start)}, ${timeOf(start)}` : 'No time yet'}
          </Link>
          {withName && <strong>{callerName(appointment.contact)}</strong>}
        </span>
        <span className="row">
          <Said said={outcome === 'pending' ? appointmentStatus(status) : visitOutcome(outcome)} />
          {isOpen && can('write appointments') && (
            <Button kind="quiet" onPress={() => setMoving(true)}>
              {start ? 'Move' : 'Set time'}
            </Button>
          )}
        </span>
      </span>
      <span className="muted small">
        {[
          appointment.service_type,
          appointment.location,
          appointment.assigned_rep_id ? nameOf(appointment.assigned_rep_id) : 'not assigned',
        ]
          .filter(Boolean)
          .join(' · ')}
      </span>
      <MoveDialog appointment={appointment} isOpen={moving} onClose={() => setMoving(false)} />
    </>
  );
}
