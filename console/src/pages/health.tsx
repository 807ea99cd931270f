/** How each part is, and what waits in the inbox. */
import { useQuery } from '@tanstack/react-query';
import { ApiProblem, api, type Schemas, unwrap } from '../lib/api.ts';
import { ago, number } from '../lib/format.ts';
import { PARTS, plain } from '../lib/words.ts';
import { Badge, Card, Definition, Loaded, Skeleton } from '../ui/kit.tsx';

const REFRESH_MS = 5000;

async function fetchHealth(): Promise<Schemas['Readiness']> {
  // 503 is an answer too: it names the part.
  const { data, error, response } = await api.GET('/readyz').catch(() => {
    throw new ApiProblem(0);
  });
  if (response.status !== 200 && response.status !== 503) throw new ApiProblem(response.status);
  return (data ?? error) as Schemas['Readiness'];
}

export function HealthPage() {
  const health = useQuery({ queryKey: ['health'], queryFn: fetchHealth, refetchInterval: REFRESH_MS });
  const waiting = useQuery({
    queryKey: ['webhook-events', 'waiting'],
    queryFn: () =>
      unwrap(api.GET('/api/v1/webhook-events', { params: { query: { status: 'pending,dispatched', limit: 200 } } })),
    refetchInterval: REFRESH_MS,
  });
  return (
    <>
      <Card title="Parts">
        <Loaded query={health}>
          {({ parts }) => (
            <ul className="list">
              {Object.entries(parts).map(([name, part]) => (
                <li key={name}>
                  <span className="row between">
                    <strong>{PARTS[name]?.name ?? plain(name)}</strong>
                    <Badge tone={part.ok ? 'good' : 'bad'}>{part.ok ? 'Works' : 'Does not work'}</Badge>
                  </span>
                  <span className="muted small">
                    {part.ok
                      ? PARTS[name]?.means
                      : `${part.reason ?? 'No reason is known'}. Webhooks are kept; what waits goes on by itself once it is back.`}
                  </span>
                </li>
              ))}
            </ul>
          )}
        </Loaded>
      </Card>
      <Card title="Inbox">
        <Loaded query={waiting} skeleton={<Skeleton rows={1} />}>
          {({ items, total }) => {
            const oldest = items.at(-1);
            return (
              <Definition
                items={[
                  ['Events that wait', number(total)],
                  ['Oldest of them', oldest ? ago(oldest.received_at) : 'None waits'],
                ]}
              />
            );
          }}
        </Loaded>
      </Card>
    </>
  );
}
