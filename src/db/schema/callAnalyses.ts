import { boolean, doublePrecision, integer, jsonb, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import type { BookingStatus, CallOutcomeCategory, Objection, Qualification } from '../../domain/analysis.ts';
import { calls } from './calls.ts';
import { moment, timestamps } from './columns.ts';
import { companies } from './companies.ts';

/** The judgement of a call, one row per generation; the newest counts. Columns hold what people see: AI, then corrections. */
export const callAnalyses = pgTable(
  'call_analyses',
  {
    id: text('id').primaryKey(),
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id),
    callId: text('call_id')
      .notNull()
      .references(() => calls.id),
    generation: integer('generation').notNull(),
    qualification: text('qualification').$type<Qualification>(),
    bookingStatus: text('booking_status').$type<BookingStatus>(),
    callOutcomeCategory: text('call_outcome_category').$type<CallOutcomeCategory>(),
    objections: jsonb('objections').$type<Objection[]>().notNull(),
    /** 0..1 */
    complianceScore: doublePrecision('compliance_score'),
    stagesFollowed: jsonb('stages_followed').$type<string[]>().notNull(),
    stagesMissed: jsonb('stages_missed').$type<string[]>().notNull(),
    /** The company's scorecard when this was stored; null where there was none. */
    scorecardVersion: integer('scorecard_version'),
    /** 0..1: the stages weighted by that scorecard. */
    weightedScore: doublePrecision('weighted_score'),
    /** 0..1 */
    sentimentScore: doublePrecision('sentiment_score'),
    summary: text('summary'),
    /** As Shunya wrote it; see scheduled_start of the appointment for what it was read as. */
    appointmentDate: text('appointment_date'),
    appointmentLocation: text('appointment_location'),
    serviceRequested: text('service_requested'),
    assignedRepId: text('assigned_rep_id'),
    /** Shunya's whole answer, for values we do not know. */
    raw: jsonb('raw').notNull(),
    /** API field names that a person set; final for later analyses of this call. */
    humanFields: text('human_fields').array().notNull().default([]),
    /** Grows with each analysis and correction of this call. */
    version: integer('version').notNull().default(1),
    edited: boolean('edited').notNull().default(false),
    analyzedAt: moment('analyzed_at').notNull().defaultNow(),
    ...timestamps,
  },
  (table) => [uniqueIndex('call_analyses_generation').on(table.callId, table.generation)],
);
