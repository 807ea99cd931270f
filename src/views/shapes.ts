/** Shapes that several views share. */
import { z } from '@hono/zod-openapi';
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
