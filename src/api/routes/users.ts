/** Set-up: people of a company. */
import { z } from '@hono/zod-openapi';
import { findCompany } from '../../db/queries/companies.ts';
import { countUsers, findUser, listUsers, type UserRow } from '../../db/queries/users.ts';
import { ROLES } from '../../domain/user.ts';
import { createUser } from '../../services/users/create.ts';
import { updateUser } from '../../services/users/update.ts';
import { EXAMPLE } from '../../views/examples.ts';
import { userSchema, userView } from '../../views/user.ts';
import type { ApiDeps } from '../deps.ts';
import { etagOf, ifMatch } from '../http/conditional.ts';
import { mustFind, notFound } from '../http/errors.ts';
import { byMoment, listOf, listPage, pageQuery } from '../http/pagination.ts';
import { assertCompanyInReach } from '../http/permissions.ts';
import { type ApiRouter, createRoutes, reply } from '../http/router.ts';
import { requiredText } from '../http/schemas.ts';

/** Lower case: an event's agent is found by it. */
const emailInput = z
  .string()
  .trim()
  .toLowerCase()
  .max(254)
  .regex(/^[^\s@]+@[^\s@]+$/, 'must be an email address')
  .nullish()
  .openapi({
    type: ['string', 'null'],
    maxLength: 254,
    pattern: '^\\s*[^\\s@]+@[^\\s@]+\\s*$',
    example: 'sam@acme.example',
  });

const userInput = z
  .object({
    id: z
      .string()
      .min(1)
      .max(255)
      .openapi({ description: 'The user’s id: the `sub` of the token.', example: EXAMPLE.userId }),
    role: z.enum(ROLES),
    name: requiredText(200).openapi({ example: 'Sam Ortiz' }),
    email: emailInput,
  })
  .openapi('UserInput', {
    example: { id: 'user_43', role: 'sales_rep', name: 'Kim Lee', email: 'kim@acme.example' },
  });

const userPatch = z
  .object({ role: z.enum(ROLES).optional(), name: requiredText(200).optional(), email: emailInput })
  .openapi('UserPatch', { example: { name: 'Sam Ortiz-Lee' } });

export function userRoutes(deps: ApiDeps): ApiRouter {
  const routes = createRoutes(deps);

  routes.add(
    {
      method: 'post',
      path: '/companies/{id}/users',
      permission: 'users.write',
      tag: 'Set-up',
      summary: 'Add a user to a company',
      body: userInput,
      status: 201,
      data: userSchema,
      creates: true,
      errors: ['already_exists'],
    },
    async ({ tx, params: { id: companyId }, body, access }) => {
      const user = await createUser(tx, access, { companyId, ...body });
      return reply(userView(user), { etag: etagOf(user) });
    },
  );

  routes.add(
    {
      method: 'get',
      path: '/companies/{id}/users',
      permission: 'users.read',
      tag: 'Set-up',
      summary: 'List the users of a company',
      query: z.object({
        ...pageQuery,
        role: z.enum(ROLES).optional().openapi({ description: 'Only users with this role.' }),
      }),
      data: listOf(userSchema),
    },
    async ({ db, params: { id: companyId }, query, access }) => {
      assertCompanyInReach(access, companyId);
      // Whose own company it is need not have its row: the token alone says so.
      if (access.companyId === undefined && !(await findCompany(db, companyId))) throw notFound();
      const filter = { companyId, role: query.role };
      return listPage(query, {
        rows: (page) => listUsers(db, filter, page),
        count: () => countUsers(db, filter),
        key: byMoment((row: UserRow) => ({ at: row.createdAt, id: row.id })),
        view: userView,
      });
    },
  );

  routes.add(
    {
      method: 'get',
      path: '/companies/{id}/users/{user_id}',
      permission: 'users.read',
      tag: 'Set-up',
      summary: 'Read a user',
      data: userSchema,
    },
    async ({ db, params: { id: companyId, user_id: id }, access }) => {
      assertCompanyInReach(access, companyId);
      const user = await mustFind(findUser(db, { companyId, id }));
      return reply(userView(user), { etag: etagOf(user) });
    },
  );

  routes.add(
    {
      method: 'patch',
      path: '/companies/{id}/users/{user_id}',
      permission: 'users.write',
      tag: 'Set-up',
      summary: 'Change a user',
      body: userPatch,
      data: userSchema,
    },
    async ({ c, tx, params: { id: companyId, user_id: id }, body, access }) => {
      const fields = Object.keys(userPatch.shape).filter((field) => field in body);
      const user = await updateUser(tx, access, { companyId, id }, { change: body, fields }, ifMatch(c));
      return reply(userView(user), { etag: etagOf(user) });
    },
  );

  return routes.app;
}
