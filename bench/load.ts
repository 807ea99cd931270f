/** What the measurements share: calls sent as webhooks, percentiles, and the wait until the pipeline has caught up. */
import { type RequestOptions, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { newResourceId, signCallRail } from '../simulators/callrail.ts';
import { type Cluster, exchange, uniquePhone } from './cluster.ts';

export interface LoadCompany {
  id: string;
  signingKey: string;
  trackingNumber: string;
}

export interface SentCall {
  id: string;
  status: number;
  /** From the request to the whole answer. */
  tookMs: number;
}

/** Sends one ended call; with a recording it is analyzed, without one it is done at once. */
export async function sendCall(
  cluster: Cluster,
  company: LoadCompany,
  recording: 'recorded' | 'missed',
  api = 0,
): Promise<SentCall> {
  const id = newResourceId('CAL');
  const answered = recording === 'recorded';
  const body = JSON.stringify({
    call_id: id,
    caller_number: uniquePhone(),
    tracking_number: company.trackingNumber,
    recording_url: answered ? `https://s3.amazonaws.com/bench/booked-${id}.mp3` : null,
    duration: answered ? 120 : 0,
    answered,
    timestamp: new Date().toISOString(),
  });
  const url = `${cluster.apiUrls[api]}/api/v1/callrail/call.${answered ? 'completed' : 'missed'}`;
  const headers = { 'content-type': 'application/json', signature: signCallRail(body, company.signingKey) };
  const startedAt = performance.now();
  const { status } = await exchange(url, { method: 'POST', headers, body });
  return { id, status, tookMs: performance.now() - startedAt };
}

/**
 * One request, up to the last byte of its answer, which is not kept. Not by `fetch`, whose own work would be measured too.
 * @returns the status
 */
export function send(url: string, options: RequestOptions, body?: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, options, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode ?? 0));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Sends calls at a fixed rate, whether or not the earlier ones were answered: a slow answer must not slow the sender. */
export async function sendAtRate(
  perSecond: number,
  count: number,
  send: (index: number) => Promise<SentCall>,
): Promise<SentCall[]> {
  const startedAt = Date.now();
  const sent: Promise<SentCall>[] = [];
  for (let index = 0; index < count; index += 1) {
    await delay(Math.max(0, startedAt + (index * 1000) / perSecond - Date.now()));
    sent.push(send(index));
  }
  const all = await Promise.all(sent);
  const refused = all.filter(({ status }) => status !== 200).length;
  if (refused > 0) throw new Error(`${refused} of ${count} webhooks were not acknowledged`);
  return all;
}

/** The value that this share (0..1) of them does not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** How much is under way. */
export async function backlog({ sql }: Cluster): Promise<{ inbox: number; pipelines: number; attention: number }> {
  const [row] = await sql<{ inbox: number; pipelines: number; attention: number }[]>`select
    (select count(*)::int from webhook_events where status in ('pending', 'dispatched')) as inbox,
    (select count(*)::int from calls where stage not in ('done', 'not_analyzable', 'failed')) as pipelines,
    (select count(*)::int from calls where needs_attention) as attention`;
  return row ?? { inbox: 0, pipelines: 0, attention: 0 };
}

/** Waits until nothing is under way. @returns seconds it took; throws when the time is over */
export async function untilDrained(cluster: Cluster, withinSeconds: number): Promise<number> {
  const startedAt = Date.now();
  for (;;) {
    const { inbox, pipelines } = await backlog(cluster);
    const seconds = (Date.now() - startedAt) / 1000;
    if (inbox === 0 && pipelines === 0) return seconds;
    if (seconds > withinSeconds) throw new Error(`after ${seconds} s still ${inbox} events and ${pipelines} pipelines`);
    await delay(250);
  }
}
