import { sql } from 'drizzle-orm';
import { boolean, index, integer, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import type { BookingStatus, CallOutcomeCategory, Qualification } from '../../domain/analysis.ts';
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
    /** Flagged as spam at the provider: it stays, but counts for nothing and has no lead. */
    spam: boolean('spam').notNull().default(false),
    startedAt: moment('started_at').notNull(),
    endedAt: moment('ended_at'),
    durationSeconds: integer('duration_seconds'),
    /** E.164 number that was called. */
    trackingNumber: text('tracking_number'),
    /** The other side's number, E.164; null where it was withheld. The contact may have another one since a merge. */
    callerNumber: text('caller_number'),
    /** As the provider wrote it, where it is no phone number. */
    callerNumberRaw: text('caller_number_raw'),
    contactId: text('contact_id')
      .notNull()
      .references(() => contactCards.id),
    /** Null for spam, and where we dialled somebody who did not answer and has no open lead. */
    leadId: text('lead_id').references(() => leads.id),
    /** The agent: a user's id, or what the provider gave as csr_id. */
    csrId: text('csr_id'),
    /** The provider's lasting link; never leaves over the API. */
    recordingUrl: text('recording_url'),
    /** Generation and judgement of the current analysis, kept by a trigger on call_analyses; null: not analyzed. */
    analysisGeneration: integer('analysis_generation'),
    qualification: text('qualification').$type<Qualification>(),
    bookingStatus: text('booking_status').$type<BookingStatus>(),
    callOutcomeCategory: text('call_outcome_category').$type<CallOutcomeCategory>(),
    /**
     * What lists filter by, in one value: status/direction/stage/booking status/qualification. Kept by a trigger; null on
     * rows that are older than the column and not filled yet, whose four columns above are not to be trusted either.
     */
    facet: text('facet'),
    ...pipelineColumns,
    ...timestamps,
  },
  (table) => [
    uniqueIndex('calls_provider').on(table.companyId, table.providerCallId),
    // Lists are read backwards: a descending index here would put nulls last, which no `order by … desc` asks for.
    index('calls_by_start').on(table.companyId, table.startedAt, table.id),
    // Any filter reads the facets that match it, each newest first; of one agent likewise.
    index('calls_facet').on(table.companyId, table.facet, table.startedAt, table.id),
    index('calls_csr_facet').on(table.companyId, table.csrId, table.facet, table.startedAt, table.id),
    index('calls_unfilled').on(table.id).where(sql`${table.facet} is null`),
    // Retention looks for the oldest links to audio.
    index('calls_recorded').on(table.companyId, table.startedAt).where(sql`${table.recordingUrl} is not null`),
    index('calls_of_contact').on(table.contactId, table.startedAt, table.id),
    // A lead lists its calls in order.
    index('calls_of_lead').on(table.leadId, table.startedAt, table.id),
    // The sweep looks at every pipeline that is not finished.
    index('calls_unfinished').on(table.stageSince).where(unfinished(table)),
    // GET /pipelines reads what needs a person.
    index('calls_attention').on(table.companyId, table.needsAttention, table.stage),
    // An event with no known number finds the company that already has its call.
    index('calls_provider_call_id').on(table.providerCallId),
  ],
);
