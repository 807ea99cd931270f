import { bigint, index, integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import type { NotAnalyzableReason, SubjectKind } from '../../domain/pipeline.ts';
import { moment } from './columns.ts';
import { companies } from './companies.ts';

export const ANALYSIS_RUN_STATES = ['running', 'applied', 'not_analyzable', 'failed'] as const;
export type AnalysisRunState = (typeof ANALYSIS_RUN_STATES)[number];

/** One generation of the analysis of a call or visit: workflow analysis:{kind}:{id}:{generation}. */
export const analysisRuns = pgTable(
  'analysis_runs',
  {
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id),
    subjectKind: text('subject_kind').$type<SubjectKind>().notNull(),
    subjectId: text('subject_id').notNull(),
    generation: integer('generation').notNull(),
    /** The id Shunya knows this generation by: random below 2^53, so no result is ever read for another. */
    shunyaCallId: bigint('shunya_call_id', { mode: 'number' }).notNull().unique('analysis_runs_shunya_call_id'),
    /** The recording as it was when the run began. */
    recordingUrl: text('recording_url').notNull(),
    state: text('state').$type<AnalysisRunState>().notNull().default('running'),
    reason: text('reason').$type<NotAnalyzableReason | string>(),
    createdAt: moment('created_at').notNull().defaultNow(),
    finishedAt: moment('finished_at'),
    appliedAt: moment('applied_at'),
  },
  (table) => [
    primaryKey({ columns: [table.subjectKind, table.subjectId, table.generation] }),
    index('analysis_runs_company').on(table.companyId),
  ],
);
