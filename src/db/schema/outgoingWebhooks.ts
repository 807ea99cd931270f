import { sql } from 'drizzle-orm';
import { bigserial, boolean, index, integer, jsonb, pgTable, text } from 'drizzle-orm/pg-core';
import type { DeliveryStatus, OutgoingEventType } from '../../domain/outgoingWebhook.ts';
import { moment, timestamps } from './columns.ts';
import { companies } from './companies.ts';

/** Where a company wants to be told of events. */
export const webhookEndpoints = pgTable(
  'webhook_endpoints',
  {
    id: text('id').primaryKey(),
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id, { onDelete: 'cascade' }),
    url: text('url').notNull(),
    description: text('description'),
    events: text('events').array().$type<OutgoingEventType[]>().notNull(),
    /** whsec_ and base64, as Standard Webhooks writes it. Shown once, when it is made. */
    secret: text('secret').notNull(),
    /** The one before, which also signs for a while after a rotation. */
    previousSecret: text('previous_secret'),
    previousSecretUntil: moment('previous_secret_until'),
    enabled: boolean('enabled').notNull().default(true),
    /** Why it was disabled, where no person did it: gone (it answered 410). */
    disabledReason: text('disabled_reason'),
    version: integer('version').notNull().default(1),
    ...timestamps,
  },
  (table) => [index('webhook_endpoints_company').on(table.companyId, table.createdAt)],
);

/**
 * One event for one endpoint; workflow delivery:{id}. What is sent is read from the subject at each attempt; only what
 * changed is kept here, until the subject is deleted.
 */
export const webhookDeliveries = pgTable(
  'webhook_deliveries',
  {
    /** Sent as webhook-id: the same for every attempt and re-send. */
    id: text('id').primaryKey(),
    sequence: bigserial('sequence', { mode: 'number' }).notNull(),
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id, { onDelete: 'cascade' }),
    endpointId: text('endpoint_id')
      .notNull()
      .references(() => webhookEndpoints.id, { onDelete: 'cascade' }),
    eventType: text('event_type').$type<OutgoingEventType>().notNull(),
    subjectId: text('subject_id').notNull(),
    /** What changed, as it was before; emptied when the subject is deleted. */
    previous: jsonb('previous').$type<Record<string, unknown>>(),
    status: text('status').$type<DeliveryStatus>().notNull().default('pending'),
    /** Tries since it was made, or since it was last sent again by a person. */
    attempts: integer('attempts').notNull().default(0),
    /** The HTTP status of the last answer. */
    lastStatus: integer('last_status'),
    /** A code: http_500, timeout, address_not_allowed, endpoint_disabled, subject_deleted, … */
    lastError: text('last_error'),
    lastAttemptAt: moment('last_attempt_at'),
    nextAttemptAt: moment('next_attempt_at').defaultNow(),
    deliveredAt: moment('delivered_at'),
    /** When the event happened. */
    createdAt: moment('created_at').notNull().defaultNow(),
  },
  (table) => [
    // The delivery log, newest first.
    index('webhook_deliveries_log').on(table.companyId, table.sequence),
    index('webhook_deliveries_subject').on(table.companyId, table.subjectId),
    index('webhook_deliveries_endpoint').on(table.endpointId, table.sequence),
    // Housekeeping: what is old, and what has lost its workflow.
    index('webhook_deliveries_age').on(table.createdAt),
    index('webhook_deliveries_due').on(table.nextAttemptAt).where(sql`${table.status} = 'pending'`),
  ],
);
