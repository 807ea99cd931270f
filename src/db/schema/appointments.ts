import { type AnyPgColumn, boolean, index, integer, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import type { AppointmentOutcome } from '../../domain/analysis.ts';
import type { AppointmentStatus } from '../../domain/appointment.ts';
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
    /** The appointment this one replaces; each is replaced once, so that they make a chain. */
    rescheduledFromId: text('rescheduled_from_id').references((): AnyPgColumn => appointments.id),
    version: integer('version').notNull().default(1),
    ...timestamps,
  },
  (table) => [
    // A booked call makes exactly one, however often its analysis arrives.
    uniqueIndex('appointments_call').on(table.callId),
    uniqueIndex('appointments_rescheduled_from').on(table.rescheduledFromId),
    index('appointments_by_start').on(table.companyId, table.scheduledStart, table.id),
    index('appointments_by_rep').on(table.companyId, table.assignedRepId, table.scheduledStart),
    index('appointments_lead').on(table.leadId),
  ],
);
