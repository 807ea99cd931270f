/** A sales rep's day, made for a phone in one hand. */
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { api, unwrap } from '../lib/api.ts';
import { addDays, dayName, isoDay } from '../lib/format.ts';
import { useFallbackInterval } from '../lib/live.ts';
import { useKnownMe } from '../lib/me.ts';
import { AppointmentLine } from '../parts/booking.tsx';
import { VisitCard } from '../parts/visits.tsx';
import { Card, Empty, Loaded, Page, Skeleton } from '../ui/kit.tsx';

export function DayPage() {
  const me = useKnownMe();
  const interval = useFallbackInterval();
  const today = isoDay();
  const mine = useQuery({
    queryKey: ['appointments', 'today', today],
    queryFn: () => unwrap(api.GET('/api/v1/appointments/today/self', { params: { query: { limit: 100 } } })),
    refetchInterval: interval,
  });
  const next = useQuery({
    queryKey: ['appointments', 'next', today],
    queryFn: () =>
      unwrap(
        api.GET('/api/v1/appointments', {
          params: {
            query: { assigned_rep_id: me.user_id, date_from: addDays(today, 1), date_to: addDays(today, 7), limit: 50 },
          },
        }),
      ),
    refetchInterval: interval,
  });
  const untimed = useQuery({
    queryKey: ['appointments', 'untimed', me.user_id],
    queryFn: () =>
      unwrap(
        api.GET('/api/v1/appointments', {
          params: { query: { assigned_rep_id: me.user_id, unscheduled: 'true', limit: 20 } },
        }),
      ),
  });
  return (
    <Page title="My day" lead={dayName(today, { weekday: 'long', month: 'long', day: 'numeric' })}>
      <Loaded query={mine}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No appointments today" icon="calendar">
              New ones appear here by themselves.
            </Empty>
          ) : (
            <div className="stack">
              {items.map((appointment) => (
                <VisitCard key={appointment.id} appointment={appointment} />
              ))}
            </div>
          )
        }
      </Loaded>
      {untimed.data && untimed.data.items.length > 0 && (
        <Card title="Without a time">
          <ul className="list">
            {untimed.data.items.map((appointment) => (
              <li key={appointment.id}>
                <AppointmentLine appointment={appointment} withName />
              </li>
            ))}
          </ul>
        </Card>
      )}
      <Card title="The next seven days" actions={<Link to="/appointments">All appointments</Link>}>
        <Loaded query={next} skeleton={<Skeleton rows={1} />}>
          {({ items }) =>
            items.length === 0 ? (
              <p className="muted">Nothing yet.</p>
            ) : (
              <ul className="list">
                {items.map((appointment) => (
                  <li key={appointment.id}>
                    <AppointmentLine appointment={appointment} withName />
                  </li>
                ))}
              </ul>
            )
          }
        </Loaded>
      </Card>
    </Page>
  );
}
