/** In which order the relay takes what is due: no company waits for another, and no new call for an old backlog. */
import { randomUUID } from 'node:crypto';
import { eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { webhookEvents } from '../../src/db/schema/index.ts';
import { CLAIMED_TOGETHER, claimDueEvents } from '../../src/services/inbox/dispatch.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';

let api: ApiApp;
beforeAll(async () => {
  api = await startApiApp();
});
afterAll(() => api.stop());
beforeEach(() => api.db.delete(webhookEvents));

/** So many events of a company, one each millisecond from so long ago; ids tell their order. */
async function store(companyId: string, count: number, secondsAgo: number): Promise<void> {
  await api.db.execute(sql`
    insert into webhook_events (id, source, route, company_id, status, body, body_sha256, workflow_id, next_ring_at)
    select ${companyId}::text || ':' || n, 'callrail', 'call.completed', ${companyId}, 'pending', '', gen_random_uuid()::text,
      'call:' || ${companyId}::text || ':' || n, now() - make_interval(secs => ${secondsAgo}) + n * interval '1 ms'
    from generate_series(1, ${count}::int) n`);
}

const claim = async () => (await claimDueEvents(api.db, [])).map(({ id }) => id);
const newId = () => `co-${randomUUID().slice(0, 8)}`;

describe('what is due is claimed', () => {
  it('of each company in turn, whatever the backlog of another', async () => {
    const [large, small, middle] = [newId(), newId(), newId()];
    await store(large, 200, 60);
    await store(middle, 2, 59.9);
    await store(small, 1, 1);
    const claimed = await claim();
    expect(claimed).toHaveLength(CLAIMED_TOGETHER);
    expect(claimed).toContain(`${small}:1`);
    expect(claimed).toContain(`${middle}:1`);
    expect(claimed).toContain(`${middle}:2`);
  });

  it('from both ends of a backlog, so that a new call of the same company is among the next', async () => {
    const company = newId();
    await store(company, 200, 60);
    const claimed = await claim();
    expect(claimed).toEqual(
      expect.arrayContaining([`${company}:1`, `${company}:10`, `${company}:191`, `${company}:200`]),
    );
    expect(claimed).not.toContain(`${company}:100`);
  });

  it('all of it in the end, each once', async () => {
    const companies = [newId(), newId()];
    await store(companies[0] as string, 73, 60);
    await store(companies[1] as string, 31, 30);
    const claimed: string[] = [];
    for (let some = await claim(); some.length > 0; some = await claim()) claimed.push(...some);
    expect(claimed).toHaveLength(104);
    expect(new Set(claimed).size).toBe(104);
  });

  it('without what is applied, or not due yet', async () => {
    const company = newId();
    await store(company, 3, 60);
    await api.db
      .update(webhookEvents)
      .set({ status: 'applied' })
      .where(eq(webhookEvents.id, `${company}:1`));
    await api.db.execute(
      sql`update webhook_events set next_ring_at = now() + interval '1 h' where id = ${`${company}:2`}`,
    );
    expect(await claim()).toEqual([`${company}:3`]);
  });

  it('by reading a backlog once, not once for each event, though the statistics know of none', async () => {
    await api.db.execute(sql`analyze webhook_events`);
    await store(newId(), 20_000, 60);
    const read = await api.db.transaction(async (tx) => {
      const count = async () => {
        const [row] = await tx.execute<{ rows: number }>(sql`
          select (pg_stat_get_xact_tuples_fetched(c.oid) + pg_stat_get_xact_tuples_returned(c.oid)
            + sum(pg_stat_get_xact_tuples_returned(i.indexrelid)))::int as rows
          from pg_class c join pg_index i on i.indrelid = c.oid where c.relname = 'webhook_events' group by c.oid`);
        return row?.rows ?? 0;
      };
      const before = await count();
      await claimDueEvents(tx as unknown as typeof api.db, []);
      return (await count()) - before;
    });
    expect(read).toBeLessThan(50_000);
  });
});
