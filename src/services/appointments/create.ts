import type { Transaction } from '../../db/client.ts';
import { companyTimeZone } from '../../db/queries/companies.ts';
import { lockLead } from '../../db/queries/leads.ts';
import { audit } from '../audit.ts';
import { Refusal } from '../refusal.ts';
import type { Requester } from '../requester.ts';
import { assertUserOfCompany } from '../users/assertUser.ts';
import { refuseOverlap } from './overlap.ts';
import { makeAppointment } from './write.ts';

/**
 * Makes an appointment of a lead as a person asks.
 * @param force takes it though the rep has another at that time
 * @returns its id
 */
export async function createAppointment(
  tx: Transaction,
  requester: Requester<string>,
  appointment: {
    leadId: string;
    scheduledStart: Date;
    durationMinutes: number;
    assignedRepId: string | null;
    location?: string | null;
    serviceType?: string | null;
  },
  { force = false } = {},
): Promise<string> {
  const { companyId } = requester;
  const lead = await lockLead(tx, requester, appointment.leadId);
  if (!lead) throw new Refusal('not_found', { detail: 'lead_id: there is no such lead.' });
  await assertUserOfCompany(tx, companyId, appointment.assignedRepId);
  if (!force) await refuseOverlap(tx, { ...appointment, companyId });
  const timeZone = await companyTimeZone(tx, companyId);
  const { id } = await makeAppointment(tx, { ...appointment, companyId, contactId: lead.contactId }, timeZone);
  await audit(tx, requester, { action: 'appointment.create', subject: { kind: 'appointment', id } });
  return id;
}
