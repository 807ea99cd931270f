/** In which order and at which pace the relay takes what is due: no company waits for another, and no new call for an old backlog. */
import { randomUUID } from 'node:crypto';
import { eq, inArray, sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { webhookEvents } from '../../src/db/schema/index.ts';
import {
  BACKLOG_UNDER_WAY,
  CLAIMED_TOGETHER,
  claimDueEvents,
  markNotRung,
  releaseEvents,
} from '../../src/services/inbox/dispatch.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';

const HALF = BACKLOG_UNDER_WAY / 2;

let api: ApiApp;
beforeAll(async () => {
  api = await startApiApp();
});
afterAll(() => api.stop());
beforeEach(() => api.db.delete(webhookEvents));

/** So many events of a company, one each millisecond from so long ago; ids tell their order. */
async function store(companyId: string, count: number, secondsAgo: number): Promise<void> {
  await api.db.execute(sql`
    insert into webhook_events (id, source, route, company_id, status, body, body_sha256, workflow_id, received_at, next_ring_at)
    select ${companyId}::text || ':' || n, 'callrail', 'call.completed', ${companyId}, 'pending', '', gen_random_uuid()::text,
      'call:' || ${companyId}::text || ':' || n, at, at
    from generate_series(1, ${count}::int) n, lateral (select now() - make_interval(secs => ${secondsAgo}) + n * interval '1 ms') t(at)`);
}

const claim = async () => (await claimDueEvents(api.db, [])).events.map(({ id }) => id);
/** As their workflows do. */
const apply = (ids: string[]) =>
  api.db.update(webhookEvents).set({ status: 'applied' }).where(inArray(webhookEvents.id, ids));
/** As if so much time had passed. */
const pass = (seconds: number) =>
  api.db.execute(sql`update webhook_events set received_at = received_at - make_interval(secs => ${seconds}),
    next_ring_at = next_ring_at - make_interval(secs => ${seconds}),
    dispatched_at = dispatched_at - make_interval(secs => ${seconds})`);
const newId = () => `co-${randomUUID().slice(0, 8)}`;

describe('what is due is claimed', () => {
  it('of each company in turn, whatever the backlog of another', async () => {
    const [large, small, middle] = [newId(), newId(), newId()];
    await store(large, 200, 60);
    await store(middle, 2, 59.9);
    await store(small, 1, 1);
    const claimed = await claim();
    expect(claimed.sort()).toEqual([`${large}:1`, `${middle}:1`, `${small}:1`].sort());
  });

  it('of every company in the end, though another always has older events', async () => {
    const [large, small] = [newId(), newId()];
    await store(large, 200, 60);
    await store(newId(), 200, 59);
    await store(small, 1, 30);
    for (let round = 0; round < 30; round += 1) {
      const some = await claim();
      if (some.includes(`${small}:1`)) return;
      await apply(some);
    }
    throw new Error('the small company was never in turn');
  });

  it('from both ends of a backlog, so that a new call of the same company is among the next', async () => {
    const company = newId();
    await store(company, 200, 60);
    const claimed = await claim();
    expect(claimed).toEqual(
      expect.arrayContaining([`${company}:1`, `${company}:${HALF}`, `${company}:${201 - HALF}`, `${company}:200`]),
    );
    expect(claimed).not.toContain(`${company}:100`);
  });

  it('all of it in the end, each once', async () => {
    const companies = [newId(), newId()];
    await store(companies[0] as string, 73, 60);
    await store(companies[1] as string, 31, 30);
    const claimed: string[] = [];
    for (let some = await claim(); some.length > 0; some = await claim()) {
      claimed.push(...some);
      await apply(some);
    }
    expect(claimed).toHaveLength(104);
    expect(new Set(claimed).size).toBe(104);
  });

  it('without a wait for what was rung before and is just being applied', { timeout: 10_000 }, async () => {
    const [company, other] = [newId(), newId()];
    await store(company, 2, 1);
    const { events: rung } = await claimDueEvents(api.db, []);
    await store(other, 1, 1);
    await api.db.transaction(async (advance) => {
      await advance
        .update(webhookEvents)
        .set({ status: 'applied' })
        .where(eq(webhookEvents.id, `${company}:1`));
      const { events } = await claimDueEvents(api.db, rung);
      expect(events.map(({ id }) => id)).toEqual([`${other}:1`]);
    });
    const rows = await api.db.select({ id: webhookEvents.id, status: webhookEvents.status }).from(webhookEvents);
    expect(Object.fromEntries(rows.map(({ id, status }) => [id, status]))).toEqual({
      [`${company}:1`]: 'applied',
      [`${company}:2`]: 'dispatched',
      [`${other}:1`]: 'pending',
    });
  });

  it('and given back, or marked as not rung, without a wait for what is just being applied', {
    timeout: 10_000,
  }, async () => {
    const company = newId();
    await store(company, 3, 1);
    const { events } = await claimDueEvents(api.db, []);
    await api.db.transaction(async (advance) => {
      await advance
        .update(webhookEvents)
        .set({ status: 'applied' })
        .where(eq(webhookEvents.id, `${company}:1`));
      await releaseEvents(api.db, events.slice(0, 2), 0);
      await markNotRung(api.db, [events[0], events[2]] as typeof events);
    });
    const rows = await api.db
      .select({ id: webhookEvents.id, status: webhookEvents.status, attempts: webhookEvents.attempts })
      .from(webhookEvents)
      .orderBy(webhookEvents.id);
    expect(rows.map(({ status, attempts }) => [status, attempts])).toEqual([
      ['applied', 0],
      ['pending', 0],
      ['pending', 1],
    ]);
    expect(await claim()).toEqual([`${company}:2`]);
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

  it('by reading the ends of a backlog and no more, though the statistics know of none', async () => {
    await api.db.execute(sql`analyze webhook_events`);
    await store(newId(), 20_000, 60);
    const read = await api.pools.background.transaction(async (tx) => {
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
    expect(read).toBeLessThan(5000);
  });
});

describe('a backlog is held back', () => {
  it('while enough of it is under way, leased or rung, whoever claimed it; as much goes on as takes effect', async () => {
    await store(newId(), 200, 60);
    const { events: first, isHeld } = await claimDueEvents(api.db, []);
    expect([first.length, isHeld]).toEqual([BACKLOG_UNDER_WAY, true]);
    const nothing = { events: [], hasNew: false, hasBacklog: false, isHeld: true };
    expect(await claimDueEvents(api.db, [])).toEqual(nothing);
    expect(await claimDueEvents(api.db, first)).toEqual(nothing);
    await pass(3);
    expect(await claim()).toEqual([]);
    await apply(first.slice(0, HALF).map(({ id }) => id));
    expect(await claim()).toHaveLength(HALF);
    expect(await claim()).toEqual([]);
  });

  it('and what is new is not, of that company or another', async () => {
    const [large, other] = [newId(), newId()];
    await store(large, 200, 60);
    await claim();
    for (const company of [large, other]) {
      await store(`${company}-new`, 2, 1);
      await api.db.execute(
        sql`update webhook_events set company_id = ${company} where company_id = ${`${company}-new`}`,
      );
    }
    expect((await claim()).sort()).toEqual(
      [`${large}-new:1`, `${large}-new:2`, `${other}-new:1`, `${other}-new:2`].sort(),
    );
  });

  it('where it yields, as long as something new is due, leased or rung', async () => {
    await store(newId(), 200, 60);
    await store(newId(), 1, 1);
    const { events: fresh, ...seen } = await claimDueEvents(api.db, [], 'yields');
    expect([fresh.length, seen]).toEqual([1, { hasNew: true, hasBacklog: false, isHeld: true }]);
    const nothing = { events: [], hasNew: true, hasBacklog: false, isHeld: true };
    expect(await claimDueEvents(api.db, [], 'yields')).toEqual(nothing);
    await claimDueEvents(api.db, fresh, 'yields');
    await pass(2.5);
    expect(await claimDueEvents(api.db, [], 'yields')).toEqual(nothing);
    await apply(fresh.map(({ id }) => id));
    const { events, ...after } = await claimDueEvents(api.db, [], 'yields');
    expect([events.length, after]).toEqual([BACKLOG_UNDER_WAY, { hasNew: false, hasBacklog: true, isHeld: true }]);
  });

  it('where it waits, and goes on beside what is new where it does neither', async () => {
    await store(newId(), 200, 60);
    expect((await claimDueEvents(api.db, [], 'waits')).events).toEqual([]);
    await store(newId(), 1, 1);
    const { events, ...seen } = await claimDueEvents(api.db, []);
    expect([events.length, seen]).toEqual([BACKLOG_UNDER_WAY + 1, { hasNew: true, hasBacklog: true, isHeld: true }]);
  });

  it('and new events that are under way do not hold it', async () => {
    await store(newId(), 40, 1);
    const { events } = await claimDueEvents(api.db, []);
    expect(events).toHaveLength(CLAIMED_TOGETHER);
    await claimDueEvents(api.db, events);
    await store(newId(), 200, 60);
    await pass(2.5);
    expect(await claim()).toHaveLength(BACKLOG_UNDER_WAY);
  });

  it('of the company that has much under way first, so that one whose workflows take nothing leaves half to another', async () => {
    const [stuck, sound] = [newId(), newId()];
    await store(stuck, 200, 60);
    const taken = await claim();
    await store(sound, 200, 30);
    await apply(taken.slice(0, HALF));
    for (let round = 0; round < 3; round += 1) {
      const some = await claim();
      expect(some.map((id) => id.split(':')[0])).toEqual(Array(HALF).fill(sound));
      await apply(some);
    }
  });

  it('for five seconds at most where nothing takes effect, and by nothing that is rung again', async () => {
    await store(newId(), 200, 60);
    const { events: first } = await claimDueEvents(api.db, []);
    await claimDueEvents(api.db, first);
    await pass(4);
    expect(await claim()).toEqual([]);
    await pass(1.5);
    const { events: second } = await claimDueEvents(api.db, []);
    expect(second).toHaveLength(BACKLOG_UNDER_WAY);
    await apply(second.map(({ id }) => id));
    await api.db.execute(sql`update webhook_events set next_ring_at = now() + interval '1 h' where status = 'pending'`);
    await pass(11);
    const { events: again } = await claimDueEvents(api.db, []);
    expect(again.map(({ id }) => id).sort()).toEqual(first.map(({ id }) => id).sort());
    await store(newId(), 200, 60);
    expect(await claim()).toHaveLength(BACKLOG_UNDER_WAY);
  });
});
