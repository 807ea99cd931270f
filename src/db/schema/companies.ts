import { boolean, integer, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { timestamps } from './columns.ts';

/** A home-service company: the tenant that every other row names. */
export const companies = pgTable(
  'companies',
  {
    id: text('id').primaryKey(),
    name: text('name').notNull(),
    /** IANA name; days in lists and metrics are this zone's days. */
    timeZone: text('time_zone').notNull().default('America/New_York'),
    callrailCompanyId: text('callrail_company_id'),
    /** Any of them verifies a webhook, so that keys can be rotated. Never read back over the API. */
    callrailSigningKeys: text('callrail_signing_keys').array().notNull().default([]),
    callrailAccountId: text('callrail_account_id'),
    /** For reconciliation with CallRail's API. Never read back over our API. */
    callrailApiKey: text('callrail_api_key'),
    /** Sent to Shunya as X-Company-ID; our id where null. */
    shunyaCompanyId: text('shunya_company_id'),
    /** After how many days links to audio, transcripts and raw events go; null: they are kept. */
    recordingDays: integer('recording_days'),
    transcriptDays: integer('transcript_days'),
    rawEventDays: integer('raw_event_days'),
    /** Made by the demo; `cleanup --demo` removes these. */
    isDemo: boolean('is_demo').notNull().default(false),
    ...timestamps,
  },
  // Webhooks without a known number find their company by this.
  (table) => [uniqueIndex('companies_callrail_company_id').on(table.callrailCompanyId)],
);
