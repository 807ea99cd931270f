/** The last status of an event: applied, in the transaction of its effect. Whoever has the effect says which events it was. */
import { type SQL, sql } from 'drizzle-orm';
import type { Queryable } from '../../db/client.ts';
import { webhookEvents } from '../../db/schema/index.ts';
import type { Write } from '../../db/writes.ts';
import { REDACTED } from './redacted.ts';

type Which = SQL | undefined;

/** Their effect is committed with this. */
export const markingApplied = (tx: Queryable, which: Which) =>
  tx.update(webhookEvents).set({ status: 'applied', appliedAt: sql`now()` }).where(which);

/** What they are about was deleted: their content goes too. */
export const redacting = (tx: Queryable, which: Which): Write =>
  tx
    .update(webhookEvents)
    .set({ ...REDACTED, appliedAt: sql`now()` })
    .where(which);

/** Callbacks of an analysis that is over: they have no effect any more. */
export const closingLate = (tx: Queryable, which: Which): Write =>
  tx.update(webhookEvents).set({ status: 'applied', reason: 'came_late', appliedAt: sql`now()` }).where(which);

/** Operators' actions have their effect by being sent. */
export const markingSent = (tx: Queryable, which: Which): Write =>
  tx.update(webhookEvents).set({ status: 'applied', dispatchedAt: sql`now()`, appliedAt: sql`now()` }).where(which);
