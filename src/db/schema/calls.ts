import { boolean, index, integer, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import type { CallDirection, CallStatus } from '../../domain/call.ts';
import { moment, pipelineColumns, timestamps, unfinished } from './columns.ts';
import { companies } from './companies.ts';
import { contactCards } from './contactCards.ts';
import { leads } from './leads.ts';

/** A phone call, folded from all of its webhook_events, and where its pipeline stands. */
export const calls = pgTable(
  'calls',
  {
    id: text('id').primaryKey(),
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id),
    /** CallRail's id; workflow id call:{company_id}:{provider_call_id}. */
    providerCallId: text('provider_call_id').notNull(),
    status: text('status').$type<CallStatus>().notNull(),
    direction: text('direction').$type<CallDirection>().notNull(),
    answered: boolean('answered').notNull(),
    startedAt: moment('started_at').notNull(),
    endedAt: moment('ended_at'),
    durationSeconds: integer('duration_seconds'),
    /** E.164 number that was called. */
    trackingNumber: text('tracking_number'),
    /** As the provider wrote it, where it is no phone number. */
    callerNumberRaw: text('caller_number_raw'),
    contactId: text('contact_id')
      .notNull()
      .references(() => contactCards.id),
    leadId: text('lead_id')
      .notNull()
      .references(() => leads.id),
    /** The agent: a user's id, or what the provider gave as csr_id. */
    csrId: text('csr_id'),
    /** The provider's lasting link; never leaves over the API. */
    recordingUrl: text('recording_url'),
    ...pipelineColumns,
    ...timestamps,
  },
  (table) => [
    uniqueIndex('calls_provider').on(table.companyId, table.providerCallId),
    index('calls_newest').on(table.companyId, table.startedAt.desc(), table.id.desc()),
    index('calls_contact').on(table.contactId),
    index('calls_lead').on(table.leadId),
    // The sweep looks at every pipeline that is not finished.
    index('calls_unfinished').on(table.stageSince).where(unfinished(table)),
    // GET /pipelines reads what needs a person.
    index('calls_attention').on(table.companyId, table.needsAttention, table.stage),
    // An event with no known number finds the company that already has its call.
    index('calls_provider_call_id').on(table.providerCallId),
  ],
);
