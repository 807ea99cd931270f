/** One call: who, what was said, what it was judged to be, and what can be done about it. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { ApiProblem, api, type Call, type Schemas, unwrap } from '../lib/api.ts';
import { callKey, fetchCall } from '../lib/calls.ts';
import { callerName, decimal, duration, fullTime, phone } from '../lib/format.ts';
import { useFallbackInterval } from '../lib/live.ts';
import { useCan, useNameOf } from '../lib/me.ts';
import { bookingStatus, callStatus, outcome, plain, qualification, stage } from '../lib/words.ts';
import { AnalysisDetails } from '../parts/analysis.tsx';
import { AppointmentList, BookDialog } from '../parts/booking.tsx';
import { HistoryList } from '../parts/history.tsx';
import { LeadCard } from '../parts/lead.tsx';
import { PipelineCard } from '../parts/pipeline.tsx';
import { Icon } from '../ui/icons.tsx';
import {
  announce,
  Badge,
  Button,
  Card,
  Definition,
  Dialog,
  Empty,
  FormProblem,
  Loaded,
  Page,
  Said,
  Select,
  TextArea,
  TextField,
  Time,
} from '../ui/kit.tsx';

export function CallPage() {
  const { id } = useParams({ from: '/calls/$id' });
  const interval = useFallbackInterval();
  const call = useQuery({ queryKey: callKey(id), queryFn: () => fetchCall(id), refetchInterval: interval });
  return (
    <Loaded
      query={call}
      missing={
        <Page title="This call is not here">
          <Empty title="It was deleted, or is not yours to see">
            <Link to="/calls">Back to the calls</Link>
          </Empty>
        </Page>
      }
    >
      {(data) => <CallView call={data} />}
    </Loaded>
  );
}

function CallView({ call }: { call: Call }) {
  const nameOf = useNameOf();
  const can = useCan();
  const status = callStatus(call.status);
  const { contact, analysis, lead_id: leadId } = call;
  const [booking, setBooking] = useState(false);
  return (
    <Page
      title={callerName(contact)}
      lead={
        <span className="row">
          <Said said={status} />
          <Time at={call.started_at} format={(iso) => fullTime(iso).replace(/:\d\d (?=\S*( [AP]M)?)/, ' ')} />
        </span>
      }
      actions={
        <>
          {contact.phone_number && (
            <a className="button" href={`tel:${contact.phone_number}`}>
              <Icon name="phone" /> {phone(contact.phone_number)}
            </a>
          )}
          {leadId && can('write appointments') && (
            <Button kind="primary" icon="calendar" onPress={() => setBooking(true)}>
              Book an appointment
            </Button>
          )}
        </>
      }
    >
      <p className="no-print">
        <Link to="/calls">
          <Icon name="back" /> Calls
        </Link>
      </p>
      <div className="split">
        <div className="stack">
          <Conversation call={call} />
        </div>
        <div className="stack">
          <AnalysisCard call={call} />
          <Card title="The call">
            <Definition
              items={[
                ['Answered by', call.csr_id ? nameOf(call.csr_id) : call.answered ? 'Nobody is named' : 'Nobody'],
                ['Length', duration(call.duration_seconds)],
                ['Direction', plain(call.direction)],
                ['Number called', phone(call.tracking_number)],
                [
                  'Caller',
                  <Link key="contact" to="/contacts/$id" params={{ id: contact.id }}>
                    {callerName(contact)}
                  </Link>,
                ],
                [
                  'CallRail id',
                  <span key="id" className="small">
                    {call.provider_call_id}
                  </span>,
                ],
              ]}
            />
          </Card>
          {leadId && (
            <>
              <LeadCard leadId={leadId} />
              <Card title="Appointments of this lead">
                <AppointmentList filter={{ lead_id: leadId }} empty="None yet." />
              </Card>
            </>
          )}
          <HistoryList contactId={contact.id} exceptCallId={call.id} />
          <PipelineCard call={call} />
        </div>
      </div>
      {leadId && (
        <BookDialog
          isOpen={booking}
          onClose={() => setBooking(false)}
          leadId={leadId}
          suggested={{
            location: analysis?.appointment_location,
            service: analysis?.service_requested,
            repId: analysis?.assigned_rep_id,
            said: analysis?.appointment_date,
          }}
        />
      )}
    </Page>
  );
}

type Turn = Schemas['Transcript']['turns'][number];
const SPEEDS = ['0.75', '1', '1.25', '1.5', '2'] as const;

function Conversation({ call }: { call: Call }) {
  const hasTranscript =
    ['analyzing', 'done', 'failed', 'not_analyzable'].includes(call.pipeline.stage) && call.has_recording;
  const transcript = useQuery({
    queryKey: ['transcript', call.id],
    queryFn: () =>
      unwrap(api.GET('/api/v1/calls/{id}/transcript', { params: { path: { id: call.id } } })).catch(
        (error: unknown) => {
          if (error instanceof ApiProblem && error.status === 404) return null;
          throw error;
        },
      ),
    enabled: hasTranscript,
    staleTime: 60_000,
  });
  const player = usePlayer(call);
  return (
    <Card title="What was said">
      {call.has_recording ? <Player player={player} /> : <p className="muted">{noRecording(call)}</p>}
      {hasTranscript ? (
        <Loaded query={transcript}>
          {(data) =>
            data && data.turns.length > 0 ? (
              <Turns turns={data.turns} player={player} />
            ) : (
              <p className="muted">{data?.transcript_text || 'Nothing was understood in the recording.'}</p>
            )
          }
        </Loaded>
      ) : (
        call.has_recording && (
          <p className="notice" role="status">
            <span className="spinner" aria-hidden /> {stage(call.pipeline.stage).means} It appears here by itself.
          </p>
        )
      )}
    </Card>
  );
}

function noRecording(call: Call): string {
  if (call.status === 'ringing' || call.status === 'in_progress')
    return 'The call goes on. Its recording comes after the end.';
  if (call.pipeline.stage === 'awaiting_recording')
    return 'CallRail has not sent the recording yet. It appears here by itself.';
  return 'This call has no recording.';
}

function usePlayer(call: Call) {
  const audio = useRef<HTMLAudioElement>(null);
  const [state, setState] = useState({ isPlaying: false, at: 0, length: call.duration_seconds ?? 0, isReady: false });
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  const [speed, setSpeed] = useState('1');

  /** The link lives for minutes and each is logged, so it is got when somebody presses play, and again when it has ended. */
  const load = useCallback(async () => {
    const element = audio.current;
    if (!element) return;
    setBusy(true);
    setProblem(undefined);
    try {
      const { url } = await unwrap(api.GET('/api/v1/calls/{id}/recording', { params: { path: { id: call.id } } }));
      const { pathname, search } = new URL(url);
      element.src = pathname + search;
      setState((old) => ({ ...old, isReady: true }));
    } catch (error) {
      setProblem(error instanceof ApiProblem ? error.message : 'The recording cannot be played.');
      throw error;
    } finally {
      setBusy(false);
    }
  }, [call.id]);

  const play = useCallback(
    async (from?: number) => {
      const element = audio.current;
      if (!element) return;
      try {
        if (!element.src || element.error) await load();
        if (from !== undefined) element.currentTime = from;
        element.playbackRate = Number(speed);
        await element.play();
      } catch (error) {
        if (error instanceof DOMException && error.name === 'AbortError') return;
        setProblem((old) => old ?? 'The recording cannot be played now. Try again in a moment.');
      }
    },
    [load, speed],
  );

  return {
    audio,
    state,
    problem,
    busy,
    speed,
    play,
    setSpeed(next: string) {
      setSpeed(next);
      if (audio.current) audio.current.playbackRate = Number(next);
    },
    pause: () => audio.current?.pause(),
    seek(to: number) {
      if (audio.current) audio.current.currentTime = Math.max(0, to);
      setState((old) => ({ ...old, at: Math.max(0, to) }));
    },
    events: {
      onPlay: () => setState((old) => ({ ...old, isPlaying: true })),
      onPause: () => setState((old) => ({ ...old, isPlaying: false })),
      onTimeUpdate: () => setState((old) => ({ ...old, at: audio.current?.currentTime ?? 0 })),
      onDurationChange: () => {
        const length = audio.current?.duration ?? 0;
        if (Number.isFinite(length)) setState((old) => ({ ...old, length }));
      },
      onError: () =>
        setProblem('The recording cannot be played now: its store did not hand it out. Press play to try again.'),
    },
  };
}
type PlayerState = ReturnType<typeof usePlayer>;

function Player({ player }: { player: PlayerState }) {
  const { audio, state, problem, busy, speed, events } = player;
  return (
    <div className="player">
      <audio ref={audio} preload="none" {...events} />
      <div className="player-row">
        <Button
          kind="primary"
          icon={state.isPlaying ? 'pause' : 'play'}
          busy={busy}
          aria-label={state.isPlaying ? 'Pause' : 'Play the recording'}
          onPress={() => (state.isPlaying ? player.pause() : void player.play())}
        />
        <Button icon="skipBack" aria-label="Back 10 seconds" onPress={() => player.seek(state.at - 10)} />
        <Button icon="skipOn" aria-label="On 10 seconds" onPress={() => player.seek(state.at + 10)} />
        <span className="clock">
          {duration(state.at)} / {duration(state.length)}
        </span>
        <select aria-label="Speed" value={speed} onChange={(event) => player.setSpeed(event.target.value)}>
          {SPEEDS.map((value) => (
            <option key={value} value={value}>
              {decimal(Number(value))}×
            </option>
          ))}
        </select>
      </div>
      <input
        type="range"
        aria-label="Position in the recording"
        aria-valuetext={`${duration(state.at)} of ${duration(state.length)}`}
        min={0}
        max={Math.max(1, Math.round(state.length))}
        value={Math.min(Math.round(state.at), Math.max(1, Math.round(state.length)))}
        onChange={(event) => player.seek(Number(event.target.value))}
      />
      {problem && (
        <p className="notice warn" role="alert">
          <Icon name="alert" /> {problem}
        </p>
      )}
    </div>
  );
}

function Turns({ turns, player }: { turns: Turn[]; player: PlayerState }) {
  const [search, setSearch] = useState('');
  const needle = search.trim().toLowerCase();
  const { at } = player.state;
  const started = player.state.isReady;
  const current = useMemo(() => {
    if (!started) return -1;
    return turns.findLastIndex(({ start_seconds: start }) => start !== null && start <= at + 0.05);
  }, [turns, at, started]);
  const box = useRef<HTMLDivElement>(null);
  const isPlaying = player.state.isPlaying;
  useEffect(() => {
    if (!isPlaying || current < 0) return;
    const list = box.current;
    const row = list?.children[current] as HTMLElement | undefined;
    // Only within its own box: the page must not move under somebody who reads elsewhere.
    if (list && row) list.scrollTo({ top: row.offsetTop - list.clientHeight / 2, behavior: 'smooth' });
  }, [current, isPlaying]);
  const found = needle ? turns.filter(({ text }) => text.toLowerCase().includes(needle)).length : 0;
  return (
    <>
      <TextField
        label="Search in the transcript"
        type="search"
        value={search}
        onChange={setSearch}
        hint={needle ? `${found} of ${turns.length} turns` : 'A press on a turn plays from there.'}
      />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard. */}
      <section className="turns" ref={box} aria-label="Transcript" tabIndex={0}>
        {turns.map((turn, index) => {
          const isHidden = needle !== '' && !turn.text.toLowerCase().includes(needle);
          return (
            <button
              type="button"
              // biome-ignore lint/suspicious/noArrayIndexKey: turns have no other name and never move.
              key={index}
              hidden={isHidden}
              className={`turn ${turn.speaker === 'agent' ? 'agent' : ''}`}
              aria-current={index === current}
              onClick={() => turn.start_seconds !== null && void player.play(turn.start_seconds)}
            >
              <span className="at">{turn.start_seconds === null ? '' : duration(turn.start_seconds)}</span>
              <span>
                <span className="speaker">{turn.speaker ? plain(turn.speaker) : 'Unknown'}</span>
                <span className="block">
                  <Marked text={turn.text} needle={needle} />
                </span>
              </span>
            </button>
          );
        })}
      </section>
    </>
  );
}

function Marked({ text, needle }: { text: string; needle: string }): ReactNode {
  if (!needle) return text;
  const parts: ReactNode[] = [];
  const lower = text.toLowerCase();
  let from = 0;
  for (let at = lower.indexOf(needle); at >= 0; at = lower.indexOf(needle, from)) {
    parts.push(text.slice(from, at), <mark key={at}>{text.slice(at, at + needle.length)}</mark>);
    from = at + needle.length;
  }
  return [...parts, text.slice(from)];
}

function AnalysisCard({ call }: { call: Call }) {
  const can = useCan();
  const [correcting, setCorrecting] = useState(false);
  const { analysis } = call;
  if (!analysis)
    return (
      <Card title="Outcome">
        <p className="muted">{noAnalysis(call)}</p>
      </Card>
    );
  const result = outcome(analysis.call_outcome_category);
  return (
    <Card
      title="Outcome"
      actions={
        can('correct analyses') && (
          <Button kind="quiet" icon="edit" onPress={() => setCorrecting(true)}>
            Correct
          </Button>
        )
      }
    >
      <div className="row">
        <Said said={result} />
        <Said said={qualification(analysis.qualification)} />
        {!result && <Said said={bookingStatus(analysis.booking_status)} />}
        {analysis.edited && (
          <Badge tone="info" title={analysis.corrected_fields.map(plain).join(', ')}>
            Corrected by a person
          </Badge>
        )}
      </div>
      {analysis.summary && <p>{analysis.summary}</p>}
      <AnalysisDetails analysis={analysis} />
      {(analysis.service_requested || analysis.appointment_date || analysis.appointment_location) && (
        <Definition
          items={[
            ['Service', analysis.service_requested ?? '–'],
            ['Date as said', analysis.appointment_date?.replace('T', ', ').replace(/:00$/, '') ?? '–'],
            ['Place', analysis.appointment_location ?? '–'],
          ]}
        />
      )}
      <CorrectDialog call={call} isOpen={correcting} onClose={() => setCorrecting(false)} />
    </Card>
  );
}

function noAnalysis({ pipeline, status }: Call): string {
  if (status === 'ringing' || status === 'in_progress') return 'The call goes on.';
  if (pipeline.stage === 'done') return 'There was nothing to analyze.';
  return stage(pipeline.stage).means;
}

const NONE = 'none';
const QUALIFICATIONS = [
  ['hot', 'Hot'],
  ['warm', 'Warm'],
  ['cold', 'Cold'],
  ['unqualified', 'Not a lead'],
  [NONE, 'Not known'],
] as const;
const BOOKINGS = [
  ['booked', 'Booked'],
  ['not_booked', 'Not booked'],
  ['service_not_offered', 'Service not offered'],
  [NONE, 'Not known'],
] as const;

function CorrectDialog({ call, isOpen, onClose }: { call: Call; isOpen: boolean; onClose: () => void }) {
  return (
    <Dialog title="Correct the outcome" isOpen={isOpen} onClose={onClose}>
      <CorrectForm call={call} onDone={onClose} />
    </Dialog>
  );
}

function CorrectForm({ call, onDone }: { call: Call; onDone: () => void }) {
  const queries = useQueryClient();
  const before = useRef(call.analysis).current;
  const [quality, setQuality] = useState<string>(before?.qualification ?? NONE);
  const [booking, setBooking] = useState<string>(before?.booking_status ?? NONE);
  const [summary, setSummary] = useState(before?.summary ?? '');
  const [reason, setReason] = useState('');
  const save = useMutation({
    mutationFn: () =>
      unwrap(
        api.PATCH('/api/v1/calls/{id}/analysis', {
          params: { path: { id: call.id }, header: { 'If-Match': `"${before?.version}"` } },
          body: {
            reason,
            ...(quality !== (before?.qualification ?? NONE) && {
              qualification: quality === NONE ? null : (quality as 'hot'),
            }),
            ...(booking !== (before?.booking_status ?? NONE) && {
              booking_status: booking === NONE ? null : (booking as 'booked'),
            }),
            ...(summary !== (before?.summary ?? '') && { summary }),
          },
        }),
      ),
    onSuccess: () => {
      for (const key of ['call', 'calls', 'leads', 'lead', 'appointments', 'metrics'])
        void queries.invalidateQueries({ queryKey: [key] });
      announce('Corrected. The lead follows it.');
      onDone();
    },
  });
  const isStale = save.error instanceof ApiProblem && save.error.status === 412;
  const isChanged =
    quality !== (before?.qualification ?? NONE) ||
    booking !== (before?.booking_status ?? NONE) ||
    summary !== (before?.summary ?? '');
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <p className="muted">
        It takes effect at once: the lead becomes what you say here, and “Booked” makes the appointment if there is
        none.
      </p>
      <div className="columns">
        <Select label="The caller is" value={quality} onChange={setQuality} options={QUALIFICATIONS} />
        <Select label="The call is" value={booking} onChange={setBooking} options={BOOKINGS} />
      </div>
      <TextArea label="Summary" value={summary} onChange={setSummary} maxLength={10_000} />
      <TextField
        label="Why"
        hint="Kept with your name."
        value={reason}
        onChange={setReason}
        required
        maxLength={2000}
        placeholder="I heard it myself"
      />
      {isStale ? (
        <p className="notice warn" role="alert">
          The outcome was changed meanwhile. Close this, look at it, and correct it again.
        </p>
      ) : (
        <FormProblem problem={save.error} />
      )}
      <div className="form-actions">
        <Button onPress={onDone}>Cancel</Button>
        <Button kind="primary" type="submit" busy={save.isPending} isDisabled={!isChanged || !reason.trim()}>
          Save the correction
        </Button>
      </div>
    </form>
  );
}
