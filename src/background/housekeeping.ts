/** What every installation needs done now and then: old rows go, lost deliveries are rung. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config/config.ts';
import type { Database } from '../db/client.ts';
import type { Logger } from '../runtime/telemetry.ts';
import { pruneDeliveries, reviveLostDeliveries } from '../services/deliveries/upkeep.ts';
import { pruneIdempotencyKeys } from '../services/idempotency.ts';
import { pruneStrays } from '../services/inbox/pruneStrays.ts';
import { fillCalls } from '../services/upkeep/fillCalls.ts';
import { fillSearch } from '../services/upkeep/fillSearch.ts';
import { pruneChanges } from '../services/upkeep/pruneChanges.ts';
import { applyRetention } from '../services/upkeep/retention.ts';
import { companiesToSum, sumCompanyDays } from '../services/upkeep/sumDays.ts';

const EVERY_MS = 60_000;

/** Works every minute until it is told to stop. Several processes may do this at once. @returns how to end that */
export function startHousekeeping({
  db,
  config,
  logger,
}: {
  db: Database;
  config: Pick<Config, 'unroutedEventDays'>;
  logger: Logger;
}): () => Promise<void> {
  let isStopped = false;
  /** Old rows, after an upgrade: batch after batch, each followed by a pause as long as itself. */
  const fill = async (some: (db: Database) => Promise<number>) => {
    let filled = 0;
    while (!isStopped) {
      const startedAt = Date.now();
      const count = await some(db);
      if (count === 0) break;
      filled += count;
      await delay(Date.now() - startedAt);
    }
    return filled;
  };
  /** Sums of days, for the metrics. */
  const sum = async () => {
    const companies = await companiesToSum(db);
    for (const companyId of companies) while (!isStopped && (await sumCompanyDays(db, companyId)));
    return companies.length;
  };
  const keepHouse = async () => {
    try {
      const changes = await pruneChanges(db);
      const deliveries = await pruneDeliveries(db);
      const keys = await pruneIdempotencyKeys(db);
      const events = await pruneStrays(db, { days: config.unroutedEventDays });
      const revived = await reviveLostDeliveries(db);
      const filled = await fill(fillCalls);
      const indexed = await fill(fillSearch);
      const summed = await sum();
      const retired = await applyRetention(db, () => isStopped);
      const did = { changes, deliveries, keys, events, revived, filled, indexed, summed, retired };
      if (Object.values(did).some((count) => count > 0)) logger.info(did, 'kept house');
    } catch (error) {
      logger.warn({ err: error }, 'housekeeping failed; trying again');
    }
  };
  let underWay = keepHouse();
  const timer = setInterval(() => {
    underWay = underWay.then(keepHouse);
  }, EVERY_MS);
  return async () => {
    isStopped = true;
    clearInterval(timer);
    await underWay;
  };
}
