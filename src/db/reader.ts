/** Selects whose text is put together once: of many columns that takes Drizzle longer than Postgres needs to answer. */
import { type Column, type GetColumnData, type SQL, sql } from 'drizzle-orm';
import { PgColumn, PgDialect } from 'drizzle-orm/pg-core';
import type { Queryable } from './client.ts';

type Group = Record<string, PgColumn | SQL>;
type Value<Field> = Field extends Column ? GetColumnData<Field> : Field extends SQL<infer Type> ? Type : never;
/** A row, in groups of fields. */
export type RowOf<Fields extends Record<string, Group>> = {
  [Name in keyof Fields]: { [Field in keyof Fields[Name]]: Value<Fields[Name][Field]> };
};

/**
 * Makes a select of these fields.
 * @param from tables and joins, without parameters
 * @returns a function that reads rows; it takes what follows: more joins, conditions, the order
 */
export function createReader<Fields extends Record<string, Group>>(fields: Fields, from: SQL) {
  const cells = Object.values(fields).flatMap((group) => Object.values(group));
  const named = cells.map((field, index) => sql`${field} as ${sql.identifier(String(index))}`);
  const head = sql.raw(new PgDialect().sqlToQuery(sql`select ${sql.join(named, sql`, `)} from ${from}`).sql);
  let first = 0;
  const groups = Object.entries(fields).map(([name, group]) => {
    const decoders = Object.entries(group).map(([field, column]) => ({ field, decode: decoderOf(column) }));
    const empty: Record<string, unknown> = Object.fromEntries(Object.keys(group).map((field) => [field, null]));
    first += decoders.length;
    return { name, first: first - decoders.length, decoders, empty };
  });
  return async (db: Queryable, rest: SQL): Promise<RowOf<Fields>[]> => {
    const rows = await db.execute<Record<number, unknown>>(sql`${head} ${rest}`);
    return rows.map((row) => {
      const read: Record<string, Record<string, unknown>> = {};
      for (const { name, first, decoders, empty } of groups) {
        // A copy has room for all fields; an object that grows field by field is moved again and again.
        const group = { ...empty };
        for (let index = 0; index < decoders.length; index += 1) {
          const { field, decode } = decoders[index] as (typeof decoders)[number];
          const value = row[first + index];
          group[field] = decode === undefined || value === null ? value : decode(value);
        }
        read[name] = group;
      }
      return read as RowOf<Fields>;
    });
  };
}

/** How a column's value is made of the driver's; undefined: it is that. */
function decoderOf(field: PgColumn | SQL): ((value: unknown) => unknown) | undefined {
  if (!(field instanceof PgColumn) || field.mapFromDriverValue === PgColumn.prototype.mapFromDriverValue)
    return undefined;
  return (value) => field.mapFromDriverValue(value);
}
