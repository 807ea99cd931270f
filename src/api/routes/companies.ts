/** Set-up: companies and the numbers callers dial. */
import { z } from '@hono/zod-openapi';
import type { Queryable } from '../../db/client.ts';
import {
  type CompanyRow,
  countCompanies,
  countTrackingNumbers,
  findCompany,
  listCompanies,
  listTrackingNumbers,
  type TrackingNumberRow,
} from '../../db/queries/companies.ts';
import { parsePhone } from '../../domain/phone.ts';
import { createCompany } from '../../services/companies/create.ts';
import { addTrackingNumber, removeTrackingNumber } from '../../services/companies/trackingNumbers.ts';
import { updateCompany } from '../../services/companies/update.ts';
import { companySchema, companyView, trackingNumberSchema, trackingNumberView } from '../../views/company.ts';
import { EXAMPLE } from '../../views/examples.ts';
import type { ApiDeps } from '../deps.ts';
import { etagOf, ifMatch } from '../http/conditional.ts';
import { mustFind, notFound } from '../http/errors.ts';
import { byMoment, listOf, listPage, pageQuery } from '../http/pagination.ts';
import { assertCompanyInReach } from '../http/permissions.ts';
import { type ApiRouter, createRoutes, reply } from '../http/router.ts';
import { optionalText, phoneInput, requiredText, timeZoneInput } from '../http/schemas.ts';

/** Ids enter workflow ids and a header of Shunya's; an identity provider's organisation ids fit. */
const companyIdInput = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,128}$/, 'must be 1 to 128 letters, digits, dots, dashes or underscores')
  .openapi({ example: EXAMPLE.companyId });

const signingKeysInput = z.array(requiredText(500)).max(20);

/** Sent as a header. */
const shunyaCompanyIdInput = optionalText(255).refine(
  (id) => id == null || /^[\x21-\x7e]+$/.test(id),
  'must be printable ASCII without spaces',
);

const days = (description: string) => z.int().min(1).max(36_500).nullish().openapi({ description, example: 90 });
const retentionInput = z
  .object({
    recording_days: days('Links to the audio of calls and visits are removed this many days after their start.'),
    transcript_days: days('Transcripts are removed this many days after they were made.'),
    raw_event_days: days(
      'The caller, and everything the call does not need, are removed from raw events this many days after their receipt.',
    ),
  })
  .nullish()
  .openapi({
    description:
      'After how many days data is removed; null keeps it, as by default. Parts that are absent stay as they are.',
  });

const settings = {
  callrail_company_id: optionalText(255),
  callrail_signing_keys: signingKeysInput.nullish().openapi({
    description: 'The signing keys of CallRail’s webhooks; a signature by any of them is accepted. Never shown.',
  }),
  callrail_account_id: optionalText(255),
  callrail_api_key: optionalText(500).openapi({
    description: 'The CallRail API key; needed to fetch recordings and missed events. Never shown.',
  }),
  shunya_company_id: shunyaCompanyIdInput,
  retention: retentionInput,
};

const companyInput = z
  .object({
    id: companyIdInput.optional().openapi({ description: 'The id of the company; generated unless given.' }),
    name: requiredText(200).openapi({ example: 'Acme Roofing' }),
    time_zone: timeZoneInput.nullish().transform((zone) => zone ?? 'America/New_York'),
    is_demo: z.boolean().optional(),
    ...settings,
  })
  .openapi('CompanyInput', {
    example: { name: 'Acme Roofing', callrail_company_id: 'COM815', callrail_signing_keys: ['key'] },
  });

const companyPatch = z
  .object({ name: requiredText(200).optional(), time_zone: timeZoneInput.optional(), ...settings })
  .openapi('CompanyPatch', { example: { callrail_signing_keys: ['new-key', 'old-key'] } });

const trackingNumberInput = z
  .object({ phone_number: phoneInput, label: optionalText(200) })
  .openapi('TrackingNumberInput', { example: { phone_number: '+15557650000', label: 'Website' } });

export function companyRoutes(deps: ApiDeps): ApiRouter {
  const routes = createRoutes(deps);

  routes.add(
    {
      method: 'post',
      path: '/companies',
      permission: 'companies.write',
      tag: 'Set-up',
      summary: 'Create a company',
      body: companyInput,
      status: 201,
      data: companySchema,
      creates: true,
      errors: ['already_exists'],
    },
    async ({ tx, body, access, afterCommit }) => {
      const { id, name, time_zone: timeZone, is_demo: isDemo } = body;
      const company = { id, name, timeZone, isDemo, ...settingsOf(body) };
      const createdId = await createCompany(tx, access, company);
      afterCommit(() => deps.inbox.reroute());
      return readCompany(tx, createdId);
    },
  );

  routes.add(
    {
      method: 'get',
      path: '/companies',
      permission: 'companies.read',
      tag: 'Set-up',
      summary: 'List companies',
      query: z.object(pageQuery),
      data: listOf(companySchema),
    },
    async ({ db, query, access }) => {
      const filter = { id: access.companyId };
      return listPage(query, {
        rows: (page) => listCompanies(db, filter, page),
        count: () => countCompanies(db, filter),
        key: byMoment((row: CompanyRow) => ({ at: row.createdAt, id: row.id })),
        view: companyView,
      });
    },
  );

  routes.add(
    {
      method: 'get',
      path: '/companies/{id}',
      permission: 'companies.read',
      tag: 'Set-up',
      summary: 'Read a company',
      data: companySchema,
    },
    async ({ db, params, access }) => {
      assertCompanyInReach(access, params.id);
      return readCompany(db, params.id);
    },
  );

  routes.add(
    {
      method: 'patch',
      path: '/companies/{id}',
      permission: 'companies.write',
      tag: 'Set-up',
      summary: 'Change a company',
      description:
        'Fields that are absent stay as they are. `callrail_signing_keys` replaces all keys. Webhooks that waited for this are ' +
        'processed.',
      body: companyPatch,
      data: companySchema,
      errors: ['already_exists'],
    },
    async ({ c, tx, params: { id }, body, access, afterCommit }) => {
      const fields = Object.keys(companyPatch.shape).filter((field) => field in body);
      const change = { name: body.name, timeZone: body.time_zone, ...settingsOf(body) };
      await updateCompany(tx, access, id, { change, fields }, ifMatch(c));
      afterCommit(() => deps.inbox.reroute());
      return readCompany(tx, id);
    },
  );

  routes.add(
    {
      method: 'post',
      path: '/companies/{id}/tracking-numbers',
      permission: 'companies.write',
      tag: 'Set-up',
      summary: 'Add a tracking number',
      description: 'A number belongs to one company. Webhooks that arrived for it before are processed now.',
      body: trackingNumberInput,
      status: 201,
      data: trackingNumberSchema,
      creates: true,
      errors: ['phone_number_taken'],
    },
    async ({ tx, params: { id }, body, access, afterCommit }) => {
      const number = { companyId: id, phoneNumber: body.phone_number, label: body.label };
      const row = await addTrackingNumber(tx, access, number);
      afterCommit(() => deps.inbox.reroute());
      return trackingNumberView(row);
    },
  );

  routes.add(
    {
      method: 'get',
      path: '/companies/{id}/tracking-numbers',
      permission: 'companies.read',
      tag: 'Set-up',
      summary: 'List the tracking numbers of a company',
      query: z.object(pageQuery),
      data: listOf(trackingNumberSchema),
    },
    async ({ db, params: { id }, query, access }) => {
      assertCompanyInReach(access, id);
      if (!(await findCompany(db, id))) throw notFound();
      return listPage(query, {
        rows: (page) => listTrackingNumbers(db, id, page),
        count: () => countTrackingNumbers(db, id),
        key: byMoment((row: TrackingNumberRow) => ({ at: row.createdAt, id: row.phoneNumber })),
        view: trackingNumberView,
      });
    },
  );

  routes.add(
    {
      method: 'delete',
      path: '/companies/{id}/tracking-numbers/{phone_number}',
      permission: 'companies.write',
      tag: 'Set-up',
      summary: 'Remove a tracking number',
      status: 204,
    },
    async ({ tx, params: { id, phone_number }, access }) => {
      const phoneNumber = parsePhone(phone_number);
      if (phoneNumber === undefined) throw notFound();
      await removeTrackingNumber(tx, access, { companyId: id, phoneNumber });
    },
  );

  return routes.app;
}

async function readCompany(db: Queryable, id: string) {
  const company = await mustFind(findCompany(db, id));
  return reply(companyView(company), { etag: etagOf(company) });
}

function settingsOf(body: z.output<typeof companyPatch>) {
  return {
    callrailCompanyId: body.callrail_company_id,
    callrailSigningKeys: body.callrail_signing_keys === null ? [] : body.callrail_signing_keys,
    callrailAccountId: body.callrail_account_id,
    callrailApiKey: body.callrail_api_key,
    shunyaCompanyId: body.shunya_company_id,
    ...retentionOf(body.retention),
  };
}

function retentionOf(retention: z.output<typeof retentionInput>) {
  if (retention === null) return { recordingDays: null, transcriptDays: null, rawEventDays: null };
  return {
    recordingDays: retention?.recording_days,
    transcriptDays: retention?.transcript_days,
    rawEventDays: retention?.raw_event_days,
  };
}
