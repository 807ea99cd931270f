import type { Transaction } from '../../db/client.ts';
import { isOpenStatus } from '../../domain/appointment.ts';
import { audit } from '../audit.ts';
import { Refusal, refuseMissing } from '../refusal.ts';
import type { Requester } from '../requester.ts';
import { assertUserOfCompany } from '../users/assertUser.ts';
import { refuseOverlap } from './overlap.ts';
import { refuseReplaced } from './replaced.ts';
import { lockAppointment, replaceAppointment } from './write.ts';

/**
 * Replaces an open or missed appointment by one at another time as a person asks; what is not named is taken over.
 * @param force takes it though the rep has another at that time
 * @returns the new one's id
 */
export async function rescheduleAppointment(
  tx: Transaction,
  requester: Requester<string>,
  id: string,
  change: {
    scheduledStart: Date;
    durationMinutes?: number;
    assignedRepId?: string | null;
    location?: string | null;
  },
  { force = false } = {},
): Promise<string> {
  const { companyId } = requester;
  const old = await lockAppointment(tx, requester, id);
  if (!old) throw refuseMissing();
  await refuseReplaced(tx, old.id);
  if (!isOpenStatus(old.status) && old.status !== 'no_show')
    throw new Refusal('appointment_over', { detail: `Its status is ${old.status}.` });
  const slot = {
    scheduledStart: change.scheduledStart,
    durationMinutes: change.durationMinutes ?? old.durationMinutes,
    assignedRepId: change.assignedRepId === undefined ? old.assignedRepId : change.assignedRepId,
    location: change.location === undefined ? old.location : change.location,
  };
  if (slot.assignedRepId !== old.assignedRepId) await assertUserOfCompany(tx, companyId, slot.assignedRepId);
  if (!force) await refuseOverlap(tx, { ...slot, companyId, exceptId: old.id });
  const newId = await replaceAppointment(tx, old, slot);
  const details = { rescheduled_to_id: newId };
  await audit(tx, requester, {
    action: 'appointment.reschedule',
    subject: { kind: 'appointment', id: old.id },
    details,
  });
  return newId;
}
