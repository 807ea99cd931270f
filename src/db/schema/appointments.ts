import { sql } from 'drizzle-orm';
import { type AnyPgColumn, boolean, index, integer, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import type { AppointmentOutcome } from '../../domain/analysis.ts';
import type { AppointmentStatus, ReviewReason } from '../../domain/appointment.ts';
import { calls } from './calls.ts';
import { moment, timestamps } from './columns.ts';
import { companies } from './companies.ts';
import { contactCards } from './contactCards.ts';
import { leads } from './leads.ts';

/** A visit that was agreed on, by a booked call or by a person. */
export const appointments = pgTable(
  'appointments',
  {
    id: text('id').primaryKey(),
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id),
    leadId: text('lead_id')
      .notNull()
      .references(() => leads.id),
    contactId: text('contact_id')
      .notNull()
      .references(() => contactCards.id),
    /** The call that booked it; null when a person made it. */
    callId: text('call_id').references(() => calls.id),
    /** Null while the time is not known. */
    scheduledStart: moment('scheduled_start'),
    durationMinutes: integer('duration_minutes').notNull().default(60),
    assignedRepId: text('assigned_rep_id'),
    location: text('location'),
    serviceType: text('service_type'),
    status: text('status').$type<AppointmentStatus>().notNull().default('scheduled'),
    outcome: text('outcome').$type<AppointmentOutcome>().notNull().default('pending'),
    /** A person set the outcome; no analysis changes it any more. */
    outcomeByPerson: boolean('outcome_by_person').notNull().default(false),
    /** The date as the caller said it, where a call booked it. */
    saidDate: text('said_date'),
    /** Why a person should look at it; null when nobody needs to. */
    reviewReason: text('review_reason').$type<ReviewReason>(),
    reviewSince: moment('review_since'),
    /** The other appointment that the reason is about. */
    reviewOfId: text('review_of_id'),
    /** A person looked and found it right; the same reason is not raised again. */
    reviewDismissed: text('review_dismissed').$type<ReviewReason>(),
    /** The appointment this one replaces; each is replaced once, so that they make a chain. */
    rescheduledFromId: text('rescheduled_from_id').references((): AnyPgColumn => appointments.id),
    version: integer('version').notNull().default(1),
    ...timestamps,
  },
  (table) => [
    // A booked call makes exactly one, however often its analysis arrives.
    uniqueIndex('appointments_call').on(table.callId),
    uniqueIndex('appointments_rescheduled_from').on(table.rescheduledFromId),
    // With what a list is counted by, so that rows are not read for it.
    index('appointments_by_start').on(
      table.companyId,
      table.scheduledStart,
      table.id,
      table.status,
      table.outcome,
      table.reviewReason,
    ),
    // Metrics count an appointment on this day.
    index('appointments_by_day').on(table.companyId, sql`coalesce(${table.scheduledStart}, ${table.createdAt})`),
    index('appointments_by_rep').on(table.companyId, table.assignedRepId, table.scheduledStart),
    index('appointments_status').on(table.companyId, table.status, table.scheduledStart, table.id),
    index('appointments_lead').on(table.leadId),
    // The list of those that a person should look at.
    index('appointments_review')
      .on(table.companyId, table.scheduledStart, table.id)
      .where(sql`${table.reviewReason} is not null`),
    index('appointments_contact').on(table.contactId),
  ],
);
