/** How far each company was compared with CallRail's list of calls. */
import { sql } from 'drizzle-orm';
import type { Queryable } from '../../db/client.ts';
import { callrailReconciliations } from '../../db/schema/index.ts';

/** A company was compared up to `until`. */
export async function recordReconciled(
  db: Queryable,
  run: { companyId: string; until: Date; fed: number },
): Promise<void> {
  const { companyId, until: reconciledUntil, fed } = run;
  await db
    .insert(callrailReconciliations)
    .values({ companyId, reconciledUntil, fed })
    .onConflictDoUpdate({
      target: callrailReconciliations.companyId,
      set: {
        reconciledUntil: sql`greatest(${callrailReconciliations.reconciledUntil}, excluded.reconciled_until)`,
        lastRunAt: sql`now()`,
        lastError: null,
        failures: 0,
        fed: sql`${callrailReconciliations.fed} + excluded.fed`,
      },
    });
}

/** A company could not be compared; `code` says why, for operators. */
export async function recordNotReconciled(db: Queryable, companyId: string, code: string): Promise<void> {
  await db
    .insert(callrailReconciliations)
    .values({ companyId, lastError: code, failures: 1 })
    .onConflictDoUpdate({
      target: callrailReconciliations.companyId,
      set: {
        lastRunAt: sql`now()`,
        lastError: code,
        failures: sql`${callrailReconciliations.failures} + 1`,
      },
    });
}
