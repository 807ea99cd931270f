/** A company and its tracking numbers, as people see them. Keys are never shown. */
import { z } from '@hono/zod-openapi';
import type { CompanyRow, TrackingNumberRow } from '../db/queries/companies.ts';
import { EXAMPLE } from './examples.ts';
import { iso, momentOut } from './shapes.ts';

const retentionSchema = z
  .object({
    recording_days: z.int().nullable(),
    transcript_days: z.int().nullable(),
    raw_event_days: z.int().nullable(),
  })
  .openapi({ description: 'After how many days data is removed.' });

export const companySchema = z
  .object({
    id: z.string(),
    name: z.string(),
    time_zone: z.string(),
    callrail_company_id: z.string().nullable(),
    callrail_signing_key_count: z.int(),
    callrail_account_id: z.string().nullable(),
    has_callrail_api_key: z.boolean(),
    shunya_company_id: z.string().nullable(),
    retention: retentionSchema,
    is_demo: z.boolean(),
    created_at: momentOut,
    updated_at: momentOut,
  })
  .openapi('Company', {
    example: {
      id: EXAMPLE.companyId,
      name: 'Acme Roofing',
      time_zone: 'America/New_York',
      callrail_company_id: 'COM8154748ae6bd4e278a7cddd38a662f4f',
      callrail_signing_key_count: 1,
      callrail_account_id: null,
      has_callrail_api_key: false,
      shunya_company_id: null,
      retention: { recording_days: 400, transcript_days: null, raw_event_days: 90 },
      is_demo: false,
      created_at: '2026-03-01T12:00:00.000Z',
      updated_at: '2026-03-01T12:00:00.000Z',
    },
  });

export const companyView = (company: CompanyRow) => ({
  id: company.id,
  name: company.name,
  time_zone: company.timeZone,
  callrail_company_id: company.callrailCompanyId,
  callrail_signing_key_count: company.callrailSigningKeyCount,
  callrail_account_id: company.callrailAccountId,
  has_callrail_api_key: company.hasCallrailApiKey,
  shunya_company_id: company.shunyaCompanyId,
  retention: {
    recording_days: company.recordingDays,
    transcript_days: company.transcriptDays,
    raw_event_days: company.rawEventDays,
  },
  is_demo: company.isDemo,
  created_at: iso(company.createdAt),
  updated_at: iso(company.updatedAt),
});

export const trackingNumberSchema = z
  .object({
    phone_number: z.string().openapi({ example: EXAMPLE.trackingNumber }),
    company_id: z.string().openapi({ example: EXAMPLE.companyId }),
    label: z.string().nullable().openapi({ example: 'Website' }),
    created_at: momentOut,
  })
  .openapi('TrackingNumber');

export const trackingNumberView = (number: TrackingNumberRow) => ({
  phone_number: number.phoneNumber,
  company_id: number.companyId,
  label: number.label,
  created_at: iso(number.createdAt),
});
