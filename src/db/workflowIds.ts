/** Workflow ids in SQL, for the few queries that join by them; the same rules as in domain/workflowIds.ts. */
import { type SQL, sql } from 'drizzle-orm';
import { deliveryWorkflowId, visitWorkflowId, WORKFLOW_ID_LENGTH_MAX } from '../domain/workflowIds.ts';

/** The id of a call's workflow, from three columns. */
export const callWorkflowIdSql = (companyId: SQL, providerCallId: SQL, callId: SQL): SQL => sql`(case
  when char_length('call:' || ${companyId} || ':' || ${providerCallId}) <= ${sql.raw(String(WORKFLOW_ID_LENGTH_MAX))}
  then 'call:' || ${companyId} || ':' || ${providerCallId} else 'call:' || ${callId} end)`;

export const visitWorkflowIdSql = (sessionId: SQL): SQL => prefixed(visitWorkflowId(''), sessionId);
export const deliveryWorkflowIdSql = (deliveryId: SQL): SQL => prefixed(deliveryWorkflowId(''), deliveryId);

/** The id of an analysis, from three columns of its run or of a job of it. */
export const analysisWorkflowIdSql = (subjectKind: SQL, subjectId: SQL, generation: SQL): SQL =>
  sql`('analysis:' || ${subjectKind} || ':' || ${subjectId} || ':' || ${generation})`;

/** The session that a visit's workflow id names; null for any other id. */
export const sessionIdSql = (workflowId: SQL): SQL => {
  const prefix = visitWorkflowId('');
  return sql`(case when starts_with(${workflowId}, ${prefix}::text) then substr(${workflowId}, ${sql.raw(String(prefix.length + 1))}) end)`;
};

const prefixed = (prefix: string, id: SQL): SQL => sql`(${prefix}::text || ${id})`;
