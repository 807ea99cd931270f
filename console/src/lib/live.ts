/** Follows the event stream and keeps what is on the screen as the API would answer it now. */
import { type InfiniteData, type QueryClient, useQueryClient } from '@tanstack/react-query';
import { useEffect, useSyncExternalStore } from 'react';
import { createClient, followEvents, type LiveEvent } from '../../../src/client/index.ts';
import type { Call } from './api.ts';
import { type CallPage, refreshCalls } from './calls.ts';
import { expireSession, getSession } from './session.ts';

/** off: this role has no stream, so pages ask again by themselves. */
export type LiveStatus = 'connecting' | 'live' | 'reconnecting' | 'off';

/** The stream says something at least every 15 s; twice that in silence is a connection that died unnoticed. */
const SILENCE_MS = 40_000;
const REFRESH_AFTER_MS = 250;

let status: LiveStatus = 'connecting';
const listeners = new Set<() => void>();
function setStatus(next: LiveStatus): void {
  if (status === next) return;
  status = next;
  for (const listener of listeners) listener();
}

export const useLiveStatus = (): LiveStatus =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => status,
  );

/** How often a page without a stream asks again. */
export const useFallbackInterval = (): number | false => (useLiveStatus() === 'live' ? false : 15_000);

/** Runs the stream while somebody is signed in. @param token a new one starts it anew */
export function useLive(token: string | undefined, hasStream: boolean): void {
  const queries = useQueryClient();
  useEffect(() => {
    if (!token) return;
    if (!hasStream) return setStatus('off');
    const stop = new AbortController();
    setStatus('connecting');
    void follow(token, queries, stop.signal);
    return () => stop.abort();
  }, [token, hasStream, queries]);
}

async function follow(token: string, queries: QueryClient, signal: AbortSignal): Promise<void> {
  const client = createClient({
    baseUrl: location.origin,
    token: () => getSession()?.token ?? '',
    fetch: watchedFetch,
  });
  const refresh = createRefresher(queries);
  let wasReady = false;
  try {
    for await (const event of followEvents(client, signal)) {
      setStatus('live');
      if (event.kind === 'ready' || event.kind === 'reset') {
        // What the first load answered is at most as old as the stream; after a break all of it may be.
        if (wasReady || event.kind === 'reset') void queries.invalidateQueries();
        wasReady = true;
      } else apply(event, queries, refresh);
    }
  } catch (error) {
    const refused = ((error as Error).cause as { status?: number } | undefined)?.status;
    if (refused === 401) expireSession(token);
    setStatus(refused === 401 ? 'reconnecting' : 'off');
  }
}

/** Notices when the stream breaks or falls silent, which the client mends without a word. */
async function watchedFetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const silence = new AbortController();
  const request = new Request(input, init);
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENCE_MS);
  };
  try {
    const response = await fetch(new Request(request, { signal: AbortSignal.any([request.signal, silence.signal]) }));
    if (!response.ok || !response.body) {
      clearTimeout(timer);
      if (response.status >= 500 || response.status === 429) setStatus('reconnecting');
      return response;
    }
    const watch = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        heard();
        controller.enqueue(chunk);
      },
      flush: () => lost(),
    });
    const lost = () => {
      clearTimeout(timer);
      if (!request.signal.aborted) setStatus('reconnecting');
    };
    response.body.pipeTo(watch.writable).catch(lost);
    return new Response(watch.readable, { status: response.status, headers: response.headers });
  } catch (error) {
    clearTimeout(timer);
    if (!request.signal.aborted) setStatus('reconnecting');
    throw error;
  }
}

type Change = Exclude<LiveEvent, { kind: 'ready' | 'reset' }>;

/** Lists whose rows or counts a change of this kind can move. */
const LISTS: Record<Change['kind'], string[]> = {
  call: ['calls', 'contact', 'follow-ups', 'metrics'],
  lead: ['leads', 'contact', 'follow-ups'],
  appointment: ['appointments', 'contact', 'metrics'],
  visit: ['visits', 'metrics'],
  pipeline: ['pipelines'],
  follow_up: ['follow-ups', 'metrics'],
};
const ONE: Record<Change['kind'], string> = {
  call: 'call',
  lead: 'lead',
  appointment: 'appointment',
  visit: 'visit',
  pipeline: 'pipeline',
  follow_up: 'follow-up',
};

function apply(change: Change, queries: QueryClient, refresh: (list: string) => void): void {
  if (change.data) queries.setQueryData([ONE[change.kind], change.id], change.data);
  else queries.removeQueries({ queryKey: [ONE[change.kind], change.id] });
  if (change.kind === 'call') {
    patchCalls(queries, change.id, change.data);
    void queries.invalidateQueries({ queryKey: ['transcript', change.id] });
  }
  // Kinds that a newer service tells of and this page does not know are theirs to load.
  for (const list of LISTS[change.kind] ?? []) refresh(list);
}

/** The row changes at once; whether it still belongs to the list is for the refresh to say. */
function patchCalls(queries: QueryClient, id: string, call: Call | null): void {
  queries.setQueriesData<InfiniteData<CallPage>>({ queryKey: ['calls'] }, (list) => {
    if (!list?.pages?.some((page) => page.items.some((item) => item.id === id))) return list;
    const pages = list.pages.map((page) => ({
      ...page,
      items: page.items.flatMap((item) => (item.id !== id ? [item] : call ? [call] : [])),
    }));
    return { ...list, pages };
  });
}

/** Asks each list once for a burst of changes. */
function createRefresher(queries: QueryClient): (list: string) => void {
  const due = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  return (list) => {
    due.add(list);
    if (timer) return;
    timer = setTimeout(() => {
      timer = undefined;
      for (const name of due) {
        if (name === 'calls') void refreshCalls(queries);
        else void queries.invalidateQueries({ queryKey: [name] });
      }
      due.clear();
    }, REFRESH_AFTER_MS);
  };
}
