/** Appointments by day; those without a time, those to look at, and the rows behind a number. */
import { useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { type Appointment, list as fetchList } from '../lib/api.ts';
import { addDays, dayName, isoDay, number } from '../lib/format.ts';
import { useFallbackInterval } from '../lib/live.ts';
import { useUsers } from '../lib/me.ts';
import type { Search } from '../lib/search.ts';
import { AppointmentLine } from '../parts/booking.tsx';
import { Badge, Button, Card, Empty, Loaded, Page, Select, TextField } from '../ui/kit.tsx';

interface AppointmentPage {
  items: (Appointment & { review?: { reason: string; since: string } | null; said_date?: string | null })[];
  total: number;
  next_cursor: string | null;
}

const STATUSES = [
  ['', 'Any status'],
  ['scheduled,confirmed', 'To come'],
  ['completed', 'Done'],
  ['no_show', 'Nobody was there'],
  ['cancelled', 'Cancelled'],
] as const;

const VIEWS = [
  ['days', 'By day'],
  ['unscheduled', 'Without a time'],
  ['review', 'To look at'],
] as const;

export function AppointmentsPage() {
  const search = useSearch({ from: '/appointments' }) as Search;
  const navigate = useNavigate({ from: '/appointments' });
  const set = (change: Search) => void navigate({ search: (old) => ({ ...old, ...change }), replace: true });
  const { data: users } = useUsers();
  const view = search.unscheduled ? 'unscheduled' : search.review ? 'review' : 'days';
  const isDefault = view === 'days' && !search.date_from && !search.date_to;
  const query: Search = isDefault ? { ...search, date_from: isoDay(), date_to: addDays(isoDay(), 13) } : search;
  const interval = useFallbackInterval();
  const list = useInfiniteQuery({
    queryKey: ['appointments', query],
    queryFn: ({ pageParam: cursor }) =>
      fetchList<AppointmentPage>('/api/v1/appointments', { ...query, limit: '100', cursor }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    refetchInterval: interval,
  });
  return (
    <Page title="Appointments" lead={isDefault ? 'Today and the next 13 days.' : undefined}>
      <search className="filters no-print">
        <Select
          label="Show"
          value={view}
          onChange={(next) =>
            set({
              unscheduled: next === 'unscheduled' ? 'true' : undefined,
              review: next === 'review' ? 'true' : undefined,
              ...(next !== 'days' && { date_from: undefined, date_to: undefined }),
            })
          }
          options={VIEWS}
        />
        {view === 'days' && (
          <>
            <TextField
              label="From"
              type="date"
              value={query.date_from ?? ''}
              onChange={(date_from) => set({ date_from: date_from || undefined, date_to: query.date_to })}
            />
            <TextField
              label="To"
              type="date"
              value={query.date_to ?? ''}
              onChange={(date_to) => set({ date_to: date_to || undefined, date_from: query.date_from })}
            />
          </>
        )}
        <Select
          label="Status"
          value={search.status ?? ''}
          onChange={(status) => set({ status: status || undefined })}
          options={
            search.status && !STATUSES.some(([key]) => key === search.status)
              ? [...STATUSES, [search.status, 'Not cancelled'] as const]
              : STATUSES
          }
        />
        {users && (
          <Select
            label="Sales rep"
            value={search.assigned_rep_id ?? ''}
            onChange={(assigned_rep_id) => set({ assigned_rep_id: assigned_rep_id || undefined })}
            options={[
              ['', 'Everybody'],
              ...users.filter(({ role }) => role === 'sales_rep').map(({ id, name }) => [id, name] as const),
              ...(search.assigned_rep_id === 'none' ? [['none', 'Not assigned'] as const] : []),
            ]}
          />
        )}
      </search>
      {search.outcome && (
        <ul className="active-filters" aria-label="More filters">
          <li>
            <Button kind="quiet" icon="close" onPress={() => set({ outcome: undefined })}>
              Outcome: {search.outcome}
            </Button>
          </li>
        </ul>
      )}
      <Loaded query={list}>
        {({ pages }) => {
          const items = pages.flatMap((page) => page.items);
          const total = pages[0]?.total ?? 0;
          if (items.length === 0)
            return (
              <Empty title="No appointments here" icon="calendar">
                {view === 'review'
                  ? 'Nothing needs a look.'
                  : 'Choose other days, or book one from the page of a call.'}
              </Empty>
            );
          return (
            <>
              <p className="muted small count-line" role="status">
                {number(total)} {total === 1 ? 'appointment' : 'appointments'}
              </p>
              {byDay(items).map(([day, ofDay]) => (
                <Card
                  key={day}
                  title={day ? dayName(day, { weekday: 'long', month: 'long', day: 'numeric' }) : 'No time yet'}
                >
                  <ul className="list">
                    {ofDay.map((appointment) => (
                      <li key={appointment.id}>
                        <AppointmentLine appointment={appointment} withName />
                        {appointment.said_date && !appointment.scheduled_start && (
                          <span className="small">The caller said: “{appointment.said_date}”</span>
                        )}
                        {appointment.review && (
                          <span>
                            <Badge tone="warn">Please look: {appointment.review.reason.replaceAll('_', ' ')}</Badge>
                          </span>
                        )}
                      </li>
                    ))}
                  </ul>
                </Card>
              ))}
              {list.hasNextPage && (
                <Button busy={list.isFetchingNextPage} onPress={() => void list.fetchNextPage()}>
                  Show more
                </Button>
              )}
            </>
          );
        }}
      </Loaded>
    </Page>
  );
}

function byDay<Item extends Appointment>(items: Item[]): [string, Item[]][] {
  const days = new Map<string, Item[]>();
  for (const item of items) {
    const day = item.scheduled_start ? isoDay(item.scheduled_start) : '';
    days.set(day, [...(days.get(day) ?? []), item]);
  }
  return [...days];
}
