/** Sends outgoing webhooks. What is sent is read from the subject's rows at each attempt: nothing private is kept for it. */
import type { Database } from '../db/client.ts';
import { findAppointment } from '../db/queries/appointments.ts';
import { findCall } from '../db/queries/calls.ts';
import { findContact } from '../db/queries/contacts.ts';
import { findFollowUp } from '../db/queries/followUps.ts';
import { findLead } from '../db/queries/leads.ts';
import { findSession } from '../db/queries/recordings.ts';
import type { OutgoingEventType } from '../domain/outgoingWebhook.ts';
import type { SendOutcome } from '../providers/webhooks/client.ts';
import { type DueDelivery, endDelivery, recordAttempt, takeDelivery } from '../services/deliveries/attempt.ts';
import { disableEndpointOf } from '../services/webhookEndpoints/disable.ts';
import { appointmentView } from '../views/appointment.ts';
import { callView } from '../views/call.ts';
import { contactView } from '../views/contact.ts';
import { followUpView } from '../views/followUp.ts';
import { leadView } from '../views/lead.ts';
import { sessionView } from '../views/recording.ts';
import type { ActivityDeps } from './deps.ts';

/** A share of each wait by which attempts are spread, so that an endpoint that was down is not hit by all at once. */
const JITTER = 0.1;
const HTTP_GONE = 410;

export function createDeliveryActivities({ db, webhooks }: Pick<ActivityDeps, 'db' | 'webhooks'>) {
  return {
    /**
     * Makes the attempt that is due, if one is. A crash between the answer and its record repeats the attempt under the
     * same webhook-id.
     * @returns seconds until the next attempt; null when there is none
     */
    async deliverWebhook(input: {
      deliveryId: string;
      retrySeconds: readonly number[];
    }): Promise<{ waitSeconds: number | null }> {
      const { deliveryId, retrySeconds } = input;
      const step = await takeDelivery(db, deliveryId);
      if (step.do === 'finish') return { waitSeconds: null };
      if (step.do === 'wait') return { waitSeconds: step.seconds };

      const { delivery } = step;
      const data = await readSubject[delivery.eventType](db, delivery);
      if (!data) {
        await endDelivery(db, deliveryId, 'subject_deleted');
        return { waitSeconds: null };
      }
      const { id, url, secrets, eventType: type, createdAt, previous } = delivery;
      const body = JSON.stringify({ type, timestamp: createdAt.toISOString(), data, ...(previous && { previous }) });
      const outcome = await webhooks.send({ id, url, secrets, body });
      if (!outcome.ok && outcome.status === HTTP_GONE) await disableEndpointOf(db, id, 'gone');
      const waitSeconds = nextWait(outcome, delivery.attempts, retrySeconds);
      await recordAttempt(db, id, outcome, waitSeconds);
      return { waitSeconds };
    },
  };
}

function nextWait(outcome: SendOutcome, attemptsBefore: number, retrySeconds: readonly number[]): number | null {
  const planned = retrySeconds[attemptsBefore];
  if (outcome.ok || outcome.status === HTTP_GONE || planned === undefined) return null;
  const spread = planned * (1 + JITTER * (2 * Math.random() - 1));
  return Math.max(spread, outcome.retryAfterSeconds ?? 0);
}

type ReadSubject = (db: Database, about: DueDelivery) => Promise<object | undefined>;

const readCall: ReadSubject = async (db, { companyId, subjectId }) => {
  const row = await findCall(db, { companyId }, subjectId);
  return row && callView(row);
};
const readContact: ReadSubject = async (db, { companyId, subjectId }) => {
  const row = await findContact(db, { companyId }, subjectId);
  return row && contactView(row);
};
const readLead: ReadSubject = async (db, { companyId, subjectId }) => {
  const row = await findLead(db, { companyId }, subjectId);
  return row && leadView(row);
};
const readAppointment: ReadSubject = async (db, { companyId, subjectId }) => {
  const row = await findAppointment(db, { companyId }, subjectId);
  return row && appointmentView(row);
};
const readFollowUp: ReadSubject = async (db, { companyId, subjectId }) => {
  const row = await findFollowUp(db, companyId, subjectId);
  return row && followUpView(row);
};
const readVisit: ReadSubject = async (db, { companyId, subjectId }) => {
  const row = await findSession(db, { companyId }, subjectId);
  return row && sessionView(row);
};

/** The subject as the API shows it; undefined where it was deleted. */
const readSubject: Record<OutgoingEventType, ReadSubject> = {
  'call.missed': readCall,
  'call.analyzed': readCall,
  'contact.updated': readContact,
  'lead.updated': readLead,
  'appointment.created': readAppointment,
  'appointment.rescheduled': readAppointment,
  'appointment.updated': readAppointment,
  'appointment.cancelled': readAppointment,
  'visit.started': readVisit,
  'visit.analyzed': readVisit,
  'follow_up.opened': readFollowUp,
  'follow_up.closed': readFollowUp,
};
