/** Webhooks that leave the house: where to, and what did not arrive. */
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { api, type Schemas, unwrap } from '../lib/api.ts';
import { ago, number } from '../lib/format.ts';
import { useCan } from '../lib/me.ts';
import type { Search } from '../lib/search.ts';
import { plain, type Tone } from '../lib/words.ts';
import { announce, Badge, Button, Card, Empty, FormProblem, Loaded, Select, Skeleton, Time } from '../ui/kit.tsx';

type Delivery = Schemas['WebhookDelivery'];
const STATUS: Record<Delivery['status'], { text: string; tone: Tone }> = {
  pending: { text: 'On its way', tone: 'info' },
  delivered: { text: 'Delivered', tone: 'good' },
  failed: { text: 'Given up', tone: 'bad' },
};
const REFRESH_MS = 15_000;

export function DeliveriesPage() {
  const search = useSearch({ from: '/operations/deliveries' }) as Search;
  const navigate = useNavigate({ from: '/operations/deliveries' });
  const endpoints = useQuery({
    queryKey: ['webhook-endpoints'],
    queryFn: () => unwrap(api.GET('/api/v1/webhook-endpoints', { params: { query: { limit: 100 } } })),
  });
  const query = { limit: 100, ...(search.status && { status: search.status }) };
  const list = useInfiniteQuery({
    queryKey: ['webhook-deliveries', query],
    queryFn: ({ pageParam }) =>
      unwrap(api.GET('/api/v1/webhook-deliveries', { params: { query: { ...query, cursor: pageParam } as never } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    refetchInterval: REFRESH_MS,
  });
  const urlOf = (id: string) => endpoints.data?.items.find((endpoint) => endpoint.id === id)?.url ?? id;
  return (
    <>
      <Card title="Where events are sent">
        <Loaded query={endpoints} skeleton={<Skeleton rows={1} />}>
          {({ items }) =>
            items.length === 0 ? (
              <p className="muted">
                Nowhere yet. Other systems of yours can be told of calls and appointments:{' '}
                <a href="/docs">the API’s documentation</a> says how.
              </p>
            ) : (
              <ul className="list">
                {items.map((endpoint) => (
                  <li key={endpoint.id}>
                    <span className="row between">
                      <span className="url">{endpoint.url}</span>
                      <Badge tone={endpoint.enabled ? 'good' : 'bad'}>{endpoint.enabled ? 'On' : 'Off'}</Badge>
                    </span>
                    <span className="muted small">
                      {[endpoint.description, endpoint.disabled_reason && plain(endpoint.disabled_reason)]
                        .filter(Boolean)
                        .join(' · ')}
                    </span>
                  </li>
                ))}
              </ul>
            )
          }
        </Loaded>
      </Card>
      <search className="filters no-print">
        <Select
          label="Deliveries"
          value={search.status ?? ''}
          onChange={(status) => void navigate({ search: { status: status || undefined }, replace: true })}
          options={[
            ['', 'All'],
            ['failed', 'Given up'],
            ['pending', 'On their way'],
            ['delivered', 'Delivered'],
          ]}
        />
      </search>
      <Loaded query={list}>
        {({ pages }) => {
          const items = pages.flatMap((page) => page.items);
          if (items.length === 0)
            return (
              <Empty title="No deliveries" icon="out">
                What is sent appears here.
              </Empty>
            );
          return (
            <>
              <span className="muted small" role="status">
                {number(pages[0]?.total ?? items.length)} deliveries
              </span>
              <ul className="stack">
                {items.map((delivery) => (
                  <li key={delivery.id} className="card">
                    <DeliveryRow delivery={delivery} url={urlOf(delivery.endpoint_id)} />
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

function DeliveryRow({ delivery, url }: { delivery: Delivery; url: string }) {
  const can = useCan();
  const queries = useQueryClient();
  const { text, tone } = STATUS[delivery.status];
  const resend = useMutation({
    mutationFn: () =>
      unwrap(api.POST('/api/v1/webhook-deliveries/{id}/resend', { params: { path: { id: delivery.id } } })),
    onSuccess: () => {
      announce('It is sent again.');
      void queries.invalidateQueries({ queryKey: ['webhook-deliveries'] });
    },
  });
  return (
    <>
      <div className="row between">
        <span className="row">
          <strong>{delivery.event_type}</strong>
          <Badge tone={tone}>{text}</Badge>
          <span className="muted small">
            <Time at={delivery.created_at} />
          </span>
        </span>
        {can('operate') && delivery.status !== 'pending' && (
          <Button icon="refresh" busy={resend.isPending} onPress={() => resend.mutate()}>
            Send again
          </Button>
        )}
      </div>
      <p className="muted small">
        {url}
        {delivery.attempts > 0 && ` · ${delivery.attempts} ${delivery.attempts === 1 ? 'attempt' : 'attempts'}`}
        {delivery.last_status && ` · answered ${delivery.last_status}`}
        {delivery.last_error && ` · ${plain(delivery.last_error)}`}
        {delivery.status === 'pending' && delivery.next_attempt_at && ` · next ${ago(delivery.next_attempt_at)}`}
      </p>
      <FormProblem problem={resend.error} />
    </>
  );
}
