import { integer, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import type { ScorecardStage } from '../../domain/scorecard.ts';
import { moment } from './columns.ts';
import { companies } from './companies.ts';

/** What a company expects of a conversation. A change makes the next version; analyses name the one they were scored by. */
export const scorecards = pgTable(
  'scorecards',
  {
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id, { onDelete: 'cascade' }),
    /** Counts from 1. */
    version: integer('version').notNull(),
    stages: jsonb('stages').$type<ScorecardStage[]>().notNull(),
    /** In words: what makes a caller qualified. */
    qualificationCriteria: text('qualification_criteria'),
    /** The user who made this version. */
    createdBy: text('created_by').notNull(),
    createdAt: moment('created_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.companyId, table.version] })],
);
