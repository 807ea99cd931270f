/** Lists: keyset cursors, which stay put while rows arrive, and bounded totals. */

import { z } from '@hono/zod-openapi';
import { type SQL, sql } from 'drizzle-orm';
import type { Queryable } from '../../db/client.ts';
import type { Count, MomentKey as Key, Page } from '../../db/queries/paging.ts';
import { invalidField } from './errors.ts';

export const DEFAULT_LIMIT = 50;
export const MAX_LIMIT = 200;
/** Up to here a total is exact. */
const EXACT_TOTAL = 10_000;

/** The query parameters of every list. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT).openapi({ example: DEFAULT_LIMIT }),
  cursor: z.string().max(1000).optional().openapi({ description: 'The `next_cursor` of the page before.' }),
};

/** The `data` of a list. */
export function listOf<T extends z.ZodType>(item: T) {
  return z.object({
    items: z.array(item),
    total: z.int().openapi({ description: 'Exact to 10,000, above that a lower bound.', example: 1 }),
    total_is_estimate: z.literal(true).optional(),
    next_cursor: z.string().nullable(),
  });
}

export interface List<T> {
  items: T[];
  total: number;
  total_is_estimate?: true;
  next_cursor: string | null;
}

/** An opaque cursor over the sort key of the last row of a page. */
export function encodeCursor(key: unknown): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

/** The sort key in a cursor, or 422 where it is not one that we made. */
export function decodeCursor<T extends z.ZodType>(cursor: string | undefined, schema: T): z.output<T> | undefined {
  if (cursor === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
  } catch {
    throw invalidField('cursor', 'is not a cursor of this list');
  }
}

const rowId = z
  .string()
  .max(600)
  .refine((text) => !/[\0\p{Surrogate}]/u.test(text));

/** Postgres has no year 0. */
const moment = z.iso.datetime({ precision: 3 }).refine((at) => at >= '0001');
const momentKey = z.object({ at: moment.nullable(), id: rowId });

/** The place of a row in a list that is sorted by a moment, then by id. */
export interface MomentKey {
  at: Date | null;
  id: string;
}

/** Reads a cursor of a list that is sorted by a moment, then by id; 422 where it is not one. */
export function decodeMomentCursor(cursor: string | undefined): MomentKey | undefined {
  const key = decodeCursor(cursor, momentKey);
  return key && { at: key.at === null ? null : new Date(key.at), id: key.id };
}

export const encodeMomentCursor = (key: MomentKey): string =>
  encodeCursor({ at: key.at?.toISOString() ?? null, id: key.id });

/** Counts rows of a filter, but no further than the exact range and one. */
export async function countUpTo(db: Queryable, rows: SQL): Promise<{ total: number; total_is_estimate?: true }> {
  const [row] = await db.execute<{ count: number }>(
    sql`select count(*)::int as count from (${rows} limit ${EXACT_TOTAL + 1}) as counted`,
  );
  const count = row?.count ?? 0;
  return count > EXACT_TOTAL ? { total: EXACT_TOTAL, total_is_estimate: true } : { total: count };
}

/**
 * Makes the answer of a list.
 * @param rows one more than `limit` were asked for, which tells whether there is a next page
 */
export function toList<Row, Item>(
  rows: Row[],
  page: {
    limit: number;
    count: { total: number; total_is_estimate?: true };
    cursorOf: (row: Row) => string;
    view: (row: Row) => Item;
  },
): List<Item> {
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  return {
    items: shown.map(page.view),
    ...page.count,
    next_cursor: rows.length > page.limit && last !== undefined ? page.cursorOf(last) : null,
  };
}

/** How a list is sorted: what a cursor holds, and the key of a row. */
interface SortKey<Row, Key> {
  schema: z.ZodType<Key>;
  of: (row: Row) => Key;
}

const date = moment.transform((at) => new Date(at));

/** Sorted by a moment that every row has, then by id. */
export const byMoment = <Row>(of: (row: Row) => Key): SortKey<Row, Key> => ({
  schema: z.object({ at: date, id: rowId }),
  of,
});

/** Sorted by a moment that some rows lack, then by id. */
export const byMomentOrNone = <Row>(of: (row: Row) => Key<Date | null>): SortKey<Row, Key<Date | null>> => ({
  schema: z.object({ at: date.nullable(), id: rowId }),
  of,
});

/** Sorted by a number that grows with each row. */
export const bySequence = <Row>(of: (row: Row) => number): SortKey<Row, number> => ({ schema: z.int().min(0), of });

/** Answers one page of a list: its rows, the total, and the cursor of the next page. */
export async function listPage<Row, Key, Item>(
  query: { limit: number; cursor?: string },
  list: {
    rows: (page: Page<Key>) => Promise<Row[]>;
    count: () => Promise<Count>;
    key: SortKey<Row, Key>;
    view: (row: Row) => Item;
  },
): Promise<List<Item>> {
  const after = decodeCursor(query.cursor, list.key.schema);
  // One more than is shown tells whether there is a next page.
  const rows = await list.rows({ limit: query.limit + 1, after });
  const shown = rows.slice(0, query.limit);
  const last = shown.at(-1);
  return {
    items: shown.map(list.view),
    ...(await list.count()),
    next_cursor: rows.length > query.limit && last !== undefined ? encodeCursor(list.key.of(last)) : null,
  };
}
