import type postgres from 'postgres';

type Runner = Pick<postgres.Sql, 'unsafe'>;

/**
 * Prepares the statements of a pool that come a second time: Postgres then describes and parses them no more, and
 * plans them again only where a plan for all values would be worse. `on` is called for the pool and for each transaction of it.
 * @param textsMax so many are prepared, since each connection keeps them, and filters can be put together in very many ways
 */
export function createPreparing(textsMax: number): { on: (sql: Runner) => void } {
  const seen = new Set<string>();
  const isRepeated = (text: string): boolean => {
    if (seen.has(text)) return true;
    if (seen.size < textsMax) seen.add(text);
    return false;
  };
  return {
    on(sql) {
      const unsafe = sql.unsafe as (text: string, values?: unknown[], options?: object) => unknown;
      sql.unsafe = ((text: string, values: unknown[] = [], options: { prepare?: boolean } = {}) => {
        const isPrepared = options.prepare !== true && values.length > 0 && isRepeated(text);
        return unsafe(text, values, isPrepared ? PREPARED : options);
      }) as never;
    },
  };
}

/** `onexecute` as for the driver's own BEGIN: nothing is sent on a connection behind a statement that may be slow. */
const PREPARED = { prepare: true, onexecute: () => false };
