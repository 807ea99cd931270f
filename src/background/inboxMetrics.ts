import { sql } from 'drizzle-orm';
import { Gauge, type Registry } from 'prom-client';
import type { Database } from '../db/client.ts';

/** Inbox depth and age of its oldest event, and pipelines that need a person, read when Prometheus asks. */
export function registerInboxMetrics(registry: Registry, db: Database): void {
  const depth = new Gauge({
    name: 'inbox_events',
    help: 'Events in the inbox that are not applied, by status',
    labelNames: ['status'],
    registers: [registry],
    async collect() {
      const rows = await db.execute<{ status: string; count: number }>(
        sql`select status, count(*)::int as count from webhook_events where status <> 'applied' group by status`,
      );
      depth.reset();
      for (const status of ['pending', 'dispatched', 'unrouted', 'invalid', 'rejected']) depth.set({ status }, 0);
      for (const row of rows) depth.set({ status: row.status }, row.count);
    },
  });
  const oldest = new Gauge({
    name: 'inbox_oldest_event_age_seconds',
    help: 'Age of the oldest event that is accepted and not applied',
    registers: [registry],
    async collect() {
      const [row] = await db.execute<{ age: number }>(
        sql`select coalesce(extract(epoch from now() - min(received_at)), 0)::float8 as age
            from webhook_events where status in ('pending', 'dispatched')`,
      );
      oldest.set(row?.age ?? 0);
    },
  });
  const attention = new Gauge({
    name: 'pipelines_needing_attention',
    help: 'Calls and visits whose pipeline needs a person',
    labelNames: ['kind'],
    registers: [registry],
    async collect() {
      const [row] = await db.execute<{ calls: number; visits: number }>(sql`select
        (select count(*)::int from calls where needs_attention) as calls,
        (select count(*)::int from recording_sessions where needs_attention) as visits`);
      attention.set({ kind: 'call' }, row?.calls ?? 0);
      attention.set({ kind: 'visit' }, row?.visits ?? 0);
    },
  });
}
