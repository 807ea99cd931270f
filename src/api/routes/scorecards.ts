/** Scorecards: what a company expects of a conversation, in versions. */
import { z } from '@hono/zod-openapi';
import type { Queryable } from '../../db/client.ts';
import { findCompany } from '../../db/queries/companies.ts';
import { countScorecards, findScorecard, listScorecards, type ScorecardRow } from '../../db/queries/scorecards.ts';
import { putScorecard } from '../../services/scorecards/put.ts';
import { scorecardSchema, scorecardView } from '../../views/scorecard.ts';
import type { ApiDeps } from '../deps.ts';
import { notFound } from '../http/errors.ts';
import { bySequence, listOf, listPage, pageQuery } from '../http/pagination.ts';
import { assertCompanyInReach } from '../http/permissions.ts';
import { type ApiRouter, createRoutes } from '../http/router.ts';
import { optionalText, requiredText } from '../http/schemas.ts';

const STAGES_MAX = 50;
const WEIGHT_MAX = 1000;

const scorecardInput = z
  .object({
    stages: z
      .array(
        z.object({
          key: requiredText(100).optional().openapi({ description: 'Derived from the name unless given.' }),
          name: requiredText(200).openapi({ description: 'The name of the stage, as people read it.' }),
          weight: z
            .number()
            .gt(0)
            .max(WEIGHT_MAX)
            .openapi({ description: 'How much the stage counts relative to the others, above 0.' }),
          description: optionalText(1000).openapi({ description: 'What is expected in the stage.' }),
        }),
      )
      .min(1)
      .max(STAGES_MAX)
      .openapi({ description: 'The stages of a good conversation, in order.' }),
    qualification_criteria: optionalText(10_000).openapi({ description: 'What makes a caller qualified, in words.' }),
  })
  .openapi('ScorecardInput', {
    example: {
      stages: [
        { name: 'Greeting', weight: 1 },
        { name: 'Booking', weight: 3 },
      ],
      qualification_criteria: 'Owns the house and wants the work within three months.',
    },
  });

export function scorecardRoutes(deps: ApiDeps): ApiRouter {
  const routes = createRoutes(deps);
  const tag = 'Set-up';

  routes.add(
    {
      method: 'get',
      path: '/companies/{id}/scorecard',
      permission: 'scorecards.read',
      tag,
      summary: 'Read the scorecard of a company',
      description: 'Version 0 without stages where the company has none yet.',
      data: scorecardSchema,
    },
    async ({ db, params: { id }, access }) => {
      assertCompanyInReach(access, id);
      return readScorecard(db, id);
    },
  );

  routes.add(
    {
      method: 'put',
      path: '/companies/{id}/scorecard',
      permission: 'scorecards.write',
      tag,
      summary: 'Make the next version of a scorecard',
      description:
        'Analyses are scored by the version that is current when their result arrives; those that are scored keep their ' +
        'score. A scorecard equal to the current one makes no new version.',
      body: scorecardInput,
      data: scorecardSchema,
    },
    async ({ tx, params: { id }, body, access }) => {
      assertCompanyInReach(access, id);
      const { stages, qualification_criteria: criteria = null } = body;
      await putScorecard(tx, access, id, { stages, qualificationCriteria: criteria });
      return readScorecard(tx, id);
    },
  );

  routes.add(
    {
      method: 'get',
      path: '/companies/{id}/scorecard/versions',
      permission: 'scorecards.read',
      tag,
      summary: 'List the versions of a scorecard, newest first',
      query: z.object(pageQuery),
      data: listOf(scorecardSchema),
    },
    async ({ db, params: { id }, query, access }) => {
      assertCompanyInReach(access, id);
      if (!(await findCompany(db, id))) throw notFound();
      return listPage(query, {
        rows: (page) => listScorecards(db, id, page),
        count: () => countScorecards(db, id),
        key: bySequence((row: ScorecardRow) => row.version),
        view: scorecardView,
      });
    },
  );

  return routes.app;
}

async function readScorecard(db: Queryable, companyId: string) {
  if (!(await findCompany(db, companyId))) throw notFound();
  return scorecardView(await findScorecard(db, companyId));
}
