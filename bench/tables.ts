/** What tables hold: rows alive and dead, updates, and bytes on disk. */
import type { Sql } from 'postgres';

export interface TableState {
  name: string;
  liveRows: number;
  deadRows: number;
  updates: number;
  /** Updates that touched no index. */
  hotUpdates: number;
  heapBytes: number;
  indexBytes: number;
  autovacuums: number;
}

/** The tables with rows, the largest first. Rows are what Postgres believes; after `analyze` that is nearly exact. */
export async function tablesOf(sql: Sql, most = 10): Promise<TableState[]> {
  await sql`select pg_stat_force_next_flush()`;
  const rows = await sql<{ [Key in keyof TableState]: TableState[Key] }[]>`
    select relname as name, n_live_tup::int as "liveRows", n_dead_tup::int as "deadRows", n_tup_upd::int as updates,
      n_tup_hot_upd::int as "hotUpdates", pg_table_size(relid)::float8 as "heapBytes",
      pg_indexes_size(relid)::float8 as "indexBytes", autovacuum_count::int as autovacuums
    from pg_stat_user_tables where schemaname = 'public' and n_live_tup > 0
    order by pg_total_relation_size(relid) desc limit ${most}`;
  return [...rows];
}

/** One row for each table, as Markdown. */
export function describeTables(tables: readonly TableState[]): string {
  const kib = (bytes: number) => Math.round(bytes / 1024).toLocaleString('en-US');
  const lines = tables.map((table) => {
    const { name, liveRows, deadRows, updates, hotUpdates, heapBytes, indexBytes, autovacuums } = table;
    const hot = updates > 0 ? `${((100 * hotUpdates) / updates).toFixed(0)} %` : '–';
    const perRow = Math.round((heapBytes + indexBytes) / Math.max(1, liveRows));
    const cells = [name, liveRows, deadRows, updates, hot, kib(heapBytes), kib(indexBytes), perRow, autovacuums];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    '| table | live rows | dead rows | updates | HOT | heap KiB | indexes KiB | bytes a live row | autovacuums |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n');
}
