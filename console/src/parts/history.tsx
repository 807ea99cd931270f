/** What the contact did before. */
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { api, unwrap } from '../lib/api.ts';
import { duration } from '../lib/format.ts';
import { callStatus, outcome } from '../lib/words.ts';
import { Card, Loaded, Said, Skeleton, Time } from '../ui/kit.tsx';

const SHOWN = 8;

export const useContact = (id: string) =>
  useQuery({
    queryKey: ['contact', id],
    queryFn: () => unwrap(api.GET('/api/v1/contacts/{id}', { params: { path: { id } } })),
  });

export function HistoryList({ contactId, exceptCallId }: { contactId: string; exceptCallId?: string }) {
  const contact = useContact(contactId);
  return (
    <Card title="Earlier and later calls">
      <Loaded query={contact} skeleton={<Skeleton rows={1} />}>
        {({ calls }) => {
          const others = calls.filter(({ id }) => id !== exceptCallId);
          if (others.length === 0) return <p className="muted">This is the only call of this number.</p>;
          return (
            <ul className="list">
              {others.slice(0, SHOWN).map((call) => (
                <li key={call.id}>
                  <span className="row between">
                    <Link to="/calls/$id" params={{ id: call.id }}>
                      <Time at={call.started_at} />
                    </Link>
                    <span className="row">
                      <span className="muted small">{duration(call.duration_seconds)}</span>
                      <Said said={outcome(call.analysis?.call_outcome_category ?? null) ?? callStatus(call.status)} />
                    </span>
                  </span>
                  {call.analysis?.summary && <span className="small">{call.analysis.summary}</span>}
                </li>
              ))}
              {others.length > SHOWN && (
                <li>
                  <Link to="/contacts/$id" params={{ id: contactId }}>
                    All {others.length + 1} calls
                  </Link>
                </li>
              )}
            </ul>
          );
        }}
      </Loaded>
    </Card>
  );
}
