/** The request budget of a CallRail account, shared by all processes, and the pause after a 429. */
import { and, eq, gt, sql } from 'drizzle-orm';
import type { Queryable } from '../../db/client.ts';
import { callrailAccounts } from '../../db/schema/index.ts';

/** What one reader may ask of an account. */
export interface RequestBudget {
  perHour: number;
  perDay: number;
}

/**
 * Counts one request of an account, whoever in whichever process makes it.
 * @returns null when it may be made, else when to ask again
 */
export async function takeCallRailRequest(
  db: Queryable,
  accountId: string,
  budget: RequestBudget,
): Promise<Date | null> {
  const { hour, hourRequests, day, dayRequests, blockedUntil } = callrailAccounts;
  const thisHour = sql`date_trunc('hour', now(), 'UTC')`;
  const today = sql`date_trunc('day', now(), 'UTC')`;
  const taken = await db
    .insert(callrailAccounts)
    .values({ accountId, hour: thisHour, hourRequests: 1, day: today, dayRequests: 1 })
    .onConflictDoUpdate({
      target: callrailAccounts.accountId,
      set: {
        hour: thisHour,
        hourRequests: sql`case when ${hour} = ${thisHour} then ${hourRequests} else 0 end + 1`,
        day: today,
        dayRequests: sql`case when ${day} = ${today} then ${dayRequests} else 0 end + 1`,
      },
      setWhere: sql`coalesce(${blockedUntil} <= now(), true)
        and (${hour} <> ${thisHour} or ${hourRequests} < ${budget.perHour})
        and (${day} <> ${today} or ${dayRequests} < ${budget.perDay})`,
    })
    .returning({ accountId: callrailAccounts.accountId });
  if (taken.length > 0) return null;
  const [row] = await db
    .select({
      retryAt: sql<string>`greatest(${blockedUntil}, case
        when ${day} = ${today} and ${dayRequests} >= ${budget.perDay} then ${today} + interval '1 day'
        when ${hour} = ${thisHour} and ${hourRequests} >= ${budget.perHour} then ${thisHour} + interval '1 hour'
        else now() end)`,
    })
    .from(callrailAccounts)
    .where(eq(callrailAccounts.accountId, accountId));
  return row ? new Date(row.retryAt) : new Date();
}

/** Pauses the account after a 429: ten minutes, doubled up to two hours while they continue. */
export async function blockCallRailAccount(db: Queryable, accountId: string): Promise<void> {
  const { refusals } = callrailAccounts;
  await db
    .update(callrailAccounts)
    .set({
      blockedUntil: sql`now() + least(interval '2 hours', interval '10 minutes' * power(2, least(${refusals}, 10)))`,
      refusals: sql`${refusals} + 1`,
    })
    .where(eq(callrailAccounts.accountId, accountId));
}

/** The account answers. */
export async function unblockCallRailAccount(db: Queryable, accountId: string): Promise<void> {
  await db
    .update(callrailAccounts)
    .set({ blockedUntil: null, refusals: 0 })
    .where(and(eq(callrailAccounts.accountId, accountId), gt(callrailAccounts.refusals, 0)));
}
