/** Takes the callbacks that the inbox holds for an analysis. */
import { sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import type { AnalysisRunState } from '../../db/schema/index.ts';
import { REDACTED } from '../inbox/redacted.ts';

export interface TakenCallback {
  jobId: string | null;
  body: Buffer;
}

/**
 * Marks a run's callbacks applied, in the order in which they came, and hands them over, each once.
 * @param run what its row says: those of a run that is over came late, and where it was deleted what they say is deleted too
 */
export async function takeCallbacks(
  tx: Transaction,
  workflowId: string,
  run: { state: AnalysisRunState } | undefined,
): Promise<TakenCallback[]> {
  const late = run?.state === 'running' ? sql`` : sql`, reason = 'came_late'`;
  const redacted = run ? late : sql`, body = ''::bytea, signature = null, reason = ${REDACTED.reason}`;
  const rows = await tx.execute<{ sequence: string; job_id: string | null; body: Buffer }>(sql`
    update webhook_events set status = 'applied', applied_at = now() ${redacted}
    where workflow_id = ${workflowId} and source = 'shunya' and status in ('pending', 'dispatched')
    returning sequence, job_id, body`);
  return [...rows]
    .sort((a, b) => Number(a.sequence) - Number(b.sequence))
    .map(({ job_id: jobId, body }) => ({ jobId, body }));
}
