/** Runs the sweep for stuck pipelines in every worker; only one sweeps at a time. */
import type { Database } from '../db/client.ts';
import { every } from '../runtime/every.ts';
import type { Logger } from '../runtime/telemetry.ts';
import type { SweepConfig } from '../services/pipelines/overdue.ts';
import { SWEEP_DEFAULTS, sweepOnce } from '../services/pipelines/sweep.ts';

const EVERY_MS = 30_000;

/** Sweeps every 30 seconds until it is told to stop. @returns how to do that; it waits for the sweep under way */
export function startSweep(deps: { db: Database; config: SweepConfig; logger: Logger }): () => Promise<void> {
  const { db, config, logger } = deps;
  const options = { ...SWEEP_DEFAULTS, since: new Date() };
  const sweep = async () => {
    const result = await sweepOnce(db, config, options);
    if (!result) return;
    const { withoutRow, ...counts } = result;
    if (counts.raised + counts.lowered + counts.rung > 0) logger.info(counts, 'found overdue pipelines');
    if (withoutRow.length > 0)
      logger.error({ calls: withoutRow.length, workflow_id: withoutRow[0] }, 'events of new calls have no effect');
  };
  const onError = (error: unknown) => logger.warn({ err: error }, 'the sweep failed; trying again');
  return every(EVERY_MS, sweep, { onError });
}
