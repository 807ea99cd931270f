/** Columns that several tables share. */
import { type SQL, sql } from 'drizzle-orm';
import { type AnyPgColumn, boolean, integer, text, timestamp } from 'drizzle-orm/pg-core';
import { type Blocker, FINAL_STAGES, type PipelineStage } from '../../domain/pipeline.ts';

/** A moment in UTC, with milliseconds. */
export const moment = (name: string) => timestamp(name, { withTimezone: true, mode: 'date', precision: 3 });

export const timestamps = {
  createdAt: moment('created_at').notNull().defaultNow(),
  updatedAt: moment('updated_at').notNull().defaultNow(),
};

/** Where a pipeline stands: kept on the row of its call or visit, written by services/pipelines/state.ts. */
export const pipelineColumns = {
  stage: text('stage').$type<PipelineStage>().notNull().default('awaiting_end'),
  /** Since when the pipeline is in this stage. */
  stageSince: moment('stage_since').notNull().defaultNow(),
  needsAttention: boolean('needs_attention').notNull().default(false),
  /** What a step waits for after it failed at least once; null while nothing is wrong. */
  blockedOn: text('blocked_on').$type<Blocker>(),
  blockedSince: moment('blocked_since'),
  /** Failed tries of the blocked step. */
  attempts: integer('attempts').notNull().default(0),
  /** A code: why it is not analyzable, given up, or the last error of the blocked step. */
  reason: text('reason'),
  /** Where and how the blocked step failed last: a host, an HTTP status. */
  hint: text('hint'),
  pipelineUpdatedAt: moment('pipeline_updated_at').notNull().defaultNow(),
  /** The newest analysis asked for; each has its own ShunyaAnalysis run and its own id at Shunya. */
  generation: integer('generation').notNull().default(1),
};

/** Stages as a list of SQL literals: a condition of an index can hold no parameters. */
export const stageLiterals = (stages: readonly PipelineStage[]): SQL =>
  sql.raw(stages.map((stage) => `'${stage}'`).join(', '));

/** The final stages, for `in (…)`. */
export const finalStages = stageLiterals(FINAL_STAGES);

/** Pipelines that go on or are blocked: only a query that says the very same uses the index on it. */
export const unfinished = (table: { stage: AnyPgColumn | SQL; blockedOn: AnyPgColumn | SQL }): SQL =>
  sql`(${table.stage} not in (${finalStages}) or ${table.blockedOn} is not null)`;
