/** What needs a person: stuck pipelines and webhook events; the other pages of operations hang below. */
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, Navigate, Outlet, useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { api, type Pipeline, type Schemas, unwrap } from '../lib/api.ts';
import { ago, number, phone } from '../lib/format.ts';
import { useFallbackInterval } from '../lib/live.ts';
import { useCan } from '../lib/me.ts';
import type { Search } from '../lib/search.ts';
import { blockReason, plain, SOURCES, stage, whatToDo } from '../lib/words.ts';
import { OperateButtons } from '../parts/operate.tsx';
import { Icon } from '../ui/icons.tsx';
import { announce, Badge, Button, Empty, FormProblem, Loaded, Page, Select, Tabs, Time } from '../ui/kit.tsx';

export function OperationsPage() {
  const can = useCan();
  const stuck = useStuckCount();
  return (
    <Page title="Operations" lead="What waits for a person, and how each part is.">
      <Tabs
        label="Operations"
        items={[
          { to: '/operations/pipelines', text: 'Pipelines', count: stuck },
          { to: '/operations/webhooks', text: 'Webhooks in' },
          { to: '/operations/deliveries', text: 'Webhooks out' },
          ...(can('see companies')
            ? [{ to: '/operations/companies', text: can('set up companies') ? 'Companies' : 'Company' }]
            : []),
          { to: '/operations/health', text: 'Health' },
        ]}
      />
      <Outlet />
    </Page>
  );
}

export const OperationsHome = () => <Navigate to="/operations/pipelines" replace />;

function useStuckCount(): number | undefined {
  const interval = useFallbackInterval();
  return useQuery({
    queryKey: ['pipelines', 'stuck-count'],
    queryFn: () =>
      unwrap(api.GET('/api/v1/pipelines', { params: { query: { needs_attention: 'true' as const, limit: 1 } } })).then(
        ({ total }) => total,
      ),
    refetchInterval: interval,
  }).data;
}

const SHOW = [
  ['', 'Need attention'],
  ['under_way', 'Under way'],
  ['all', 'All'],
] as const;

export function PipelinesPage() {
  const search = useSearch({ from: '/operations/pipelines' }) as Search;
  const navigate = useNavigate({ from: '/operations/pipelines' });
  const can = useCan();
  const interval = useFallbackInterval();
  const query = {
    limit: 100,
    ...(!search.show && { needs_attention: 'true' as const }),
    ...(search.show === 'under_way' && { stage: 'awaiting_end,awaiting_recording,transcribing,analyzing' }),
    ...(search.stage && { stage: search.stage }),
    ...(search.kind && { kind: search.kind as 'call' | 'visit' }),
  };
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const list = useInfiniteQuery({
    queryKey: ['pipelines', query],
    queryFn: ({ pageParam }) =>
      unwrap(api.GET('/api/v1/pipelines', { params: { query: { ...query, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    refetchInterval: interval,
  });
  const toggle = (id: string) =>
    setChosen((old) => {
      const next = new Set(old);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  return (
    <>
      <search className="filters no-print">
        <Select
          label="Show"
          value={search.show ?? ''}
          onChange={(show) => void navigate({ search: { show: show || undefined }, replace: true })}
          options={SHOW}
        />
        <Select
          label="Of"
          value={search.kind ?? ''}
          onChange={(kind) => void navigate({ search: (old) => ({ ...old, kind: kind || undefined }), replace: true })}
          options={[
            ['', 'Calls and visits'],
            ['call', 'Calls'],
            ['visit', 'Visits'],
          ]}
        />
      </search>
      <Loaded query={list}>
        {({ pages }) => {
          const items = pages.flatMap((page) => page.items);
          const blocked = items.filter(({ blocked_on }) => blocked_on !== null);
          const picked = blocked
            .filter(({ workflow_id }) => chosen.has(workflow_id))
            .map(({ workflow_id }) => workflow_id);
          if (items.length === 0)
            return (
              <Empty title={search.show ? 'Nothing here' : 'Nothing is stuck'} icon="check">
                {search.show ? 'Choose another view.' : 'What gets stuck appears here by itself, with the reason.'}
              </Empty>
            );
          return (
            <>
              <div className="row between">
                <span className="muted small" role="status">
                  {number(pages[0]?.total ?? items.length)} to show
                </span>
                {can('operate') && blocked.length > 0 && (
                  <span className="row">
                    <Button
                      onPress={() =>
                        setChosen(
                          picked.length === blocked.length
                            ? new Set()
                            : new Set(blocked.map(({ workflow_id }) => workflow_id)),
                        )
                      }
                    >
                      {picked.length === blocked.length ? 'Select none' : `Select all (${blocked.length})`}
                    </Button>
                    <OperateButtons workflowIds={picked} onDone={() => setChosen(new Set())} />
                  </span>
                )}
              </div>
              <ul className="stack">
                {items.map((pipeline) => (
                  <li key={pipeline.workflow_id} className="card">
                    <PipelineRow
                      pipeline={pipeline}
                      isChosen={chosen.has(pipeline.workflow_id)}
                      onToggle={() => toggle(pipeline.workflow_id)}
                    />
                  </li>
                ))}
              </ul>
              {list.hasNextPage && (
                <Button busy={list.isFetchingNextPage} onPress={() => void list.fetchNextPage()}>
                  Show more
                </Button>
              )}
            </>
          );
        }}
      </Loaded>
    </>
  );
}

function PipelineRow({
  pipeline,
  isChosen,
  onToggle,
}: {
  pipeline: Pipeline;
  isChosen: boolean;
  onToggle: () => void;
}) {
  const can = useCan();
  const { text, tone } = stage(pipeline.stage);
  const title = pipeline.kind === 'call' ? 'Call' : 'Visit';
  return (
    <>
      <div className="row between">
        <span className="row">
          {can('operate') && pipeline.blocked_on && (
            <input
              type="checkbox"
              aria-label={`Choose ${pipeline.workflow_id}`}
              checked={isChosen}
              onChange={onToggle}
            />
          )}
          {pipeline.kind === 'call' && can('read calls') ? (
            <Link to="/calls/$id" params={{ id: pipeline.subject_id }}>
              <strong>{title}</strong>
            </Link>
          ) : (
            <strong>{title}</strong>
          )}
          {pipeline.needs_attention ? <Badge tone="bad">Needs attention</Badge> : <Badge tone={tone}>{text}</Badge>}
          <span className="muted small">{ago(pipeline.since)}</span>
        </span>
        {pipeline.temporal_url && (
          <a href={pipeline.temporal_url} target="_blank" rel="noreferrer" className="small">
            Workflow in Temporal <Icon name="out" />
          </a>
        )}
      </div>
      {(pipeline.blocked_on || pipeline.reason) && (
        <p>
          {blockReason(pipeline.blocked_on, pipeline.reason)} {pipeline.hint && <code>{pipeline.hint}</code>}{' '}
          {pipeline.attempts > 0 && <span className="muted">Tried {number(pipeline.attempts)} times.</span>}
        </p>
      )}
      {pipeline.blocked_on && <p className="muted small">{whatToDo(pipeline.blocked_on)}</p>}
      <p className="muted small">{pipeline.workflow_id}</p>
    </>
  );
}

const EVENT_STATUS: Record<
  Schemas['WebhookEvent']['status'],
  { text: string; tone: 'good' | 'info' | 'warn' | 'bad'; means: string }
> = {
  pending: { text: 'Waiting', tone: 'info', means: 'Received; on its way to its pipeline.' },
  dispatched: { text: 'Handed over', tone: 'info', means: 'Its pipeline was told and has not applied it yet.' },
  applied: { text: 'Took effect', tone: 'good', means: '' },
  unrouted: {
    text: 'Belongs to nobody',
    tone: 'warn',
    means: 'No company has that number. It goes through by itself once one has.',
  },
  invalid: { text: 'Not understood', tone: 'warn', means: 'It is kept, and can be sent through again after a mend.' },
  rejected: {
    text: 'Wrong signature',
    tone: 'bad',
    means: 'Check the company’s signing key, then send it through again.',
  },
};

export function WebhookEventsPage() {
  const search = useSearch({ from: '/operations/webhooks' }) as Search;
  const navigate = useNavigate({ from: '/operations/webhooks' });
  const interval = useFallbackInterval();
  const query = {
    limit: 100,
    status: search.status ?? 'unrouted,invalid,rejected',
    ...(search.source && { source: search.source }),
  };
  const list = useInfiniteQuery({
    queryKey: ['webhook-events', query],
    queryFn: ({ pageParam }) =>
      unwrap(api.GET('/api/v1/webhook-events', { params: { query: { ...query, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    refetchInterval: interval || 15_000,
  });
  return (
    <>
      <search className="filters no-print">
        <Select
          label="Show"
          value={search.status ?? ''}
          onChange={(status) =>
            void navigate({ search: (old) => ({ ...old, status: status || undefined }), replace: true })
          }
          options={[
            ['', 'What could not be used'],
            ['pending,dispatched', 'Waiting'],
            ['unrouted', 'Belongs to nobody'],
            ['rejected', 'Wrong signature'],
            ['invalid', 'Not understood'],
            ['applied', 'Took effect'],
            ['pending,dispatched,applied,unrouted,invalid,rejected', 'All'],
          ]}
        />
        <Select
          label="From"
          value={search.source ?? ''}
          onChange={(source) =>
            void navigate({ search: (old) => ({ ...old, source: source || undefined }), replace: true })
          }
          options={[
            ['', 'Everybody'],
            ['callrail', 'CallRail'],
            ['shunya', 'Shunya'],
            ['operator', 'Operators'],
          ]}
        />
      </search>
      <Loaded query={list}>
        {({ pages }) => {
          const items = pages.flatMap((page) => page.items);
          if (items.length === 0)
            return (
              <Empty title="No such events" icon="check">
                {search.status ? 'Choose another view.' : 'Every webhook that came was used.'}
              </Empty>
            );
          return (
            <>
              <span className="muted small" role="status">
                {number(pages[0]?.total ?? items.length)} events
              </span>
              <ul className="stack">
                {items.map((event) => (
                  <li key={event.id} className="card">
                    <EventRow event={event} />
                  </li>
                ))}
              </ul>
              {list.hasNextPage && (
                <Button busy={list.isFetchingNextPage} onPress={() => void list.fetchNextPage()}>
                  Show more
                </Button>
              )}
            </>
          );
        }}
      </Loaded>
    </>
  );
}

function EventRow({ event }: { event: Schemas['WebhookEvent'] }) {
  const can = useCan();
  const queries = useQueryClient();
  const said = EVENT_STATUS[event.status] ?? { text: plain(event.status), tone: 'info', means: '' };
  const redrive = useMutation({
    mutationFn: () => unwrap(api.POST('/api/v1/webhook-events/{id}/redrive', { params: { path: { id: event.id } } })),
    onSuccess: () => {
      announce('It was sent through again.');
      void queries.invalidateQueries({ queryKey: ['webhook-events'] });
    },
  });
  return (
    <>
      <div className="row between">
        <span className="row">
          <strong>
            {SOURCES[event.source]}: {event.route}
          </strong>
          <Badge tone={said.tone}>{said.text}</Badge>
          <span className="muted small">
            <Time at={event.received_at} />
          </span>
        </span>
        {can('operate') && event.status !== 'applied' && (
          <Button icon="refresh" busy={redrive.isPending} onPress={() => redrive.mutate()}>
            Send through again
          </Button>
        )}
      </div>
      {(said.means || event.reason) && (
        <p>
          {said.means} {event.reason && <span className="muted">({plain(event.reason).toLowerCase()})</span>}
        </p>
      )}
      <p className="muted small">
        {[event.tracking_number && `to ${phone(event.tracking_number)}`, event.provider_call_id, event.company_id]
          .filter(Boolean)
          .join(' · ')}
      </p>
      <FormProblem problem={redrive.error} />
    </>
  );
}
