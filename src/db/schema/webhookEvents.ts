import { type SQL, sql } from 'drizzle-orm';
import {
  type AnyPgColumn,
  bigint,
  bigserial,
  customType,
  index,
  integer,
  pgTable,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import type { WebhookEventStatus, WebhookSource } from '../../domain/webhookEvent.ts';
import { moment } from './columns.ts';

/** Events that take no effect for now, as literals: only a query that says the very same uses the indexes on it. */
export const isStray = (table: { status: AnyPgColumn }): SQL =>
  sql`${table.status} in ('unrouted', 'invalid', 'rejected')`;

/**
 * Events that have not taken effect yet, as literals too: with the status as a value no plan that is kept for all values could
 * use the indexes on it.
 */
export const isOpen = (table: { status: AnyPgColumn }): SQL => sql`${table.status} in ('pending', 'dispatched')`;

/** Restarts of a pipeline whose workflow is gone or silent. */
export const isRestart = (table: { route: AnyPgColumn | SQL }): SQL =>
  sql`${table.route} in ('call.restart', 'visit.restart')`;

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' });

/**
 * The inbox: every event we answered for. pending → dispatched (its workflow was rung) → applied (its effect is committed);
 * unrouted, invalid and rejected wait for a number, a person, or a mended key.
 */
export const webhookEvents = pgTable(
  'webhook_events',
  {
    id: text('id').primaryKey(),
    /** Order of receipt. */
    sequence: bigserial('sequence', { mode: 'number' }).notNull(),
    source: text('source').$type<WebhookSource>().notNull(),
    /** From CallRail `call.` with a `CallEventKind`, from Shunya `job`, of our own an `InternalRoute`, of operators an `OperatorActionName`. */
    route: text('route').notNull(),
    companyId: text('company_id'),
    status: text('status').$type<WebhookEventStatus>().notNull(),
    /** Why it is unrouted, invalid or rejected, or what applying it came to. A code. */
    reason: text('reason'),
    /** The raw body as it came. */
    body: bytea('body').notNull(),
    bodySha256: text('body_sha256').notNull(),
    /**
     * The sender's signature header, so that an unrouted or rejected event can be verified later; several with spaces, where
     * the same bytes came with another one before its company was known.
     */
    signature: text('signature'),
    /** CallRail's id of the call the event is about. */
    providerCallId: text('provider_call_id'),
    /** Number called (E.164) and CallRail's company ids, by which an unrouted event finds its company later. */
    trackingNumber: text('tracking_number'),
    callrailCompanyId: text('callrail_company_id'),
    /** The numeric id, where the payload has it beside the resource id. */
    callrailCompanyAlias: text('callrail_company_alias'),
    /** Who called (E.164), of an event that takes no effect for now: no call leads to it when a person wants all of theirs deleted. */
    callerNumber: text('caller_number'),
    /** Shunya's job id and call id, by which a callback finds its job. */
    taskId: text('task_id'),
    shunyaCallId: bigint('shunya_call_id', { mode: 'number' }),
    /** The job row it was matched to. */
    jobId: text('job_id'),
    /** The workflow to ring. */
    workflowId: text('workflow_id'),
    attempts: integer('attempts').notNull().default(0),
    /** Not before this moment is it rung (again); a relay that claims it moves this on. */
    nextRingAt: moment('next_ring_at').notNull().defaultNow(),
    receivedAt: moment('received_at').notNull().defaultNow(),
    dispatchedAt: moment('dispatched_at'),
    appliedAt: moment('applied_at'),
    /** When the company's retention took what is personal from the body; null: it is whole. */
    reducedAt: moment('reduced_at'),
  },
  (table) => [
    // The same route and byte-identical body is the same event; rejected ones never count for this.
    uniqueIndex('webhook_events_body')
      .on(table.source, table.route, table.bodySha256)
      .where(sql`${table.status} <> 'rejected' and ${table.source} <> 'internal'`),
    // The relay: what is to be rung.
    index('webhook_events_due').on(table.nextRingAt).where(isOpen(table)),
    // A fold reads all events of its call. Who knows this call already, of whichever company? Asked for every CallRail event.
    index('webhook_events_of_call').on(table.providerCallId, table.companyId, table.sequence),
    index('webhook_events_of_job').on(table.jobId).where(sql`${table.jobId} is not null`),
    // What takes no effect for now is bounded, oldest first out, and found by who called.
    index('webhook_events_strays').on(table.receivedAt).where(isStray(table)),
    index('webhook_events_stray_caller').on(table.callerNumber).where(isStray(table)),
    // A visit takes the events that ring it.
    index('webhook_events_workflow').on(table.workflowId).where(isOpen(table)),
    // Unrouted ones are looked up by number, company or job.
    index('webhook_events_unrouted_number').on(table.trackingNumber).where(sql`${table.status} = 'unrouted'`),
    index('webhook_events_unrouted_company').on(table.callrailCompanyId).where(sql`${table.status} = 'unrouted'`),
    index('webhook_events_unrouted_alias').on(table.callrailCompanyAlias).where(sql`${table.status} = 'unrouted'`),
    index('webhook_events_unrouted_task').on(table.taskId).where(sql`${table.status} = 'unrouted'`),
    index('webhook_events_unrouted_shunya_call').on(table.shunyaCallId).where(sql`${table.status} = 'unrouted'`),
    // The sweep sees when it last started a pipeline again.
    index('webhook_events_restarted').on(table.workflowId, table.receivedAt).where(isRestart(table)),
    // Retention looks for the oldest whole ones.
    index('webhook_events_whole')
      .on(table.companyId, table.receivedAt)
      .where(sql`${table.status} = 'applied' and ${table.reducedAt} is null`),
    // Operators list by status, newest first.
    index('webhook_events_list').on(table.companyId, table.status, table.sequence),
  ],
);
