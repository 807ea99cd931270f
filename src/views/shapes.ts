/** Shapes that several views share. */
import { z } from '@hono/zod-openapi';
import type { Objection } from '../domain/analysis.ts';
import { BLOCKERS, type Blocker, PIPELINE_STAGES, type PipelineStage } from '../domain/pipeline.ts';
import { EXAMPLE } from './examples.ts';

/** Times in answers: ISO 8601 in UTC. */
export const momentOut = z.string().openapi({ format: 'date-time', example: '2026-03-14T13:00:00.000Z' });

export const iso = (moment: Date): string => moment.toISOString();
export const isoOrNull = (moment: Date | null): string | null => moment?.toISOString() ?? null;

/** The contact inside of calls, leads and appointments. */
export const contactRefSchema = z
  .object({ id: z.string(), phone_number: z.string().nullable(), name: z.string().nullable() })
  .openapi('ContactRef', { example: { id: EXAMPLE.contactId, phone_number: EXAMPLE.phoneNumber, name: 'Pat Reyes' } });

export const objectionSchema = z
  .object({
    category: z.string().nullable(),
    text: z.string().nullable(),
    overcome: z.boolean().nullable(),
    severity: z.string().nullable(),
  })
  .openapi('Objection', {
    example: { category: 'price', text: 'That is more than I thought.', overcome: true, severity: 'medium' },
  });

export const sopComplianceSchema = z
  .object({
    score: z
      .number()
      .nullable()
      .openapi({ description: 'The share of the sales procedure that was followed, 0 to 1.' }),
    stages_followed: z.array(z.string()),
    stages_missed: z.array(z.string()),
  })
  .openapi('SopCompliance', {
    example: { score: 0.75, stages_followed: ['greeting', 'discovery', 'booking'], stages_missed: ['recap'] },
  });

/** How a conversation is judged, of a call or a visit. */
export const judgementShape = {
  objections: z.array(objectionSchema),
  sop_compliance: sopComplianceSchema,
  scorecard_version: z.int().nullable().openapi({
    description: 'The version of the company’s scorecard by which it was scored; null where there was none.',
    example: null,
  }),
  weighted_score: z.number().nullable().openapi({
    description: 'The stages weighted by that scorecard, 0 to 1; stages that did not apply are left out.',
    example: null,
  }),
  sentiment_score: z
    .number()
    .nullable()
    .openapi({ description: 'The mood of the conversation, 0 (bad) to 1 (good).', example: 0.8 }),
};

interface Judgement {
  objections: Objection[];
  complianceScore: number | null;
  stagesFollowed: string[];
  stagesMissed: string[];
  scorecardVersion: number | null;
  weightedScore: number | null;
  sentimentScore: number | null;
  summary: string | null;
}

export const judgementView = (analysis: Judgement) => ({
  objections: analysis.objections.map(({ category, text, overcome, severity }) => ({
    category,
    text,
    overcome,
    severity,
  })),
  sop_compliance: {
    score: analysis.complianceScore,
    stages_followed: analysis.stagesFollowed,
    stages_missed: analysis.stagesMissed,
  },
  scorecard_version: analysis.scorecardVersion,
  weighted_score: analysis.weightedScore,
  sentiment_score: analysis.sentimentScore,
  summary: analysis.summary,
});

/** Where the pipeline of a call or visit stands, inside of it. */
export const pipelineShape = {
  stage: z.enum(PIPELINE_STAGES).openapi({ example: 'done' }),
  needs_attention: z.boolean().openapi({ example: false }),
  reason: z.string().nullable(),
  blocked_on: z.enum(BLOCKERS).nullable().openapi({ example: null }),
  attempts: z.int().openapi({ example: 0 }),
  updated_at: momentOut,
};

interface ShownPipeline {
  stage: PipelineStage;
  needsAttention: boolean;
  reason: string | null;
  blockedOn: Blocker | null;
  attempts: number;
  pipelineUpdatedAt: Date;
}

export const pipelineStateView = (row: ShownPipeline) => ({
  stage: row.stage,
  needs_attention: row.needsAttention,
  reason: row.reason,
  blocked_on: row.blockedOn,
  attempts: row.attempts,
  updated_at: iso(row.pipelineUpdatedAt),
});
