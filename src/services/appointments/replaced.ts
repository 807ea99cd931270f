import type { Transaction } from '../../db/client.ts';
import { findSuccessor } from '../../db/queries/appointments.ts';
import { Refusal } from '../refusal.ts';

/** One that was replaced takes no more changes: its successor is the appointment. */
export async function refuseReplaced(tx: Transaction, id: string): Promise<void> {
  const successor = await findSuccessor(tx, id);
  if (successor === undefined) return;
  const detail = `It was rescheduled: see appointment ${successor}.`;
  throw new Refusal('appointment_over', { detail, appointmentId: successor });
}
