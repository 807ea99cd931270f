import { bigint, index, integer, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import type { JobKind, SubjectKind } from '../../domain/pipeline.ts';
import { moment, timestamps } from './columns.ts';
import { companies } from './companies.ts';

/**
 * waiting: no free slot of the company's limit · ready: may be sent (the intent is committed before the POST) ·
 * submitted: Shunya works · reported: Shunya says finished, the result is still to be read · completed · failed: see error_code.
 */
export const SHUNYA_JOB_STATES = ['waiting', 'ready', 'submitted', 'reported', 'completed', 'failed'] as const;
export type ShunyaJobState = (typeof SHUNYA_JOB_STATES)[number];

/** One attempt at one step of one generation: what was asked of Shunya and what came of it. */
export const shunyaJobs = pgTable(
  'shunya_jobs',
  {
    id: text('id').primaryKey(),
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id),
    subjectKind: text('subject_kind').$type<SubjectKind>().notNull(),
    subjectId: text('subject_id').notNull(),
    generation: integer('generation').notNull(),
    kind: text('kind').$type<JobKind>().notNull(),
    /** Grows once Shunya cannot go on with the job: it failed, its audio was gone, or its key was used. Repeats of a submit stay within one attempt. */
    attempt: integer('attempt').notNull().default(1),
    state: text('state').$type<ShunyaJobState>().notNull(),
    /** Sent as Idempotency-Key; the same for every repeat of this attempt. */
    idempotencyKey: text('idempotency_key').notNull().unique('shunya_jobs_idempotency_key'),
    shunyaCallId: bigint('shunya_call_id', { mode: 'number' }).notNull(),
    /** The recording as it was sent, resolved when the attempt began; only for a transcription. */
    audioUrl: text('audio_url'),
    /** Shunya's id of the job; the first one recorded wins. */
    taskId: text('task_id'),
    /** Failed tries to send, ask or read within this attempt. */
    failures: integer('failures').notNull().default(0),
    /** The last error, a code: http_503, timeout, or Shunya's own. */
    errorCode: text('error_code'),
    errorAt: moment('error_at'),
    /** Whether Shunya called a failed job worth repeating. */
    retryable: text('retryable').$type<'yes' | 'no' | 'unsaid'>(),
    submittedAt: moment('submitted_at'),
    finishedAt: moment('finished_at'),
    ...timestamps,
  },
  (table) => [
    uniqueIndex('shunya_jobs_step').on(table.subjectKind, table.subjectId, table.generation, table.kind, table.attempt),
    // Callbacks find their job by Shunya's id, or by call id and kind.
    index('shunya_jobs_task').on(table.taskId),
    index('shunya_jobs_shunya_call').on(table.shunyaCallId, table.kind),
    // The limit per company counts what is under way and wakes the oldest that waits.
    index('shunya_jobs_in_flight').on(table.companyId, table.state, table.createdAt),
  ],
);
