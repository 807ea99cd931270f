/** Lists of calls, as the address asks for them. */
import type { InfiniteData, QueryClient } from '@tanstack/react-query';
import { api, type Call, list, unwrap } from './api.ts';
import { addDays, isoDay } from './format.ts';
import type { Search } from './search.ts';

export const PAGE_ROWS = 100;
export interface CallPage {
  items: Call[];
  total: number;
  total_is_estimate?: boolean;
  next_cursor: string | null;
}

/** Days that have a name, as first and last day. */
export function daysOf(name: string | undefined, today = isoDay()): { date_from?: string; date_to?: string } {
  if (name === 'all') return {};
  if (name === 'yesterday') return { date_from: addDays(today, -1), date_to: addDays(today, -1) };
  if (name === '7') return { date_from: addDays(today, -6), date_to: today };
  if (name === '30') return { date_from: addDays(today, -29), date_to: today };
  return { date_from: today, date_to: today };
}

/** What the API is asked: days that were named by date win, then those named by word; today without either. */
export function callQuery({ day, date_from, date_to, ...rest }: Search): Search {
  return { ...(date_from || date_to ? { date_from, date_to } : daysOf(day)), ...rest };
}

export function fetchCalls(query: Search, cursor?: string, limit = PAGE_ROWS): Promise<CallPage> {
  return list<CallPage>('/api/v1/calls', { ...query, cursor, limit: String(limit) });
}

/**
 * Brings a long list up to date by its first page: what is new comes on top. Short lists are simply loaded anew, which
 * also takes out what no longer belongs.
 */
export async function refreshCalls(queries: QueryClient): Promise<void> {
  const lists = queries.getQueryCache().findAll({ queryKey: ['calls'], type: 'active' });
  for (const { queryKey, state } of lists) {
    const loaded = state.data as InfiniteData<CallPage> | undefined;
    if (!loaded?.pages || loaded.pages.length <= 2) {
      void queries.invalidateQueries({ queryKey, exact: true });
      continue;
    }
    const head = await fetchCalls(queryKey[1] as Search).catch(() => undefined);
    if (!head) continue;
    queries.setQueryData<InfiniteData<CallPage>>(queryKey, (old) => {
      const [first, ...others] = old?.pages ?? [];
      if (!old || !first) return old;
      const known = new Set(others.flatMap((page) => page.items.map(({ id }) => id)));
      const headIds = new Set(head.items.map(({ id }) => id));
      const items = [
        ...head.items.filter(({ id }) => !known.has(id)),
        ...first.items.filter(({ id }) => !headIds.has(id)),
      ];
      return { ...old, pages: [{ ...first, items, total: head.total }, ...others] };
    });
  }
  void queries.invalidateQueries({
    queryKey: ['calls'],
    refetchType: 'none',
    predicate: (query) => !query.isActive(),
  });
}

export const callKey = (id: string) => ['call', id] as const;
export const fetchCall = (id: string): Promise<Call> =>
  unwrap(api.GET('/api/v1/calls/{id}', { params: { path: { id } } }));
