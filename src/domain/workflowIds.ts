/**
 * The ids of workflows: made and parsed here; by the same rules in SQL in db/workflowIds.ts. An id holds ids only, since
 * Temporal keeps it in clear.
 */
import { callIdOf } from './callId.ts';
import type { SubjectKind } from './pipeline.ts';

export { analysisWorkflowId } from './analysisWorkflowId.ts';

/** Characters that Temporal can store of an id where its store is an SQL database; it reports more as an outage. */
export const WORKFLOW_ID_LENGTH_MAX = 255;

/** `call:{company}:{provider's id}`, or `call:{call's id}` where that would be too long to store. */
export function callWorkflowId(companyId: string, providerCallId: string): string {
  const id = `call:${companyId}:${providerCallId}`;
  return [...id].length <= WORKFLOW_ID_LENGTH_MAX ? id : `call:${callIdOf(companyId, providerCallId)}`;
}
export const visitWorkflowId = (sessionId: string) => `visit:${sessionId}`;
export const deliveryWorkflowId = (deliveryId: string) => `delivery:${deliveryId}`;

/** The id of the workflow that carries the pipeline of a call or visit from start to end. */
export const pipelineWorkflowId = (of: {
  kind: SubjectKind;
  companyId: string;
  providerCallId: string | null;
  subjectId: string;
}) => (of.kind === 'call' ? callWorkflowId(of.companyId, of.providerCallId ?? '') : visitWorkflowId(of.subjectId));

/** What a workflow id says. */
export type WorkflowName =
  | { type: 'call'; companyId: string; providerCallId: string }
  /** The id was too long to be spelled out. */
  | { type: 'call'; callId: string }
  | { type: 'visit'; sessionId: string }
  | { type: 'analysis'; subjectKind: SubjectKind; subjectId: string; generation: number }
  | { type: 'delivery'; deliveryId: string };

/** The inverse of the functions above. @returns undefined where it is none of our ids */
export function parseWorkflowId(workflowId: string): WorkflowName | undefined {
  const [type, rest] = splitAt(workflowId, ':');
  if (!rest) return undefined;
  const [first, second] = splitAt(rest, ':');
  switch (type) {
    case 'call':
      if (second === undefined) return { type, callId: rest };
      return first && second ? { type, companyId: first, providerCallId: second } : undefined;
    case 'visit':
      return second === undefined ? { type, sessionId: rest } : undefined;
    case 'delivery':
      return second === undefined ? { type, deliveryId: rest } : undefined;
    case 'analysis': {
      const [, kind, subjectId, generation] = /^(call|visit):([^:]+):([1-9]\d{0,8})$/.exec(rest) ?? [];
      if (!kind || !subjectId) return undefined;
      return { type, subjectKind: kind as SubjectKind, subjectId, generation: Number(generation) };
    }
    default:
      return undefined;
  }
}

/** A provider's id may hold the separator, a company's never does. */
function splitAt(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/** Where a workflow is looked at; undefined where no Web UI is known. */
export const workflowUrl = (
  { uiUrl, namespace }: { uiUrl: string | undefined; namespace: string },
  workflowId: string,
): string | undefined =>
  uiUrl && `${uiUrl}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(workflowId)}`;
