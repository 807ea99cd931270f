/**
 * Finds pipelines' workflows that somebody terminated or cancelled, and starts them again where rows say that something is
 * left to do: an operator who ends one by mistake need not wait until it is overdue.
 */
import type { Client } from '@temporalio/client';
import type { Database } from '../db/client.ts';
import { every } from '../runtime/every.ts';
import type { Logger } from '../runtime/telemetry.ts';
import { restartEnded } from '../services/pipelines/restart.ts';
import { PIPELINES_QUERY, SEARCH_ATTRIBUTE_KEYS } from '../workflows/contracts.ts';

const EVERY_MS = 15_000;
/** How far back each round searches; a worker that was away longer leaves the rest to the sweep. */
const LOOKBACK_MS = 10 * 60_000;
const DEADLINE_MS = 5000;

/** Searches every 15 seconds until it is told to stop. @returns how to do that; it waits for the round under way */
export function startRestarts(deps: {
  db: Database;
  client: Client;
  logger: Logger;
  pokeRelay(): void;
}): () => Promise<void> {
  const { db, client, logger, pokeRelay } = deps;
  /** Runs that were dealt with, with when they closed. */
  const seen = new Map<string, number>();

  const restartEndedRuns = async () => {
    const since = Date.now() - LOOKBACK_MS;
    for (const [runId, closedAt] of seen) if (closedAt < since) seen.delete(runId);
    const query = `ExecutionStatus IN ('Terminated', 'Canceled', 'Failed', 'TimedOut') AND ${PIPELINES_QUERY} AND CloseTime > '${new Date(since).toISOString()}'`;
    await client.withDeadline(Date.now() + DEADLINE_MS, async () => {
      for await (const run of client.workflow.list({ query })) {
        if (seen.has(run.runId)) continue;
        const companyId = run.typedSearchAttributes.get(SEARCH_ATTRIBUTE_KEYS.companyId);
        // A Reset ends one run and starts another.
        const { status } = await client.workflow.getHandle(run.workflowId).describe();
        if (status.name !== 'RUNNING' && (await restartEnded(db, { workflowId: run.workflowId, companyId }))) {
          logger.info(
            { workflow_id: run.workflowId },
            'a workflow that was ended by hand is started again from its rows',
          );
          pokeRelay();
        }
        seen.set(run.runId, run.closeTime?.getTime() ?? Date.now());
      }
    });
  };
  const onError = (error: unknown) =>
    logger.debug({ err: error }, 'ended workflows could not be looked for; trying again');
  return every(EVERY_MS, restartEndedRuns, { onError });
}
