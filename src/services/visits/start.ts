/** A sales rep starts the recording of a visit. */
import { randomUUID } from 'node:crypto';
import type { Transaction } from '../../db/client.ts';
import { findLastSuccessor } from '../../db/queries/appointments.ts';
import { findOpenSession } from '../../db/queries/recordings.ts';
import { recordingSessions } from '../../db/schema/index.ts';
import { isOpenStatus } from '../../domain/appointment.ts';
import { type LockedAppointment, lockAppointment } from '../appointments/write.ts';
import { audit } from '../audit.ts';
import { announce } from '../deliveries/announce.ts';
import { Refusal, refuseMissing } from '../refusal.ts';
import type { Requester } from '../requester.ts';
import { ringVisit } from './ring.ts';

/**
 * Starts a session; while one of the appointment is open, that is the answer.
 * @returns its id, and whether it is new
 */
export async function startVisit(
  tx: Transaction,
  requester: Requester<string>,
  visit: { appointmentId: string; latitude?: number | null; longitude?: number | null },
): Promise<{ id: string; isNew: boolean }> {
  const { companyId, actor } = requester;
  // The lock makes two starts at once one session.
  const appointment = await lockAppointment(tx, requester, visit.appointmentId);
  if (!appointment) throw refuseMissing();
  const open = await findOpenSession(tx, appointment.id);
  if (open !== undefined) return { id: open, isNew: false };

  await refuseOver(tx, appointment);
  const id = randomUUID();
  await tx.insert(recordingSessions).values({ ...visit, id, companyId, startedBy: actor.userId });
  await ringVisit(tx, { companyId, id, route: 'visit.started' });
  await announce(tx, { companyId, type: 'visit.started', subjectId: id });
  await audit(tx, requester, { action: 'visit.start', subject: { kind: 'visit', id } });
  return { id, isNew: true };
}

/** What was replaced, or is over, cannot be visited. */
async function refuseOver(tx: Transaction, { id, status }: LockedAppointment): Promise<void> {
  const successor = await findLastSuccessor(tx, id);
  if (successor !== undefined)
    throw new Refusal('appointment_over', {
      detail: `It was rescheduled: see appointment ${successor}.`,
      appointmentId: successor,
    });
  if (!isOpenStatus(status)) throw new Refusal('appointment_over', { detail: `Its status is ${status}.` });
}
