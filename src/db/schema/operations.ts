/** Audit, secrets of our own, idempotency keys, tombstones and heartbeats. */
import {
  bigint,
  bigserial,
  index,
  integer,
  json,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import { moment } from './columns.ts';

/** Who did what, when and why. The text of a reason is only here; Temporal sees the row's id. */
export const auditLog = pgTable(
  'audit_log',
  {
    id: text('id').primaryKey(),
    sequence: bigserial('sequence', { mode: 'number' }).notNull(),
    companyId: text('company_id'),
    /** The user's id from the token. */
    actorId: text('actor_id').notNull(),
    actorRole: text('actor_role').notNull(),
    /** analysis.correct, call.reanalyze, call.delete, pipeline.retry, recording.access, … */
    action: text('action').notNull(),
    subjectKind: text('subject_kind').notNull(),
    subjectId: text('subject_id').notNull(),
    reason: text('reason'),
    details: jsonb('details'),
    /** An operator's action is sent with this entry's id as its reason: the one action in Temporal that took it up. */
    takenUpBy: text('taken_up_by'),
    createdAt: moment('created_at').notNull().defaultNow(),
  },
  (table) => [index('audit_log_subject').on(table.companyId, table.subjectKind, table.subjectId, table.sequence)],
);

/** Secrets that this installation made for itself; each has a name. */
export const installationSecrets = pgTable('installation_secrets', {
  name: text('name').primaryKey(),
  secret: text('secret').notNull(),
  createdAt: moment('created_at').notNull().defaultNow(),
});

/** Answers to POSTs that came with an Idempotency-Key, so that a repeat gets the same. */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    companyId: text('company_id').notNull(),
    userId: text('user_id').notNull(),
    route: text('route').notNull(),
    key: text('key').notNull(),
    bodySha256: text('body_sha256').notNull(),
    /** Null while the first request is still under way. */
    status: integer('status'),
    /** Not jsonb: a repeat gets the very bytes. */
    answer: json('answer'),
    createdAt: moment('created_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.companyId, table.userId, table.route, table.key] })],
);

/** A call that was deleted for privacy: late webhooks must not bring it back. No personal data. */
export const callTombstones = pgTable(
  'call_tombstones',
  {
    companyId: text('company_id').notNull(),
    providerCallId: text('provider_call_id').notNull(),
    deletedAt: moment('deleted_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.companyId, table.providerCallId] })],
);

/** A job at Shunya whose call or visit was deleted: its late callback is answered and forgotten. No personal data. */
export const jobTombstones = pgTable(
  'job_tombstones',
  {
    companyId: text('company_id').notNull(),
    shunyaCallId: bigint('shunya_call_id', { mode: 'number' }).notNull(),
    /** Empty where Shunya had given none yet. */
    taskId: text('task_id').notNull().default(''),
    deletedAt: moment('deleted_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.shunyaCallId, table.taskId] }),
    index('job_tombstones_task').on(table.taskId),
  ],
);

/** A worker says here that it is alive; Temporal lists a killed one for five minutes more. */
export const workerHeartbeats = pgTable(
  'worker_heartbeats',
  {
    workerId: text('worker_id').primaryKey(),
    taskQueue: text('task_queue').notNull(),
    beatAt: moment('beat_at').notNull().defaultNow(),
  },
  (table) => [uniqueIndex('worker_heartbeats_beat').on(table.taskQueue, table.beatAt, table.workerId)],
);
