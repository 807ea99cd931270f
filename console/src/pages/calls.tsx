/** The live board: today's calls as they ring, are answered and judged; and every other list of calls. */
import { keepPreviousData, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import { api, type Call, download, type Schemas, unwrap } from '../lib/api.ts';
import { callKey, callQuery, fetchCalls } from '../lib/calls.ts';
import { callerName, dayName, duration, isoDay, number, phone } from '../lib/format.ts';
import { useFallbackInterval } from '../lib/live.ts';
import { useCan, useKnownMe, useNameOf, useUsers } from '../lib/me.ts';
import type { Search } from '../lib/search.ts';
import { callStatus, outcome, plain, qualification, stage } from '../lib/words.ts';
import { Icon, type IconName } from '../ui/icons.tsx';
import {
  announce,
  Badge,
  Button,
  Empty,
  Loaded,
  Page,
  ProblemNote,
  Said,
  Select,
  TextField,
  Time,
} from '../ui/kit.tsx';

const DAYS = [
  ['', 'Today'],
  ['yesterday', 'Yesterday'],
  ['7', 'Last 7 days'],
  ['30', 'Last 30 days'],
  ['all', 'All days'],
] as const;

const STATUS_CHOICES = [
  ['', 'Any status'],
  ['ringing,in_progress', 'On the phone now'],
  ['completed,in_progress', 'Answered'],
  ['missed,abandoned,voicemail', 'Missed, with voicemails'],
  ['voicemail', 'Voicemail'],
] as const;

const OUTCOME_CHOICES = [
  ['', 'Any outcome'],
  ['booked', 'Booked'],
  ['not_booked', 'Not booked'],
  ['service_not_offered', 'Service not offered'],
] as const;

const TYPING_MS = 300;

export function CallsPage() {
  const search = useSearch({ from: '/calls' }) as Search;
  const navigate = useNavigate({ from: '/calls' });
  const set = (change: Search) => void navigate({ search: (old) => ({ ...old, ...change }), replace: true });
  const me = useKnownMe();
  const isToday = !search.day && !search.date_from && !search.date_to;
  const query = callQuery(search);
  const interval = useFallbackInterval();
  const calls = useInfiniteQuery({
    queryKey: ['calls', query],
    queryFn: ({ pageParam }) => fetchCalls(query, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
    refetchInterval: interval,
  });
  const total = calls.data?.pages[0];
  return (
    <Page
      title={isToday ? 'Calls today' : 'Calls'}
      lead={
        me.role === 'sales_rep'
          ? 'Calls of your appointments.'
          : isToday
            ? dayName(isoDay(), { weekday: 'long', month: 'long', day: 'numeric' })
            : undefined
      }
      actions={
        <Button
          icon="download"
          onPress={() => {
            const text = new URLSearchParams(
              Object.entries(query).filter((entry): entry is [string, string] => !!entry[1]),
            );
            download(`/api/v1/exports/calls?${text}`, 'calls.csv').then(
              () => announce('The list was downloaded.'),
              (error: Error) => announce(error.message),
            );
          }}
        >
          CSV
        </Button>
      }
    >
      {isToday && me.role !== 'sales_rep' && (
        <TodayStrip onChoose={set} chosen={search.status ?? search.booking_status ?? ''} />
      )}
      <Filters search={search} set={set} />
      <p className="muted small count-line" role="status">
        {total &&
          `${total.total_is_estimate ? 'More than ' : ''}${number(total.total)} ${total.total === 1 ? 'call' : 'calls'}`}
      </p>
      <Loaded query={calls}>
        {({ pages }) => {
          const items = pages.flatMap((page) => page.items);
          return items.length === 0 ? (
            <NoCalls isToday={isToday} isFiltered={Object.keys(search).some((name) => name !== 'day')} />
          ) : (
            <CallList
              items={items}
              total={pages[0]?.total ?? items.length}
              showDay={!isToday}
              onEnd={() => calls.hasNextPage && !calls.isFetchingNextPage && void calls.fetchNextPage()}
            />
          );
        }}
      </Loaded>
      {calls.isFetchNextPageError && <ProblemNote problem={calls.error} onRetry={() => void calls.fetchNextPage()} />}
    </Page>
  );
}

function NoCalls({ isToday, isFiltered }: { isToday: boolean; isFiltered: boolean }) {
  if (isFiltered)
    return (
      <Empty title="No call matches" icon="search">
        Take a filter away, or choose more days. <Link to="/calls">Show today without filters</Link>
      </Empty>
    );
  return (
    <Empty title={isToday ? 'No calls yet today' : 'No calls on these days'} icon="phone">
      {isToday ? (
        <>
          They appear here the moment they ring.{' '}
          <Link to="/calls" search={{ day: '7' }}>
            Show the last 7 days
          </Link>
        </>
      ) : (
        'Choose other days above.'
      )}
    </Empty>
  );
}

/** Today in numbers; a press shows the calls behind one. */
function TodayStrip({ onChoose, chosen }: { onChoose: (change: Search) => void; chosen: string }) {
  const can = useCan();
  const today = isoDay();
  const params = { params: { query: { date_from: today, date_to: today } } };
  const figures = useQuery({
    queryKey: ['metrics', 'today', today],
    queryFn: (): Promise<Omit<Schemas['CsrOverview'], 'mine' | 'unassigned'>> =>
      can('see company numbers')
        ? unwrap(api.GET('/api/v1/metrics/exec/csr/overview', params))
        : unwrap(api.GET('/api/v1/metrics/csr/overview/self', params)),
  });
  const numbers = figures.data;
  const chips: { text: string; value: number | undefined; set: Search; key: string; tone: string }[] = [
    { text: 'Calls', value: numbers?.total_calls, set: {}, key: '', tone: 'neutral' },
    {
      text: 'Answered',
      value: numbers?.answered_calls,
      set: { status: 'completed,in_progress' },
      key: 'completed,in_progress',
      tone: 'good',
    },
    {
      text: 'Missed',
      value: numbers?.missed_calls,
      set: { status: 'missed,abandoned,voicemail' },
      key: 'missed,abandoned,voicemail',
      tone: 'bad',
    },
    { text: 'Booked', value: numbers?.booked_calls, set: { booking_status: 'booked' }, key: 'booked', tone: 'good' },
    {
      text: 'Not booked',
      value: numbers?.qualified_but_unbooked_calls,
      set: { booking_status: 'not_booked', qualification: 'hot,warm,cold' },
      key: 'not_booked',
      tone: 'warn',
    },
  ];
  return (
    <fieldset className="strip no-print">
      <legend className="visually-hidden">
        {can('see company numbers') ? 'The company today' : 'Your calls today, and those that name nobody'}
      </legend>
      {chips.map(({ text, value, set, key, tone }) => (
        <button
          key={text}
          type="button"
          className={`chip ${tone}`}
          aria-pressed={chosen === key}
          onClick={() => onChoose({ status: undefined, booking_status: undefined, qualification: undefined, ...set })}
        >
          <strong>{value === undefined ? '–' : number(value)}</strong> {text}
        </button>
      ))}
    </fieldset>
  );
}

function Filters({ search, set }: { search: Search; set: (change: Search) => void }) {
  const { data: users } = useUsers();
  const [typed, setTyped] = useState(search.q ?? '');
  const sent = useRef(search.q ?? '');
  // The address follows the typing after a pause, and the box follows the address when it changes by itself.
  useEffect(() => {
    if (typed === sent.current) return;
    const timer = setTimeout(() => {
      sent.current = typed;
      set({ q: typed || undefined });
    }, TYPING_MS);
    return () => clearTimeout(timer);
  });
  useEffect(() => {
    if ((search.q ?? '') === sent.current) return;
    sent.current = search.q ?? '';
    setTyped(sent.current);
  }, [search.q]);
  const extra = (
    ['stage', 'qualification', 'analyzed', 'qualified', 'objection', 'handled_by', 'phone_number'] as const
  ).filter((name) => search[name]);
  const isDated = search.date_from || search.date_to;
  return (
    <search className="filters no-print">
      <TextField
        label="Search"
        type="search"
        placeholder="Name, number, words said"
        value={typed}
        onChange={setTyped}
      />
      <Select
        label="Days"
        value={isDated ? 'dated' : (search.day ?? '')}
        onChange={(day) => set({ day: day || undefined, date_from: undefined, date_to: undefined })}
        options={isDated ? [['dated', rangeText(search)] as const, ...DAYS] : DAYS}
      />
      <Select
        label="Status"
        value={search.status ?? ''}
        onChange={(status) => set({ status: status || undefined })}
        options={known(STATUS_CHOICES, search.status)}
      />
      <Select
        label="Outcome"
        value={search.booking_status ?? ''}
        onChange={(booking_status) => set({ booking_status: booking_status || undefined })}
        options={known(OUTCOME_CHOICES, search.booking_status)}
      />
      {users && (
        <Select
          label="Who answered"
          value={search.handled_by ?? ''}
          onChange={(handled_by) => set({ handled_by: handled_by || undefined })}
          options={known(
            [
              ['', 'Anybody'],
              ...users
                .filter(({ role }) => role === 'csr' || role === 'manager')
                .map(({ id, name }) => [id, name] as const),
              ['none', 'Nobody named'],
            ],
            search.handled_by,
          )}
        />
      )}
      {extra.length > 0 && (
        <ul className="active-filters" aria-label="More filters">
          {extra.map((name) => (
            <li key={name}>
              <Button
                kind="quiet"
                icon="close"
                aria-label={`Remove the filter ${plain(name)}`}
                onPress={() => set({ [name]: undefined })}
              >
                {plain(name)}: {(search[name] ?? '').split(',').map(plain).join(', ')}
              </Button>
            </li>
          ))}
        </ul>
      )}
    </search>
  );
}

/** A value that came by a link and is none of the choices is one of them too. */
const known = (options: readonly (readonly [string, string])[], value: string | undefined) =>
  value === undefined || options.some(([key]) => key === value)
    ? options
    : [...options, [value, value.split(',').map(plain).join(', ')] as const];

const rangeText = ({ date_from: from, date_to: to }: Search) =>
  from === to && from ? dayName(from) : `${from ? dayName(from) : 'Start'} – ${to ? dayName(to) : 'today'}`;

const ICONS: Record<string, IconName> = {
  missed: 'missed',
  abandoned: 'missed',
  no_answer: 'missed',
  voicemail: 'voicemail',
};

export function CallList({
  items,
  total,
  showDay,
  onEnd,
}: {
  items: Call[];
  total: number;
  showDay: boolean;
  onEnd: () => void;
}) {
  const nameOf = useNameOf();
  const box = useRef<HTMLUListElement>(null);
  const [top, setTop] = useState(0);
  useLayoutEffect(() => setTop(box.current?.offsetTop ?? 0), []);
  const rows = useWindowVirtualizer({
    count: items.length,
    estimateSize: () => 68,
    overscan: 12,
    scrollMargin: top,
    getItemKey: (index) => items[index]?.id ?? index,
  });
  const visible = rows.getVirtualItems();
  const last = visible.at(-1)?.index ?? 0;
  useEffect(() => {
    if (last >= items.length - 30) onEnd();
  }, [last, items.length, onEnd]);
  return (
    <ul className="call-list" ref={box} style={{ height: rows.getTotalSize() }}>
      {visible.map(({ index, key, start }) => {
        const call = items[index] as Call;
        return (
          <li
            key={key}
            ref={rows.measureElement}
            data-index={index}
            aria-setsize={total}
            aria-posinset={index + 1}
            style={{ transform: `translateY(${start - top}px)` }}
          >
            <CallRow call={call} showDay={showDay} agent={call.csr_id ? nameOf(call.csr_id) : ''} />
          </li>
        );
      })}
    </ul>
  );
}

type Match = { field: string; excerpt: string };

function CallRow({ call, showDay, agent }: { call: Call; showDay: boolean; agent: string }) {
  const queries = useQueryClient();
  const status = callStatus(call.status);
  const isOn = call.status === 'ringing' || call.status === 'in_progress';
  const result =
    outcome(call.analysis?.call_outcome_category ?? null) ?? qualification(call.analysis?.qualification ?? null);
  const { match } = call as Call & { match?: Match | null };
  return (
    <Link
      to="/calls/$id"
      params={{ id: call.id }}
      className={`call-row ${isOn ? 'on' : ''}`}
      onClick={() => queries.setQueryData(callKey(call.id), call)}
    >
      <span className={`call-icon ${status.tone}`}>
        <Icon name={ICONS[call.status] ?? 'phone'} />
      </span>
      <span className="call-who">
        <strong>{callerName(call.contact)}</strong>
        <span className="muted small">
          {call.contact.name && call.contact.phone_number ? `${phone(call.contact.phone_number)}` : status.text}
        </span>
      </span>
      <span className="call-what">
        {match ? (
          <span className="summary">“{match.excerpt}”</span>
        ) : call.analysis?.summary ? (
          <span className="summary">{call.analysis.summary}</span>
        ) : (
          <span className="muted">{isOn ? status.text : stageText(call)}</span>
        )}
      </span>
      <span className="call-result">
        {result ? <Said said={result} /> : isOn ? <Badge tone="info">{status.text}</Badge> : <StageBadge call={call} />}
      </span>
      <span className="call-agent muted small">{agent}</span>
      <span className="call-when">
        <Time at={call.started_at} {...(showDay ? {} : {})} />
        <span className="muted small">{isOn ? '' : duration(call.duration_seconds)}</span>
      </span>
    </Link>
  );
}

/** A missed call is not "done": nobody has called back. */
const stageText = (call: Call) => {
  if (call.pipeline.stage === 'done') return callStatus(call.status).text;
  return stage(call.pipeline.stage).text;
};

function StageBadge({ call }: { call: Call }) {
  if (call.pipeline.needs_attention) return <Badge tone="bad">Needs attention</Badge>;
  const status = callStatus(call.status);
  if (call.pipeline.stage === 'done' || call.pipeline.stage === 'not_analyzable')
    return <Badge tone={status.tone}>{status.text}</Badge>;
  return <Badge tone="info">{stage(call.pipeline.stage).text}</Badge>;
}
