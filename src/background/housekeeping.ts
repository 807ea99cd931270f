/** What every installation needs done now and then: old rows go, lost deliveries are rung. */
import type { Database } from '../db/client.ts';
import { pruneChanges } from '../db/queries/changes.ts';
import { pruneDeliveries, reviveLostDeliveries } from '../db/queries/deliveries.ts';
import { pruneIdempotencyKeys } from '../db/queries/idempotency.ts';
import type { Logger } from '../runtime/telemetry.ts';

const EVERY_MS = 60_000;

/** Works every minute until it is told to stop. Several processes may do this at once. @returns how to end that */
export function startHousekeeping({ db, logger }: { db: Database; logger: Logger }): () => Promise<void> {
  const keepHouse = async () => {
    try {
      const changes = await pruneChanges(db);
      const deliveries = await pruneDeliveries(db);
      const keys = await pruneIdempotencyKeys(db);
      const revived = await reviveLostDeliveries(db);
      if (changes + deliveries + keys + revived > 0) logger.info({ changes, deliveries, keys, revived }, 'kept house');
    } catch (error) {
      logger.warn({ err: error }, 'housekeeping failed; trying again');
    }
  };
  let underWay = keepHouse();
  const timer = setInterval(() => {
    underWay = underWay.then(keepHouse);
  }, EVERY_MS);
  return async () => {
    clearInterval(timer);
    await underWay;
  };
}
