/** Contacts: who called, with all that hangs on them; and the privacy request that deletes it. */
import { z } from '@hono/zod-openapi';
import type { Queryable } from '../../db/client.ts';
import { listAppointments } from '../../db/queries/appointments.ts';
import { listCalls } from '../../db/queries/calls.ts';
import {
  type ContactRow,
  type ContactScope,
  countContacts,
  findContact,
  listContacts,
} from '../../db/queries/contacts.ts';
import { listLeads } from '../../db/queries/leads.ts';
import { stopWorkflows } from '../../services/pipelines/operate.ts';
import { deleteContact } from '../../services/privacy/deleteContact.ts';
import { appointmentSchema, appointmentView } from '../../views/appointment.ts';
import { callSchema, callView } from '../../views/call.ts';
import { contactSchema, contactView } from '../../views/contact.ts';
import { leadSchema, leadView } from '../../views/lead.ts';
import type { ApiDeps } from '../deps.ts';
import { etagOf } from '../http/conditional.ts';
import { notFound } from '../http/errors.ts';
import { byMoment, listOf, listPage, MAX_LIMIT, pageQuery } from '../http/pagination.ts';
import { type ApiRouter, createRoutes, reply } from '../http/router.ts';
import { parseQueryPhone } from '../http/schemas.ts';

const listQuery = z.object({
  ...pageQuery,
  phone_number: z.string().max(64).optional().openapi({ example: '+15551234567' }),
});

const contactWithHistory = z
  .object({
    ...contactSchema.shape,
    calls: z.array(callSchema),
    leads: z.array(leadSchema),
    appointments: z.array(appointmentSchema),
  })
  .openapi('ContactWithHistory');

export function contactRoutes(deps: ApiDeps): ApiRouter {
  const routes = createRoutes(deps);

  routes.add(
    {
      method: 'get',
      path: '/contacts',
      permission: 'contacts.read',
      tag: 'Contacts',
      summary: 'List contacts, newest first, or find one by number',
      query: listQuery,
      data: listOf(contactSchema),
    },
    async ({ db, query, access: { companyId, repId } }) => {
      // What is no phone number is nobody's.
      const phone = query.phone_number;
      const filter = {
        companyId,
        repId,
        phoneNumber: phone === undefined ? undefined : (parseQueryPhone(phone) ?? ''),
      };
      return listPage(query, {
        rows: (page) => listContacts(db, filter, page),
        count: () => countContacts(db, filter),
        key: byMoment((row: ContactRow) => ({ at: row.createdAt, id: row.id })),
        view: contactView,
      });
    },
  );

  routes.add(
    {
      method: 'get',
      path: '/contacts/{id}',
      permission: 'contacts.read',
      tag: 'Contacts',
      summary: 'Read a contact with calls, leads and appointments',
      description: `Up to ${MAX_LIMIT} of each; the lists of calls, leads and appointments have all of them.`,
      data: contactWithHistory,
    },
    async ({ db, params, access: { companyId, repId } }) => {
      const contact = await mustFindContact(db, { companyId, repId }, params.id);
      const ofContact = { companyId, repId, contactId: contact.id };
      const page = { limit: MAX_LIMIT };
      const [calls, leads, appointments] = await Promise.all([
        listCalls(db, ofContact, page),
        listLeads(db, ofContact, page),
        listAppointments(db, ofContact, page),
      ]);
      const history = {
        calls: calls.map(callView),
        leads: leads.map(leadView),
        appointments: appointments.map(appointmentView),
      };
      return reply({ ...contactView(contact), ...history }, { etag: etagOf(contact) });
    },
  );

  routes.add(
    {
      method: 'delete',
      path: '/contacts/{id}',
      permission: 'contacts.delete',
      tag: 'Contacts',
      summary: 'Delete a contact and all of it, for privacy',
      description:
        'Leads, calls, transcripts, analyses, appointments, visits, raw events; late webhooks bring nothing back.',
      status: 204,
    },
    async ({ tx, params, access, afterCommit }) => {
      const { workflowIds } = await deleteContact(tx, access, params.id);
      afterCommit(() => stopWorkflows(deps, workflowIds));
    },
  );

  return routes.app;
}

async function mustFindContact(db: Queryable, scope: ContactScope, id: string): Promise<ContactRow> {
  const contact = await findContact(db, scope, id);
  if (!contact) throw notFound();
  return contact;
}
