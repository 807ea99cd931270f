/**
 * The sweep: finds stuck pipelines by their rows alone, even where a workflow's tasks keep failing or somebody terminated
 * it. It raises attention (blocked on `overdue`), lowers it when the pipeline goes on, and rings
 * the workflow, which starts one that is gone.
 *
 * This is also what asks Shunya for jobs that hang where nobody does: ShunyaAnalysis asks by itself while it runs; where
 * it is gone, the ring starts it again, and it asks at once. A Schedule would only do it twice.
 */
import { and, eq, sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../db/client.ts';
import { tryLockKey } from '../../db/locks.ts';
import { webhookEvents } from '../../db/schema/index.ts';
import { pipelineWorkflowId } from '../../domain/workflowIds.ts';
import { storeInternalEvent } from '../inbox/internalEvents.ts';
import {
  findEventsWithoutRow,
  findOverdue,
  type OverduePipeline,
  type SweepConfig,
  type SweepOptions,
} from './overdue.ts';
import { ringRunningAnalysis } from './ring.ts';
import { clearOverdue, flagOverdue } from './state.ts';

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
      if (pipeline.raise && (await flagOverdue(tx, keyOf(pipeline), pipeline.stage, pipeline.raise)))
        result.raised += 1;
      if (pipeline.lower && (await clearOverdue(tx, keyOf(pipeline), pipeline.stage))) result.lowered += 1;
      if (pipeline.ring && result.rung < RINGS_MAX) {
        await ring(tx, pipeline);
        result.rung += 1;
      }
    }
    return result;
  });
}

const keyOf = ({ companyId, kind, id }: OverduePipeline) => ({ companyId, subjectKind: kind, subjectId: id });

/** Rings through the inbox, as any event would: one that is gone starts again. Earlier rings that were heard are dropped. */
async function ring(tx: Transaction, pipeline: OverduePipeline): Promise<void> {
  const { kind, companyId, providerCallId, id } = pipeline;
  const route = `${kind}.redrive`;
  const workflowId = pipelineWorkflowId({ kind, companyId, providerCallId, subjectId: id });
  await tx
    .delete(webhookEvents)
    .where(
      and(
        eq(webhookEvents.workflowId, workflowId),
        sql`${webhookEvents.route} in ('call.redrive', 'visit.redrive')`,
        eq(webhookEvents.status, 'applied'),
      ),
    );
  await storeInternalEvent(tx, { companyId, route, workflowId, providerCallId: providerCallId ?? undefined });
  await ringRunningAnalysis(tx, keyOf(pipeline));
}
