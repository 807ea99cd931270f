/** A company's scorecard, as people see it: its schema, its view, its example. */
import { z } from '@hono/zod-openapi';
import type { ScorecardRow } from '../db/queries/scorecards.ts';
import { EXAMPLE } from './examples.ts';
import { momentOut } from './shapes.ts';

const stageSchema = z.object({
  key: z.string().openapi({ description: 'Names the stage in analyses and across versions.', example: 'greeting' }),
  name: z.string().openapi({ description: 'The name of the stage, as people read it.', example: 'Greeting' }),
  weight: z.number().openapi({ description: 'How much the stage counts relative to the others, above 0.', example: 1 }),
  description: z.string().nullable().openapi({ description: 'What is expected in the stage.', example: null }),
});

export const scorecardSchema = z
  .object({
    version: z.int().openapi({ description: 'Counts from 1; 0 where the company has no scorecard yet.', example: 1 }),
    stages: z.array(stageSchema).openapi({ description: 'The stages of a good conversation, in order.' }),
    qualification_criteria: z.string().nullable().openapi({
      description: 'What makes a caller qualified, in words.',
      example: 'Owns the house and wants the work within three months.',
    }),
    created_by: z.string().nullable().openapi({
      description: 'The id of the user who made this version.',
      example: EXAMPLE.userId,
    }),
    created_at: momentOut.nullable().openapi({ description: 'When this version was made.' }),
  })
  .openapi('Scorecard');

/** @param row undefined: the company has none yet */
export const scorecardView = (row: ScorecardRow | undefined) => ({
  version: row?.version ?? 0,
  stages: (row?.stages ?? []).map(({ key, name, weight, description }) => ({
    key,
    name,
    weight,
    description: description ?? null,
  })),
  qualification_criteria: row?.qualificationCriteria ?? null,
  created_by: row?.createdBy ?? null,
  created_at: row?.createdAt.toISOString() ?? null,
});
