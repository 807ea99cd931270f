import { sql } from 'drizzle-orm';
import { bigserial, customType, index, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import type { ChangeKind } from '../../domain/change.ts';
import { moment } from './columns.ts';

/** A transaction's number that never wraps; as text, since it may be above 2^53. */
const xid8 = customType<{ data: string }>({ dataType: () => 'xid8' });

/**
 * What changed, for the event stream: ids only, written by triggers on the tables themselves (see the migration
 * change_feed), so that no code path can forget it. Kept for days.
 */
export const changes = pgTable(
  'changes',
  {
    /** With id: the order of reading. Rows of transactions that may still be open are not read yet. */
    xid: xid8('xid').notNull().default(sql`pg_current_xact_id()`),
    id: bigserial('id', { mode: 'bigint' }).notNull(),
    companyId: text('company_id').notNull(),
    kind: text('kind').$type<ChangeKind>().notNull(),
    /** Of a pipeline: the call or visit. */
    subjectId: text('subject_id').notNull(),
    operation: text('operation').$type<'insert' | 'update' | 'delete'>().notNull(),
    /** The sales rep an appointment was taken from, by this change. */
    formerRepId: text('former_rep_id'),
    createdAt: moment('created_at').notNull().defaultNow(),
  },
  (table) => [
    // The poll of each API process reads on from where it was; pruning reads the oldest.
    primaryKey({ columns: [table.xid, table.id] }),
    // A client that comes back reads what its company missed.
    index('changes_company').on(table.companyId, table.xid, table.id),
  ],
);
