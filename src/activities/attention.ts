/** One line in the log when a pipeline begins to need a person, and one when that is over. */
import { Context } from '@temporalio/activity';
import { type BlockToShow, describeError, type SubjectKey } from '../domain/pipelineSteps.ts';
import { workflowUrl } from '../domain/workflowIds.ts';
import { findProviderCallId } from '../services/pipelines/ring.ts';
import type { ActivityDeps } from './deps.ts';

/** To be called once the row says so. */
export async function logAttentionChange(
  { db, config, logger }: Pick<ActivityDeps, 'db' | 'config' | 'logger'>,
  { companyId, subjectKind, subjectId }: SubjectKey,
  { block, hadAttention }: BlockToShow,
): Promise<void> {
  const hasAttention = block?.needsAttention ?? false;
  if (hasAttention === hadAttention) return;
  const id = subjectKind === 'call' ? ((await findProviderCallId(db, subjectId)) ?? subjectId) : subjectId;
  const what = `${subjectKind} ${companyId}/${id}`;
  if (!block || !hasAttention) {
    logger.info({ company_id: companyId, [`${subjectKind}_id`]: subjectId }, `no longer needs attention: ${what}`);
    return;
  }
  const { blockedOn, attempts } = block;
  const workflowId = Context.current().info.workflowExecution?.workflowId ?? '';
  const url = workflowUrl(config.temporal, workflowId);
  const parts = [
    what,
    blockedOn,
    `${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`,
    describeError(block),
    ...(url ? [url] : []),
  ];
  logger.warn(
    { company_id: companyId, [`${subjectKind}_id`]: subjectId, workflow_id: workflowId },
    `needs attention: ${parts.join(', ')}`,
  );
}
