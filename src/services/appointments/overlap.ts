/** One rep cannot be in two places: finds what else takes their time. */
import { and, eq, inArray, ne, type SQL, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { lockKey } from '../../db/locks.ts';
import { appointments } from '../../db/schema/index.ts';
import { MAX_APPOINTMENT_MINUTES, OPEN_APPOINTMENT_STATUSES } from '../../domain/appointment.ts';
import { Refusal } from '../refusal.ts';

/**
 * Finds another appointment of a rep at the same time. Holds a lock on the rep until the transaction ends, so that of
 * two that are made at once one sees the other.
 */
export async function findOverlap(
  tx: Transaction,
  slot: { companyId: string; repId: string; start: Date; durationMinutes: number; exceptId?: string },
): Promise<string | undefined> {
  await lockKey(tx, 'rep', slot.companyId, slot.repId);
  const start = sql`${slot.start.toISOString()}::timestamptz`;
  const minutes = (count: SQL) => sql`${count} * interval '1 minute'`;
  const [row] = await tx
    .select({ id: appointments.id })
    .from(appointments)
    .where(
      and(
        eq(appointments.companyId, slot.companyId),
        eq(appointments.assignedRepId, slot.repId),
        inArray(appointments.status, [...OPEN_APPOINTMENT_STATUSES]),
        slot.exceptId === undefined ? undefined : ne(appointments.id, slot.exceptId),
        sql`${appointments.scheduledStart} > ${start} - ${minutes(sql`${MAX_APPOINTMENT_MINUTES}::int`)}`,
        sql`${appointments.scheduledStart} < ${start} + ${minutes(sql`${slot.durationMinutes}::int`)}`,
        sql`${appointments.scheduledStart} + ${minutes(sql`${appointments.durationMinutes}`)} > ${start}`,
      ),
    )
    .limit(1);
  return row?.id;
}

/** 409 where a rep has another appointment at that time. */
export async function refuseOverlap(
  tx: Transaction,
  slot: {
    companyId: string;
    assignedRepId: string | null;
    scheduledStart: Date | null;
    durationMinutes: number;
    exceptId?: string;
  },
): Promise<void> {
  const { companyId, assignedRepId: repId, scheduledStart: start, durationMinutes, exceptId } = slot;
  if (repId === null || start === null) return;
  const other = await findOverlap(tx, { companyId, repId, start, durationMinutes, exceptId });
  if (other !== undefined) throw new Refusal('rep_double_booked', { detail: `It overlaps appointment ${other}.` });
}
