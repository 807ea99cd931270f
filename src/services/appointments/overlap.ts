/** One rep cannot be in two places: finds what else takes their time. */
import { and, eq, inArray, ne, type SQL, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { locking, takeLock } from '../../db/locks.ts';
import { appointments } from '../../db/schema/index.ts';
import { MAX_APPOINTMENT_MINUTES, OPEN_APPOINTMENT_STATUSES } from '../../domain/appointment.ts';
import { Refusal } from '../refusal.ts';

interface Slot {
  companyId: string;
  repId: string;
  start: Date;
  durationMinutes: number;
  exceptId?: string;
}

/**
 * Finds another appointment of a rep at the same time. Holds a lock on the rep until the transaction ends, so that of
 * two that are made at once one sees the other.
 */
export async function findOverlap(tx: Transaction, slot: Slot): Promise<string | undefined> {
  await takeLock(tx, lockingRep(slot));
  const [row] = await tx.select({ id: appointments.id }).from(appointments).where(overlaps(slot)).limit(1);
  return row?.id;
}

/** The same lock for a statement that does something else as well. */
export const lockingRep = ({ companyId, repId }: Pick<Slot, 'companyId' | 'repId'>): SQL =>
  locking('rep', companyId, repId);

/** What takes the time of a rep. */
export function overlaps({ companyId, repId, exceptId, ...slot }: Slot): SQL | undefined {
  const start = sql`${slot.start.toISOString()}::timestamptz`;
  const minutes = (count: SQL) => sql`${count} * interval '1 minute'`;
  return and(
    eq(appointments.companyId, companyId),
    eq(appointments.assignedRepId, repId),
    inArray(appointments.status, [...OPEN_APPOINTMENT_STATUSES]),
    exceptId === undefined ? undefined : ne(appointments.id, exceptId),
    sql`${appointments.scheduledStart} > ${start} - ${minutes(sql`${MAX_APPOINTMENT_MINUTES}::int`)}`,
    sql`${appointments.scheduledStart} < ${start} + ${minutes(sql`${slot.durationMinutes}::int`)}`,
    sql`${appointments.scheduledStart} + ${minutes(sql`${appointments.durationMinutes}`)} > ${start}`,
  );
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
