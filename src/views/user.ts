/** A user of a company, as people see one. */
import { z } from '@hono/zod-openapi';
import type { UserRow } from '../db/queries/users.ts';
import { ROLES } from '../domain/user.ts';
import { EXAMPLE } from './examples.ts';
import { iso, momentOut } from './shapes.ts';

export const userSchema = z
  .object({
    id: z.string().openapi({ example: EXAMPLE.userId }),
    company_id: z.string().openapi({ example: EXAMPLE.companyId }),
    role: z.enum(ROLES).openapi({ example: 'sales_rep' }),
    name: z.string().openapi({ example: 'Sam Ortiz' }),
    email: z.string().nullable().openapi({ example: 'sam@acme.example' }),
    created_at: momentOut,
    updated_at: momentOut,
  })
  .openapi('User');

export const userView = (user: UserRow) => ({
  id: user.id,
  company_id: user.companyId,
  role: user.role,
  name: user.name,
  email: user.email,
  created_at: iso(user.createdAt),
  updated_at: iso(user.updatedAt),
});
