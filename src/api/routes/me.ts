/** The signed-in user. */
import { z } from '@hono/zod-openapi';
import { findCompany } from '../../db/queries/companies.ts';
import { findUser } from '../../db/queries/users.ts';
import { ROLES } from '../../domain/user.ts';
import { EXAMPLE } from '../../views/examples.ts';
import type { ApiDeps } from '../deps.ts';
import { type ApiRouter, createRoutes } from '../http/router.ts';

const meSchema = z
  .object({
    id: z.string(),
    user_id: z.string(),
    company_id: z.string().nullable(),
    role: z.enum(ROLES),
    name: z.string().nullable(),
    email: z.string().nullable(),
    company: z.object({ id: z.string(), name: z.string(), time_zone: z.string() }).nullable(),
  })
  .openapi('Me', {
    example: {
      id: EXAMPLE.userId,
      user_id: EXAMPLE.userId,
      company_id: EXAMPLE.companyId,
      role: 'sales_rep',
      name: 'Sam Ortiz',
      email: 'sam@acme.example',
      company: { id: EXAMPLE.companyId, name: 'Acme Roofing', time_zone: 'America/New_York' },
    },
  });

export function meRoutes(deps: ApiDeps): ApiRouter {
  const routes = createRoutes(deps);

  routes.add(
    {
      method: 'get',
      path: '/me',
      permission: 'me.read',
      tag: 'Me',
      summary: 'Read the signed-in user',
      description: 'The user, role and company of the token, with the user’s name where the company has such a user.',
      data: meSchema,
    },
    async ({ db, access }) => {
      const { userId, companyId, role } = access.actor;
      const company = companyId === null ? undefined : await findCompany(db, companyId);
      const user = companyId === null ? undefined : await findUser(db, { companyId, id: userId });
      return {
        id: userId,
        user_id: userId,
        company_id: companyId,
        role,
        name: user?.name ?? null,
        email: user?.email ?? null,
        company: company ? { id: company.id, name: company.name, time_zone: company.timeZone } : null,
      };
    },
  );

  return routes.app;
}
