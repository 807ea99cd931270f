import { boolean, integer, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import type { BookingStatus, CallOutcomeCategory, Qualification } from '../../domain/analysis.ts';
import { calls } from './calls.ts';
import { timestamps } from './columns.ts';
import { judgementColumns } from './conversation.ts';

/** The judgement of a call, one row per generation; the newest counts. Columns hold what people see: AI, then corrections. */
export const callAnalyses = pgTable(
  'call_analyses',
  {
    ...judgementColumns,
    callId: text('call_id')
      .notNull()
      .references(() => calls.id),
    qualification: text('qualification').$type<Qualification>(),
    bookingStatus: text('booking_status').$type<BookingStatus>(),
    callOutcomeCategory: text('call_outcome_category').$type<CallOutcomeCategory>(),
    /** As Shunya wrote it; see scheduled_start of the appointment for what it was read as. */
    appointmentDate: text('appointment_date'),
    appointmentLocation: text('appointment_location'),
    serviceRequested: text('service_requested'),
    assignedRepId: text('assigned_rep_id'),
    /** API field names that a person set; final for later analyses of this call. */
    humanFields: text('human_fields').array().notNull().default([]),
    /** Grows with each analysis and correction of this call. */
    version: integer('version').notNull().default(1),
    edited: boolean('edited').notNull().default(false),
    ...timestamps,
  },
  (table) => [uniqueIndex('call_analyses_generation').on(table.callId, table.generation)],
);
