/** Where the processing of a call or visit stands, and why. */
import { useQuery } from '@tanstack/react-query';
import { api, type Call, unwrap, type Visit } from '../lib/api.ts';
import { ago, secondTime, spell } from '../lib/format.ts';
import { useCan } from '../lib/me.ts';
import { blockReason, stage, whatToDo } from '../lib/words.ts';
import { Icon } from '../ui/icons.tsx';
import { Card, Time } from '../ui/kit.tsx';
import { OperateButtons } from './operate.tsx';

const ORDER = ['awaiting_end', 'awaiting_recording', 'transcribing', 'analyzing', 'done'] as const;
const FINAL = ['done', 'not_analyzable', 'failed'];
const NAMES: Record<string, string> = {
  awaiting_end: 'Call',
  awaiting_recording: 'Recording',
  transcribing: 'Transcript',
  analyzing: 'Analysis, lead and appointment',
  done: 'Done',
};

export function PipelineCard({ call, visit }: { call?: Call; visit?: Visit }) {
  const can = useCan();
  const subject = call ?? visit;
  const pipeline = (call?.pipeline ?? visit?.pipeline) as Call['pipeline'];
  const workflowId = pipeline.workflow_id;
  const canSee = can('see operations');
  const details = useQuery({
    queryKey: ['pipelines', 'one', workflowId],
    queryFn: () =>
      unwrap(api.GET('/api/v1/pipelines/{workflow_id}', { params: { path: { workflow_id: workflowId } } })),
    enabled: canSee,
  });
  // Events of this call alone: when each was received and took effect.
  const events = useQuery({
    queryKey: ['webhook-events', 'of', workflowId],
    queryFn: () =>
      unwrap(api.GET('/api/v1/webhook-events', { params: { query: { limit: 200, source: 'callrail,shunya' } } })).then(
        ({ items }) =>
          items.filter(
            (event) =>
              event.workflow_id === workflowId ||
              event.provider_call_id === call?.provider_call_id ||
              // What Shunya says comes to the analysis, which runs beside the call.
              event.workflow_id?.startsWith(`analysis:call:${call?.id}:`),
          ),
      ),
    enabled: canSee && call !== undefined,
    staleTime: 30_000,
  });
  if (!subject) return null;
  const now = ORDER.indexOf(pipeline.stage as (typeof ORDER)[number]);
  const isFinal = FINAL.includes(pipeline.stage);
  const hasRecording = call?.has_recording ?? visit?.has_recording ?? true;
  const steps = ORDER.filter((name) => !visit || name !== 'awaiting_recording');
  const url = details.data?.temporal_url;
  return (
    <Card
      title="Processing"
      actions={
        url && (
          <a href={url} target="_blank" rel="noreferrer" className="small">
            Workflow in Temporal <Icon name="out" />
          </a>
        )
      }
    >
      {pipeline.needs_attention || pipeline.blocked_on ? (
        <div className={`notice ${pipeline.needs_attention ? 'bad' : 'warn'}`} role="status">
          <Icon name="alert" />
          <span>
            {blockReason(pipeline.blocked_on, pipeline.reason)}{' '}
            {pipeline.attempts > 0 && `Tried ${pipeline.attempts} times.`} {whatToDo(pipeline.blocked_on)}
          </span>
        </div>
      ) : null}
      {pipeline.stage === 'not_analyzable' || pipeline.stage === 'failed' ? (
        <p>
          <strong>{stage(pipeline.stage).text}:</strong> {blockReason(null, pipeline.reason)}
        </p>
      ) : null}
      <ol className="timeline">
        {steps.map((name) => {
          const index = ORDER.indexOf(name);
          const isNow = !isFinal && index === now;
          const isPast =
            pipeline.stage === 'done' ? hasRecording || name === 'awaiting_end' || name === 'done' : index < now;
          const isStuck = isNow && (pipeline.needs_attention || pipeline.blocked_on !== null);
          return (
            <li key={name} className={isStuck ? 'stuck' : isNow ? 'now' : isPast ? 'past' : 'later'}>
              <span>
                {NAMES[name]}
                {isNow && (
                  <span className="muted small block">
                    {stage(name).means} Since {ago(pipeline.updated_at)}.
                  </span>
                )}
                {name === 'done' && pipeline.stage === 'done' && (
                  <span className="muted small block">
                    <Time at={pipeline.updated_at} />
                    {call?.ended_at &&
                      hasRecording &&
                      `, ${spell(Math.max(0, (Date.parse(call.analysis?.analyzed_at ?? pipeline.updated_at) - Date.parse(call.ended_at)) / 1000))} after the end of the call`}
                  </span>
                )}
              </span>
            </li>
          );
        })}
      </ol>
      {events.data && events.data.length > 0 && (
        <details>
          <summary>What was received ({events.data.length})</summary>
          <ul className="list small">
            {[...events.data].reverse().map((event) => (
              <li key={event.id}>
                <span className="row between">
                  <span>
                    {event.source === 'shunya' ? 'Shunya' : 'CallRail'}: {event.route}
                  </span>
                  <span className="muted num">
                    <Time at={event.received_at} format={secondTime} />
                    {event.applied_at &&
                      `, took effect in ${spell(Math.max(0, (Date.parse(event.applied_at) - Date.parse(event.received_at)) / 1000))}`}
                  </span>
                </span>
              </li>
            ))}
          </ul>
        </details>
      )}
      {can('operate') && pipeline.blocked_on && <OperateButtons workflowIds={[workflowId]} />}
    </Card>
  );
}
