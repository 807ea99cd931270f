/**
 * The ids of workflows: made and parsed here and nowhere else. An id holds ids only, since Temporal keeps it in clear.
 */
import type { SubjectKind } from './pipeline.ts';

export const callWorkflowId = (companyId: string, providerCallId: string) => `call:${companyId}:${providerCallId}`;
export const visitWorkflowId = (sessionId: string) => `visit:${sessionId}`;
export const analysisWorkflowId = (kind: SubjectKind, subjectId: string, generation: number) =>
  `analysis:${kind}:${subjectId}:${generation}`;
export const deliveryWorkflowId = (deliveryId: string) => `delivery:${deliveryId}`;
