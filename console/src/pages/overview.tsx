/** The company, or one person's work, in numbers; each is a link to the rows behind it. */
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { lazy, type ReactNode, Suspense } from 'react';
import { api, download, type Schemas, unwrap } from '../lib/api.ts';
import { addDays, countDays, dayName, decimal, duration, isoDay, number, percent } from '../lib/format.ts';
import { useFallbackInterval } from '../lib/live.ts';
import { useCan, useKnownMe } from '../lib/me.ts';
import type { Search } from '../lib/search.ts';
import { announce, Badge, Button, Card, Empty, Loaded, Page, Select, TextField } from '../ui/kit.tsx';

const Trend = lazy(() => import('../parts/charts.tsx').then((module) => ({ default: module.Trend })));

type Calls = Omit<Schemas['CsrOverview'], 'mine' | 'unassigned'> & {
  spam_calls?: number;
  open_followups?: number;
  overdue_followups?: number;
  median_callback_minutes?: number | null;
  by_csr?: Schemas['CompanyCsrOverview']['by_csr'];
};
type Sales = Schemas['SalesOverview'] & { by_rep?: Schemas['CompanySalesOverview']['by_rep'] };

/** Fewer say little about a person. */
const FEW = 5;

const RANGES = [
  ['1', 'Today'],
  ['7', 'Last 7 days'],
  ['30', 'Last 30 days'],
  ['90', 'Last 90 days'],
] as const;

interface Range {
  date_from: string;
  date_to: string;
}

export function OverviewPage() {
  const me = useKnownMe();
  const search = useSearch({ from: '/overview' });
  const navigate = useNavigate({ from: '/overview' });
  const today = isoDay();
  const range: Range = {
    date_from: search.date_from ?? addDays(search.date_to ?? today, -29),
    date_to: search.date_to ?? today,
  };
  const days = countDays(range.date_from, range.date_to);
  const before: Range = { date_from: addDays(range.date_from, -days), date_to: addDays(range.date_from, -1) };
  const preset = range.date_to === today ? RANGES.find(([length]) => Number(length) === days)?.[0] : undefined;
  const set = (next: Range) => void navigate({ search: next, replace: true });
  const can = useCan();
  const isSelf = !can('see company numbers');
  return (
    <Page
      title={isSelf ? 'My numbers' : 'Overview'}
      lead={`${dayName(range.date_from, { dateStyle: 'medium' })} – ${dayName(range.date_to, { dateStyle: 'medium' })}, days in ${(me.company?.time_zone ?? '').replaceAll('_', ' ')}`}
      actions={
        <>
          <Button
            icon="download"
            onPress={() => {
              const text = new URLSearchParams({ ...range });
              download(`/api/v1/exports/calls?${text}`, `calls-${range.date_from}-${range.date_to}.csv`).then(
                () => announce('The calls were downloaded.'),
                (error: Error) => announce(error.message),
              );
            }}
          >
            CSV
          </Button>
          <Button icon="print" onPress={() => window.print()}>
            Print
          </Button>
        </>
      }
    >
      <search className="filters no-print">
        <Select
          label="Days"
          value={preset ?? 'own'}
          onChange={(length) =>
            length !== 'own' && set({ date_from: addDays(today, 1 - Number(length)), date_to: today })
          }
          options={preset ? RANGES : [...RANGES, ['own', `${days} days`] as const]}
        />
        <TextField
          label="From"
          type="date"
          value={range.date_from}
          max={range.date_to}
          onChange={(date_from) =>
            date_from && set({ date_from, date_to: [date_from, range.date_to].sort()[1] ?? date_from })
          }
        />
        <TextField
          label="To"
          type="date"
          value={range.date_to}
          onChange={(date_to) =>
            date_to && set({ date_from: [date_to, range.date_from].sort()[0] ?? date_to, date_to })
          }
        />
      </search>
      {me.role !== 'sales_rep' && <CallNumbers range={range} before={before} isSelf={isSelf} />}
      {me.role !== 'csr' && <SalesNumbers range={range} before={before} isSelf={isSelf} />}
    </Page>
  );
}

function CallNumbers({ range, before, isSelf }: { range: Range; before: Range; isSelf: boolean }) {
  const me = useKnownMe();
  const interval = useFallbackInterval();
  const ask = (query: Range): Promise<Calls> =>
    isSelf
      ? unwrap(api.GET('/api/v1/metrics/csr/overview/self', { params: { query } }))
      : unwrap(api.GET('/api/v1/metrics/exec/csr/overview', { params: { query } }));
  const now = useQuery({
    queryKey: ['metrics', 'calls', isSelf, range],
    queryFn: () => ask(range),
    refetchInterval: interval,
  });
  const earlier = useQuery({
    queryKey: ['metrics', 'calls', isSelf, before],
    queryFn: () => ask(before),
    staleTime: 600_000,
  }).data;
  // Against days without any call everything would be a rise.
  const past = earlier && earlier.total_calls > 0 ? earlier : undefined;
  const objections = useQuery({
    queryKey: ['metrics', 'objections', range],
    queryFn: () => unwrap(api.GET('/api/v1/metrics/exec/objections', { params: { query: range } })),
    enabled: !isSelf,
    refetchInterval: interval,
  });
  // What is counted is inbound, without spam; one's own numbers are one's own calls and those that name nobody.
  const rows = (more: Search = {}): Search => ({
    ...range,
    direction: 'inbound',
    spam: 'false',
    ...(isSelf && { handled_by: `${me.user_id},none` }),
    ...more,
  });
  return (
    <Loaded query={now}>
      {(data) => (
        <>
          <div className="stats">
            <Stat
              name="Calls"
              value={number(data.total_calls)}
              to={rows()}
              was={change(data.total_calls, past?.total_calls)}
            />
            <Stat
              name="Answered"
              value={share(data.answered_calls, data.total_calls)}
              behind={`${number(data.answered_calls)} of ${number(data.total_calls)}`}
              to={rows({ status: 'completed,in_progress' })}
              was={points(
                ratio(data.answered_calls, data.total_calls),
                past && ratio(past.answered_calls, past.total_calls),
              )}
            />
            <Stat
              name="Missed"
              value={number(data.missed_calls)}
              behind="with voicemails"
              to={rows({ status: 'missed,abandoned,voicemail' })}
              was={change(data.missed_calls, past?.missed_calls, true)}
            />
            <Stat
              name="Qualified"
              value={percent(data.qualified_rate)}
              behind={`${number(data.qualified_calls)} of ${number(data.analyzed_calls)} analyzed`}
              to={rows({ qualified: 'true' })}
              was={points(data.qualified_rate, past?.qualified_rate)}
            />
            <Stat
              name="Booked"
              value={percent(data.booking_rate)}
              behind={`${number(data.booked_calls)} of ${number(data.qualified_calls)} qualified`}
              to={rows({ booking_status: 'booked' })}
              was={points(data.booking_rate, past?.booking_rate)}
            />
            <Stat
              name="Qualified, not booked"
              value={number(data.qualified_but_unbooked_calls)}
              behind={data.top_missed_booking_reason ? `most often: ${data.top_missed_booking_reason}` : undefined}
              to={rows({ booking_status: 'not_booked', qualification: 'hot,warm,cold' })}
              was={change(data.qualified_but_unbooked_calls, past?.qualified_but_unbooked_calls, true)}
            />
            <Stat
              name="Service not offered"
              value={number(data.service_not_offered_calls)}
              behind={`${percent(data.service_not_offered_rate)} of qualified`}
              to={rows({ booking_status: 'service_not_offered', qualification: 'hot,warm,cold' })}
            />
            <Stat
              name="Not judged yet"
              value={number(data.pending_analysis_calls)}
              behind="still being processed"
              to={rows({ stage: 'awaiting_end,awaiting_recording,transcribing,analyzing' })}
            />
            <Stat
              name="Steps of a good call"
              value={`${decimal(data.avg_compliance_score)} of 10`}
              behind={`in ${number(data.analyzed_calls)} analyzed`}
              to={rows({ analyzed: 'true' })}
              was={plainChange(data.avg_compliance_score, past?.avg_compliance_score)}
            />
            <Stat
              name="Sentiment"
              value={percent(data.avg_sentiment_score)}
              behind={`in ${number(data.analyzed_calls)} analyzed`}
              to={rows({ analyzed: 'true' })}
              was={points(data.avg_sentiment_score, past?.avg_sentiment_score)}
            />
            <Stat
              name="Length of a call"
              value={duration(data.avg_call_duration_seconds)}
              behind={`mean of ${number(data.answered_calls)} answered`}
              to={rows({ status: 'completed,in_progress' })}
            />
            {data.open_followups !== undefined && (
              <FollowUpStat
                open={data.open_followups}
                overdue={data.overdue_followups ?? 0}
                minutes={data.median_callback_minutes || null}
              />
            )}
          </div>
          <Card title="Calls by day">
            {data.total_calls === 0 ? (
              <Empty title="No calls on these days" icon="phone" />
            ) : (
              <Suspense fallback={<div className="chart" />}>
                <Trend
                  rows={data.trend.map(({ date, total_calls, qualified_calls, booked_calls }) => ({
                    date,
                    one: total_calls,
                    two: qualified_calls,
                    three: booked_calls,
                  }))}
                  names={['Calls', 'Qualified', 'Booked']}
                />
              </Suspense>
            )}
          </Card>
          <div className="split even">
            <Card title="From call to booking">
              <Funnel
                steps={[
                  { name: 'Calls', value: data.total_calls, to: rows() },
                  { name: 'Answered', value: data.answered_calls, to: rows({ status: 'completed,in_progress' }) },
                  { name: 'Analyzed', value: data.analyzed_calls, to: rows({ analyzed: 'true' }) },
                  { name: 'Qualified', value: data.qualified_calls, to: rows({ qualified: 'true' }) },
                  { name: 'Booked', value: data.booked_calls, to: rows({ booking_status: 'booked' }) },
                ]}
              />
            </Card>
            {!isSelf && objections.data && (
              <Card title="Objections">
                <Objections items={objections.data.items} rows={rows} />
              </Card>
            )}
          </div>
          {data.by_csr && (
            <Card title="By CSR">
              <div className="table-box">
                <table>
                  <thead>
                    <tr>
                      <th scope="col">Who</th>
                      <th scope="col" className="n">
                        Calls
                      </th>
                      <th scope="col" className="n">
                        Answered
                      </th>
                      <th scope="col" className="n">
                        Qualified
                      </th>
                      <th scope="col" className="n">
                        Booked
                      </th>
                      <th scope="col" className="n">
                        Steps
                      </th>
                      <th scope="col" className="n">
                        Sentiment
                      </th>
                      <th scope="col">Often in the way</th>
                    </tr>
                  </thead>
                  <tbody>
                    {data.by_csr.map((csr) => {
                      const own = (more: Search = {}) => rows({ handled_by: csr.csr_id ?? 'none', ...more });
                      return (
                        <tr key={csr.csr_id ?? ''}>
                          <th scope="row">
                            {csr.csr_id === null ? 'Nobody named' : (csr.name ?? csr.csr_id)}{' '}
                            {csr.total_calls < FEW && <Badge>few calls</Badge>}
                          </th>
                          <td className="n">
                            <Rows to={own()}>{number(csr.total_calls)}</Rows>
                          </td>
                          <td className="n">
                            <Rows to={own({ status: 'completed,in_progress' })}>{number(csr.answered_calls)}</Rows>
                          </td>
                          <td className="n">
                            <Rows to={own({ qualified: 'true' })}>{number(csr.qualified_calls)}</Rows>
                          </td>
                          <td className="n">
                            <Rows to={own({ booking_status: 'booked' })}>{number(csr.booked_calls)}</Rows>{' '}
                            <span className="muted small">{percent(csr.booking_rate)}</span>
                          </td>
                          <td className="n">{decimal(csr.avg_compliance_score)}</td>
                          <td className="n">{percent(csr.avg_sentiment_score)}</td>
                          <td>{csr.top_missed_booking_reason ?? '–'}</td>
                        </tr>
                      );
                    })}
                  </tbody>
                </table>
              </div>
            </Card>
          )}
        </>
      )}
    </Loaded>
  );
}

function SalesNumbers({ range, before, isSelf }: { range: Range; before: Range; isSelf: boolean }) {
  const me = useKnownMe();
  const interval = useFallbackInterval();
  const ask = (query: Range): Promise<Sales> =>
    isSelf
      ? unwrap(api.GET('/api/v1/metrics/sales/rep/overview/self', { params: { query } }))
      : unwrap(api.GET('/api/v1/metrics/exec/sales/overview', { params: { query } }));
  const now = useQuery({
    queryKey: ['metrics', 'sales', isSelf, range],
    queryFn: () => ask(range),
    refetchInterval: interval,
  });
  const earlier = useQuery({
    queryKey: ['metrics', 'sales', isSelf, before],
    queryFn: () => ask(before),
    staleTime: 600_000,
  }).data;
  const past = earlier && earlier.total_appointments > 0 ? earlier : undefined;
  // As the numbers count: by the start, else by when it was made; without cancelled ones.
  const rows = (more: Search = {}): Search => ({
    ...range,
    counted: 'true',
    ...(isSelf && { assigned_rep_id: me.user_id }),
    ...more,
  });
  return (
    <Loaded query={now}>
      {(data) => (
        <>
          <h2>Visits and sales</h2>
          <div className="stats">
            <Stat
              page="/appointments"
              name="Appointments"
              value={number(data.total_appointments)}
              to={rows()}
              was={change(data.total_appointments, past?.total_appointments)}
            />
            <Stat
              page="/appointments"
              name="Visited"
              value={number(data.completed_appointments)}
              to={rows({ status: 'completed' })}
              was={change(data.completed_appointments, past?.completed_appointments)}
            />
            <Stat
              page="/appointments"
              name="Won"
              value={percent(data.win_rate)}
              behind={`${number(data.won_appointments)} of ${number(data.won_appointments + data.lost_appointments)} decided`}
              to={rows({ outcome: 'won' })}
              was={points(data.win_rate, past?.win_rate)}
            />
            <Stat
              page="/appointments"
              name="Lost"
              value={number(data.lost_appointments)}
              to={rows({ outcome: 'lost' })}
              was={change(data.lost_appointments, past?.lost_appointments, true)}
            />
            <Stat
              page="/appointments"
              name="Undecided"
              value={number(data.pending_appointments)}
              to={rows({ outcome: 'pending' })}
            />
            <Stat
              page="/appointments"
              name="Steps of a good visit"
              value={`${decimal(data.avg_compliance_score)} of 10`}
              to={rows({ status: 'completed' })}
              was={plainChange(data.avg_compliance_score, past?.avg_compliance_score)}
            />
          </div>
          <Card title="Appointments by day">
            {data.total_appointments === 0 ? (
              <Empty title="No appointments on these days" icon="calendar" />
            ) : (
              <Suspense fallback={<div className="chart" />}>
                <Trend
                  rows={data.trend.map(({ date, total_appointments, won_appointments, lost_appointments }) => ({
                    date,
                    one: total_appointments,
                    two: won_appointments,
                    three: lost_appointments,
                  }))}
                  names={['Appointments', 'Won', 'Lost']}
                />
              </Suspense>
            )}
          </Card>
          {data.by_rep && (
            <Card title="By sales rep">
              <div className="table-box">
                <table>
                  <thead>
                    <tr>
                      <th scope="col">Who</th>
                      <th scope="col" className="n">
                        Appointments
                      </th>
                      <th scope="col" className="n">
                        Won
                      </th>
                      <th scope="col" className="n">
                        Lost
                      </th>
                      <th scope="col" className="n">
                        Win rate
                      </th>
                      <th scope="col" className="n">
                        Steps
                      </th>
                      <th scope="col" className="n">
                        Sentiment
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    {data.by_rep.map((rep) => {
                      const own = (more: Search = {}) => rows({ assigned_rep_id: rep.rep_id ?? 'none', ...more });
                      return (
                        <tr key={rep.rep_id ?? ''}>
                          <th scope="row">
                            {rep.rep_id === null ? 'Not assigned' : (rep.name ?? rep.rep_id)}{' '}
                            {rep.total_appointments < FEW && <Badge>few appointments</Badge>}
                          </th>
                          <td className="n">
                            <Rows page="/appointments" to={own()}>
                              {number(rep.total_appointments)}
                            </Rows>
                          </td>
                          <td className="n">
                            <Rows page="/appointments" to={own({ outcome: 'won' })}>
                              {number(rep.won_appointments)}
                            </Rows>
                          </td>
                          <td className="n">
                            <Rows page="/appointments" to={own({ outcome: 'lost' })}>
                              {number(rep.lost_appointments)}
                            </Rows>
                          </td>
                          <td className="n">{percent(rep.win_rate)}</td>
                          <td className="n">{decimal(rep.avg_compliance_score)}</td>
                          <td className="n">{percent(rep.avg_sentiment_score)}</td>
                        </tr>
                      );
                    })}
                  </tbody>
                </table>
              </div>
            </Card>
          )}
        </>
      )}
    </Loaded>
  );
}

type Delta = { text: string; tone: '' | 'good' | 'bad' } | undefined;
const ratio = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);
const share = (part: number, whole: number) => (whole === 0 ? '–' : percent(part / whole));

function delta(difference: number, text: string, lessIsBetter = false): Delta {
  if (difference === 0) return { text: 'as before', tone: '' };
  const isBetter = difference > 0 !== lessIsBetter;
  return { text: `${difference > 0 ? '▲' : '▼'} ${text}`, tone: isBetter ? 'good' : 'bad' };
}
function change(now: number, before: number | undefined, lessIsBetter = false): Delta {
  if (before === undefined) return undefined;
  return delta(now - before, `${number(Math.abs(now - before))} (was ${number(before)})`, lessIsBetter);
}
function points(now: number, before: number | undefined): Delta {
  if (before === undefined) return undefined;
  const difference = Math.round((now - before) * 100);
  return delta(difference, `${Math.abs(difference)} points (was ${percent(before)})`);
}
function plainChange(now: number, before: number | undefined): Delta {
  if (before === undefined) return undefined;
  const difference = Math.round((now - before) * 10) / 10;
  return delta(difference, `${decimal(Math.abs(difference))} (was ${decimal(before)})`);
}

function Stat({
  name,
  value,
  behind,
  to,
  was,
  page = '/calls',
}: {
  name: string;
  value: string;
  behind?: string | undefined;
  to: Search;
  was?: Delta;
  page?: '/calls' | '/appointments';
}) {
  return (
    <Link to={page} search={to as never} className="stat">
      <span className="name">{name}</span>
      <span className="value">{value}</span>
      {behind && <span className="behind">{behind}</span>}
      {was && <span className={`delta ${was.tone}`}>{was.text}</span>}
    </Link>
  );
}

function FollowUpStat({ open, overdue, minutes }: { open: number; overdue: number; minutes: number | null }) {
  return (
    <Link to="/follow-ups" className="stat">
      <span className="name">To call back</span>
      <span className="value">{number(open)}</span>
      <span className="behind">
        {number(overdue)} overdue{minutes !== null && `; called back in ${decimal(minutes)} min (median)`}
      </span>
    </Link>
  );
}

function Rows({
  to,
  children,
  page = '/calls',
}: {
  to: Search;
  children: ReactNode;
  page?: '/calls' | '/appointments';
}) {
  return (
    <Link to={page} search={to as never}>
      {children}
    </Link>
  );
}

function Funnel({ steps }: { steps: { name: string; value: number; to: Search }[] }) {
  const whole = steps[0]?.value ?? 0;
  return (
    <ol className="funnel">
      {steps.map(({ name, value, to }) => (
        <li key={name}>
          <Link to="/calls" search={to as never}>
            <span>{name}</span>
            <span className="bar" aria-hidden style={{ width: `${100 * ratio(value, whole)}%` }} />
            <span className="amount">
              <strong>{number(value)}</strong> <span className="muted small">{share(value, whole)}</span>
            </span>
          </Link>
        </li>
      ))}
    </ol>
  );
}

function Objections({ items, rows }: { items: Schemas['Objections']['items']; rows: (more: Search) => Search }) {
  if (items.length === 0) return <p className="muted">None were heard.</p>;
  return (
    <div className="table-box">
      <table>
        <thead>
          <tr>
            <th scope="col">Kind</th>
            <th scope="col" className="n">
              Heard
            </th>
            <th scope="col" className="n">
              Overcome
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map(({ category, objections, overcome }) => (
            <tr key={category}>
              <th scope="row">
                <Rows to={rows({ objection: category })}>{category}</Rows>
              </th>
              <td className="n">{number(objections)}</td>
              <td className="n">
                {number(overcome)} <span className="muted small">{share(overcome, objections)}</span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
