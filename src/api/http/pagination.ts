/** Lists: keyset cursors, which stay put while rows arrive, and bounded totals. */
import { z } from '@hono/zod-openapi';
import type { Count, MomentKey, Page } from '../../db/queries/paging.ts';
import { invalidField } from './errors.ts';

export const DEFAULT_LIMIT = 50;
export const MAX_LIMIT = 200;
/** The query parameters of every list. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT).openapi({ example: DEFAULT_LIMIT }),
  cursor: z
    .string()
    .max(1000)
    .optional()
    .openapi({ description: 'The `next_cursor` of the previous page. Absent: the first page.' }),
};

/** The `data` of a list. */
export function listOf<T extends z.ZodType>(item: T) {
  return z.object({
    items: z.array(item),
    total: z
      .int()
      .openapi({ description: 'How many rows match: exact up to 10,000, a lower bound above.', example: 1 }),
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
function encodeCursor(key: unknown): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

/** The sort key in a cursor, or 422 where it is not one that we made. */
function decodeCursor<T extends z.ZodType>(cursor: string | undefined, schema: T): z.output<T> | undefined {
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

/** How a list is sorted: what a cursor holds, and the key of a row. */
interface SortKey<Row, Key> {
  schema: z.ZodType<Key>;
  of: (row: Row) => Key;
}

const date = moment.transform((at) => new Date(at));

/** Sorted by a moment that every row has, then by id. */
export const byMoment = <Row>(of: (row: Row) => MomentKey): SortKey<Row, MomentKey> => ({
  schema: z.object({ at: date, id: rowId }),
  of,
});

/** Sorted by a moment that some rows lack, then by id. */
export const byMomentOrNone = <Row>(
  of: (row: Row) => MomentKey<Date | null>,
): SortKey<Row, MomentKey<Date | null>> => ({
  schema: z.object({ at: date.nullable(), id: rowId }),
  of,
});

/** Sorted by a number that grows with each row. */
export const bySequence = <Row>(of: (row: Row) => number): SortKey<Row, number> => ({ schema: z.int().min(0), of });

/** What a list is made of: its rows and their number, in one go or each by itself. */
type ListSource<Row, Key> =
  | { page: (page: Page<Key>) => Promise<{ rows: Row[]; count: Count }> }
  | { rows: (page: Page<Key>) => Promise<Row[]>; count: () => Promise<Count> };

/** Answers one page of a list: its rows, the total, and the cursor of the next page. */
export async function listPage<Row, Key, Item>(
  query: { limit: number; cursor?: string },
  list: ListSource<Row, Key> & { key: SortKey<Row, Key>; view: (row: Row) => Item },
): Promise<List<Item>> {
  // One more than is shown tells whether there is a next page.
  const page = { limit: query.limit + 1, after: decodeCursor(query.cursor, list.key.schema) };
  const { rows, count } = 'page' in list ? await list.page(page) : await separately(list.rows(page), list.count());
  const shown = rows.slice(0, query.limit);
  const last = shown.at(-1);
  return {
    items: shown.map(list.view),
    ...count,
    next_cursor: rows.length > query.limit && last !== undefined ? encodeCursor(list.key.of(last)) : null,
  };
}

/** At the same time, each on a connection of its own. */
async function separately<Row>(reading: Promise<Row[]>, counting: Promise<Count>) {
  const [rows, count] = await Promise.all([reading, counting]);
  return { rows, count };
}
