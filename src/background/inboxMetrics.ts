import { sql } from 'drizzle-orm';
import { Gauge, type Registry } from 'prom-client';
import type { Database } from '../db/client.ts';
import { kept } from '../runtime/kept.ts';

/** However often, and by however many, metrics are asked for: the rows behind them are counted this often. */
const KEPT_MS = 10_000;

const STATUSES = ['pending', 'dispatched', 'unrouted', 'invalid', 'rejected'] as const;

/**
 * Inbox depth and age of its oldest event, and pipelines that need a person. While the database is away they are missing,
 * and the other metrics are there.
 */
export function registerInboxMetrics(registry: Registry, db: Database): void {
  const figures = kept(KEPT_MS, () => readFigures(db).catch(() => undefined));
  const depth = new Gauge({
    name: 'inbox_events',
    help: 'Events in the inbox that are not applied, by status',
    labelNames: ['status'],
    registers: [registry],
    async collect() {
      const read = await figures();
      depth.reset();
      if (read) for (const status of STATUSES) depth.set({ status }, read.byStatus.get(status) ?? 0);
    },
  });
  const oldest = new Gauge({
    name: 'inbox_oldest_event_age_seconds',
    help: 'Age of the oldest event that is accepted and not applied',
    registers: [registry],
    async collect() {
      const read = await figures();
      if (read) oldest.set(read.oldestAgeSeconds);
      else oldest.remove();
    },
  });
  const attention = new Gauge({
    name: 'pipelines_needing_attention',
    help: 'Calls and visits whose pipeline needs a person',
    labelNames: ['kind'],
    registers: [registry],
    async collect() {
      const read = await figures();
      attention.reset();
      if (!read) return;
      attention.set({ kind: 'call' }, read.calls);
      attention.set({ kind: 'visit' }, read.visits);
    },
  });
}

/** By the words of the partial indexes: what was applied, which is nearly all, is never looked at. */
async function readFigures(db: Database) {
  const byStatus = await db.execute<{ status: string; count: number }>(sql`
    select status, count(*)::int as count from webhook_events where status in ('pending', 'dispatched') group by status
    union all
    select status, count(*)::int from webhook_events where status in ('unrouted', 'invalid', 'rejected') group by status`);
  const [row] = await db.execute<{ age: number; calls: number; visits: number }>(sql`select
    (select coalesce(extract(epoch from now() - min(received_at)), 0)::float8
      from webhook_events where status in ('pending', 'dispatched')) as age,
    (select count(*)::int from calls where needs_attention) as calls,
    (select count(*)::int from recording_sessions where needs_attention) as visits`);
  return {
    byStatus: new Map(byStatus.map(({ status, count }) => [status, count])),
    oldestAgeSeconds: row?.age ?? 0,
    calls: row?.calls ?? 0,
    visits: row?.visits ?? 0,
  };
}
