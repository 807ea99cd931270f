import type { SubjectKind } from './pipeline.ts';

/** The id of the workflow that analyzes one generation of a call or visit. Apart, since workflows make it too. */
export const analysisWorkflowId = (kind: SubjectKind, subjectId: string, generation: number) =>
  `analysis:${kind}:${subjectId}:${generation}`;
