import { setTimeout as delay } from 'node:timers/promises';
import type postgres from 'postgres';
import { isConnectionLost } from './errors.ts';

type Run = (tx: postgres.TransactionSql) => unknown;

/** A connection that failed has closed by then. */
const CLOSES_WITHIN_MS = 10_000;
/** A BEGIN may meet connections that were lost while they were idle, one after the other. */
const MAX_STARTS = 4;

/**
 * Makes transactions end with their connection. The driver alone would send later statements, and a ROLLBACK, to whatever
 * that connection becomes: a closed socket, which ends the process, or one that serves somebody else's transaction
 * (https://github.com/porsager/postgres/issues/1154).
 * @param onBegin is given each transaction before it runs
 */
export function guardTransactions(sql: postgres.Sql, onBegin: (tx: postgres.TransactionSql) => void): void {
  const begin = sql.begin.bind(sql) as (options: string, run: Run) => Promise<unknown>;

  const guarded = async (...given: [Run] | [string, Run]): Promise<unknown> => {
    const [options, run] = given.length === 1 ? ['', given[0]] : given;
    for (let starts = 1; ; starts += 1) {
      let hasBegun = false;
      try {
        return await once(options, (tx) => {
          hasBegun = true;
          return run(tx);
        });
      } catch (error) {
        if (hasBegun || starts === MAX_STARTS || !isConnectionLost(error)) throw error;
      }
    }
  };

  const once = (options: string, run: Run): Promise<unknown> => {
    let isOver = false;
    const transaction = begin(options, async (tx) => {
      onBegin(tx);
      const { unsafe } = tx;
      tx.unsafe = ((...query: Parameters<typeof unsafe>) => {
        if (isOver) throw Object.assign(new Error('the transaction is over'), { code: 'CONNECTION_CLOSED' });
        return unsafe(...query);
      }) as typeof unsafe;
      try {
        return await run(tx);
      } catch (error) {
        // The driver rejects the transaction by itself once the socket has closed: this failure must not reach it.
        if (isOver || (isConnectionLost(error) && (await hasEnded(transaction)))) await new Promise(() => {});
        throw error;
      }
    });
    const end = () => {
      isOver = true;
    };
    transaction.then(end, end);
    return transaction;
  };

  sql.begin = guarded as typeof sql.begin;
}

/** Whether it ends, for whatever reason, before a connection that failed must have closed. */
function hasEnded(transaction: Promise<unknown>): Promise<boolean> {
  const ended = transaction.then(
    () => true,
    () => true,
  );
  return Promise.race([ended, delay(CLOSES_WITHIN_MS, false, { ref: false })]);
}
