/** Contacts: who called, with all that hangs on them; and the privacy request that deletes it. */
import { z } from '@hono/zod-openapi';
import type { Queryable } from '../../db/client.ts';
import { listAppointments } from '../../db/queries/appointments.ts';
import { listCalls } from '../../db/queries/calls.ts';
import {
  type ContactRow,
  countContacts,
  findContact,
  findMerge,
  listContacts,
  listMerges,
} from '../../db/queries/contacts.ts';
import { listLeads } from '../../db/queries/leads.ts';
import { mergeContacts } from '../../services/contacts/merge.ts';
import { undoMerge } from '../../services/contacts/undoMerge.ts';
import { updateContact } from '../../services/contacts/update.ts';
import { stopWorkflows } from '../../services/pipelines/operate.ts';
import { deleteContact } from '../../services/privacy/deleteContact.ts';
import { appointmentSchema, appointmentView } from '../../views/appointment.ts';
import { callSchema, callView } from '../../views/call.ts';
import { contactSchema, contactView, mergeSchema, mergeView } from '../../views/contact.ts';
import { EXAMPLE } from '../../views/examples.ts';
import { leadSchema, leadView } from '../../views/lead.ts';
import type { ApiDeps } from '../deps.ts';
import { etagOf, ifMatch } from '../http/conditional.ts';
import { mustFind } from '../http/errors.ts';
import { byMoment, listOf, listPage, MAX_LIMIT, pageQuery } from '../http/pagination.ts';
import { type ApiRouter, createRoutes, reply } from '../http/router.ts';
import { idText, optionalText, parseQueryPhone, requiredText } from '../http/schemas.ts';

const listQuery = z.object({
  ...pageQuery,
  phone_number: z.string().max(64).optional().openapi({
    description: 'Only the contact with this number.',
    example: '+15551234567',
  }),
});

const contactWithHistory = z
  .object({
    ...contactSchema.shape,
    calls: z.array(callSchema),
    leads: z.array(leadSchema),
    appointments: z.array(appointmentSchema),
    merges: z
      .array(mergeSchema)
      .openapi({ description: 'Merges into this contact that were not undone, newest first.' }),
  })
  .openapi('ContactWithHistory');

const contactPatch = z
  .object({ name: optionalText(200), notes: optionalText(10_000) })
  .openapi('ContactPatch', { example: { name: 'Pat Reyes', notes: 'Prefers to be called at noon.' } });

const reason = requiredText(2000).openapi({ description: 'Why. The audit log keeps it.', example: 'Called from work' });
const mergeBody = z
  .object({
    other_contact_id: idText.openapi({
      description: 'The contact that is merged into the one of the path.',
      example: EXAMPLE.otherContactId,
    }),
    reason,
  })
  .openapi('ContactMergeInput', { example: { other_contact_id: EXAMPLE.otherContactId, reason: 'Called from work' } });
const undoBody = z.object({ reason }).openapi('ContactMergeUndo', { example: { reason: 'Two people after all' } });

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
      description:
        `Up to ${MAX_LIMIT} of each; the lists of calls, leads and appointments have all of them. The id of a contact ` +
        'that was merged into another leads to that one.',
      data: contactWithHistory,
    },
    async ({ db, params, access: { companyId, repId } }) => {
      const contact = await mustFind(findContact(db, { companyId, repId }, params.id));
      const ofContact = { companyId, repId, contactId: contact.id };
      const page = { limit: MAX_LIMIT };
      const [calls, leads, appointments, merges] = await Promise.all([
        listCalls(db, ofContact, page),
        listLeads(db, ofContact, page),
        listAppointments(db, ofContact, page),
        listMerges(db, contact.id),
      ]);
      const history = {
        calls: calls.map(callView),
        leads: leads.map(leadView),
        appointments: appointments.map(appointmentView),
        merges: merges.map(mergeView),
      };
      return reply({ ...contactView(contact), ...history }, { etag: etagOf(contact) });
    },
  );

  routes.add(
    {
      method: 'patch',
      path: '/contacts/{id}',
      permission: 'contacts.write',
      tag: 'Contacts',
      summary: 'Correct a contact',
      description:
        'Fields that are absent stay as they are. Later calls do not change a name that is set here; `null` lets calls set it ' +
        'again.',
      body: contactPatch,
      data: contactSchema,
    },
    async ({ c, tx, params, body, access }) => {
      await updateContact(tx, access, params.id, body, ifMatch(c));
      const contact = await mustFind(findContact(tx, access, params.id));
      return reply(contactView(contact), { etag: etagOf(contact) });
    },
  );

  routes.add(
    {
      method: 'post',
      path: '/contacts/{id}/merge',
      permission: 'contacts.write',
      tag: 'Contacts',
      summary: 'Merge another contact into this one',
      description:
        'For one person with two numbers or a withheld number. Calls, leads and appointments of the other contact move to this ' +
        'one, and so do its later calls. Deleting this one deletes both. The merge can be undone.',
      body: mergeBody,
      status: 201,
      creates: true,
      data: mergeSchema,
      errors: ['conflict'],
    },
    async ({ tx, params, body, access }) => {
      const merge = { otherContactId: body.other_contact_id, reason: body.reason };
      return readMerge(tx, access.companyId, await mergeContacts(tx, access, params.id, merge));
    },
  );

  routes.add(
    {
      method: 'post',
      path: '/contacts/merges/{merge_id}/undo',
      permission: 'contacts.write',
      tag: 'Contacts',
      summary: 'Undo a merge of contacts',
      description:
        'The merged contact gets back what it had, and what came from its number since. Of several merges of a contact, ' +
        'the later one is undone first.',
      body: undoBody,
      data: mergeSchema,
      errors: ['conflict'],
    },
    async ({ tx, params, body, access }) => {
      await undoMerge(tx, access, params.merge_id, body);
      return readMerge(tx, access.companyId, params.merge_id);
    },
  );

  routes.add(
    {
      method: 'delete',
      path: '/contacts/{id}',
      permission: 'contacts.delete',
      tag: 'Contacts',
      summary: 'Delete a contact and everything about it, for privacy',
      description:
        'Leads, calls, transcripts, analyses, appointments, visits, raw events; late webhooks bring nothing back.',
      status: 204,
      errors: ['conflict'],
    },
    async ({ tx, params, access, afterCommit }) => {
      const { workflowIds } = await deleteContact(tx, access, params.id);
      afterCommit(() => stopWorkflows(deps, workflowIds));
    },
  );

  return routes.app;
}

async function readMerge(db: Queryable, companyId: string, id: string) {
  const merge = await mustFind(findMerge(db, companyId, id));
  return mergeView(merge);
}
