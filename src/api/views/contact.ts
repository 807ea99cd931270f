/** A contact, as the API answers it. */
import { z } from '@hono/zod-openapi';
import { EXAMPLE } from '../http/examples.ts';
import { momentOut } from '../http/schemas.ts';

export { contactView } from '../../views/contact.ts';

export const contactSchema = z
  .object({
    id: z.string().openapi({ example: EXAMPLE.contactId }),
    phone_number: z.string().nullable().openapi({ example: EXAMPLE.phoneNumber }),
    name: z.string().nullable().openapi({ example: 'Pat Reyes' }),
    created_at: momentOut,
    updated_at: momentOut,
  })
  .openapi('Contact');
