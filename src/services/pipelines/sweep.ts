/**
 * The sweep: finds stuck pipelines by their rows alone, also where a workflow's tasks fail or it was terminated. It raises
 * attention (blocked on `overdue`), lowers it when the pipeline goes on, and rings the workflow, which starts one that is
 * gone. Jobs that hang at Shunya need nothing else: an analysis that starts again asks for them at once.
 */
import type { Database } from '../../db/client.ts';
import { tryLockKey } from '../../db/locks.ts';
import { pipelineWorkflowId } from '../../domain/workflowIds.ts';
import { dropAppliedRestarts } from '../inbox/internalEvents.ts';
import {
  findEventsWithoutRow,
  findOverdue,
  type OverduePipeline,
  type SweepConfig,
  type SweepOptions,
} from './overdue.ts';
import { restartPipeline } from './restart.ts';
import { clearOverdue, raiseOverdue } from './state.ts';

/** Rings per sweep; the next sweep takes the rest. */
const RINGS_MAX = 100;

export const SWEEP_DEFAULTS = { marginSeconds: 300, quietSeconds: 900, ringEverySeconds: 1800 } as const;

export interface SweepResult {
  raised: number;
  lowered: number;
  rung: number;
  /** Calls whose very first event has no effect: there is no row that could say so. */
  withoutRow: string[];
}

/** One sweep. @returns undefined where another process sweeps at this moment */
export async function sweepOnce(
  db: Database,
  config: SweepConfig,
  options: SweepOptions,
): Promise<SweepResult | undefined> {
  return db.transaction(async (tx) => {
    if (!(await tryLockKey(tx, 'sweep'))) return undefined;
    const found = await findOverdue(tx, config, options);
    const result: SweepResult = { raised: 0, lowered: 0, rung: 0, withoutRow: await findEventsWithoutRow(tx, options) };
    for (const pipeline of found) {
      if (pipeline.raise && (await raiseOverdue(tx, keyOf(pipeline), pipeline.stage, pipeline.raise)))
        result.raised += 1;
      if (pipeline.lower && (await clearOverdue(tx, keyOf(pipeline), pipeline.stage))) result.lowered += 1;
      if (pipeline.ring && result.rung < RINGS_MAX) {
        await dropAppliedRestarts(tx, pipelineWorkflowId(subjectOf(pipeline)));
        await restartPipeline(tx, subjectOf(pipeline));
        result.rung += 1;
      }
    }
    return result;
  });
}

const keyOf = ({ companyId, kind, id }: OverduePipeline) => ({ companyId, subjectKind: kind, subjectId: id });
const subjectOf = ({ id, ...pipeline }: OverduePipeline) => ({ ...pipeline, subjectId: id });
