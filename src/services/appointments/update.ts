import type { Transaction } from '../../db/client.ts';
import type { AppointmentOutcome } from '../../domain/analysis.ts';
import { isOpenStatus } from '../../domain/appointment.ts';
import { applyOutcome } from '../analysis/effects.ts';
import { audit } from '../audit.ts';
import { Refusal, refuseMissing } from '../refusal.ts';
import type { Precondition, Requester } from '../requester.ts';
import { assertUserOfCompany } from '../users/assertUser.ts';
import { refuseOverlap } from './overlap.ts';
import { refuseReplaced } from './replaced.ts';
import { dismissReview } from './review.ts';
import { type AppointmentChange, changeAppointment, type LockedAppointment, lockAppointment } from './write.ts';

interface Change extends Omit<AppointmentChange, 'outcome' | 'outcomeByPerson'> {
  /** Whether it has the effects of a visit. */
  outcome?: AppointmentOutcome;
  /** null: a person looked, and it is right as it is. */
  review?: null;
}

/**
 * Changes an appointment as a person asks; a sales rep may set the outcome.
 * @param fields what the requester named, as the API calls it
 * @param force takes it though the rep has another at that time
 */
export async function updateAppointment(
  tx: Transaction,
  requester: Requester<string>,
  id: string,
  { change, fields, force = false }: { change: Change; fields: string[]; force?: boolean },
  precondition: Precondition,
): Promise<void> {
  if (requester.repId !== undefined && fields.some((field) => field !== 'outcome'))
    throw new Refusal('forbidden', { detail: 'A sales rep may set the outcome of an appointment.' });
  const before = await lockAppointment(tx, requester, id);
  if (!before) throw refuseMissing();
  precondition(before);
  if (fields.length === 0) return;
  await refuseReplaced(tx, id);

  const { outcome, review, ...details } = change;
  const endsNow = outcome === 'won' || outcome === 'lost';
  await changeDetails(tx, before, details, force || endsNow);
  if (review === null) await dismissReview(tx, id);
  const { companyId } = requester;
  if (outcome !== undefined) await applyOutcome(tx, { companyId, appointmentId: id, outcome, byPerson: true });
  await audit(tx, requester, {
    action: 'appointment.update',
    subject: { kind: 'appointment', id },
    details: { fields, status: change.status, outcome },
  });
}

/** The rep's time is looked at only where the change takes time that the appointment did not take. */
async function changeDetails(
  tx: Transaction,
  before: LockedAppointment,
  change: AppointmentChange,
  mayOverlap: boolean,
): Promise<void> {
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
  if (Object.keys(given).length === 0) return;
  if (change.assignedRepId !== before.assignedRepId)
    await assertUserOfCompany(tx, before.companyId, change.assignedRepId);

  const after: LockedAppointment = { ...before, ...given };
  const moves =
    after.scheduledStart?.getTime() !== before.scheduledStart?.getTime() ||
    after.durationMinutes !== before.durationMinutes ||
    after.assignedRepId !== before.assignedRepId ||
    !isOpenStatus(before.status);
  if (moves && isOpenStatus(after.status) && !mayOverlap) await refuseOverlap(tx, { ...after, exceptId: before.id });
  await changeAppointment(tx, before, given);
}
