/** Housekeeping: deletes old rows, fills new columns, sums days for the metrics, rings lost deliveries. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config/config.ts';
import type { Database } from '../db/client.ts';
import { every } from '../runtime/every.ts';
import type { Logger } from '../runtime/telemetry.ts';
import { pruneDeliveries, reviveLostDeliveries } from '../services/deliveries/upkeep.ts';
import { pruneIdempotencyKeys } from '../services/idempotency.ts';
import { pruneStrays } from '../services/inbox/pruneStrays.ts';
import { fillCalls } from '../services/upkeep/fillCalls.ts';
import { fillObjections } from '../services/upkeep/fillObjections.ts';
import { fillSearch } from '../services/upkeep/fillSearch.ts';
import { pruneChanges } from '../services/upkeep/pruneChanges.ts';
import { applyRetention } from '../services/upkeep/retention.ts';
import { companiesToSum, sumCompanyDays } from '../services/upkeep/sumDays.ts';

const EVERY_MS = 60_000;

/** Works every minute until it is told to stop. Several processes may do this at once. @returns how to end that */
export function startHousekeeping(deps: {
  db: Database;
  config: Pick<Config, 'unroutedEventDays'>;
  logger: Logger;
}): () => Promise<void> {
  const { db, config, logger } = deps;
  const keepHouse = async (stopping: AbortSignal) => {
    const did = {
      changes: await all(db, pruneChanges, stopping),
      deliveries: await all(db, pruneDeliveries, stopping),
      keys: await pruneIdempotencyKeys(db),
      events: await pruneStrays(db, { days: config.unroutedEventDays }),
      revived: await reviveLostDeliveries(db),
      filled: await all(db, fillCalls, stopping),
      objected: await all(db, fillObjections, stopping),
      indexed: await all(db, fillSearch, stopping),
      summed: await sumDays(db, stopping),
      retired: await applyRetention(db, () => stopping.aborted),
    };
    if (Object.values(did).some((count) => count > 0)) logger.info(did, 'housekeeping done');
  };
  const onError = (error: unknown) => logger.warn({ err: error }, 'housekeeping failed; trying again');
  return every(EVERY_MS, keepHouse, { onError, atOnce: true });
}

/** Batch after batch until nothing is left, each followed by a pause as long as itself. @returns how many rows */
async function all(db: Database, some: (db: Database) => Promise<number>, stopping: AbortSignal): Promise<number> {
  let done = 0;
  while (!stopping.aborted) {
    const startedAt = Date.now();
    const count = await some(db);
    if (count === 0) break;
    done += count;
    await delay(Date.now() - startedAt);
  }
  return done;
}

/** Sums of days, for the metrics. @returns of how many companies */
async function sumDays(db: Database, stopping: AbortSignal): Promise<number> {
  const companies = await companiesToSum(db);
  for (const companyId of companies) while (!stopping.aborted && (await sumCompanyDays(db, companyId)));
  return companies.length;
}
