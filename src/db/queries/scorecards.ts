/** Scorecards of companies, by version. */
import { and, desc, eq, lt, type SQL, sql } from 'drizzle-orm';
import type { ScorecardStage } from '../../domain/scorecard.ts';
import type { Queryable } from '../client.ts';
import { scorecards } from '../schema/index.ts';

const scorecardColumns = {
  version: scorecards.version,
  stages: scorecards.stages,
  qualificationCriteria: scorecards.qualificationCriteria,
  createdBy: scorecards.createdBy,
  createdAt: scorecards.createdAt,
};

export type ScorecardRow = Awaited<ReturnType<typeof listScorecards>>[number];

/** A page of versions, newest first. @param page.after the version before the page */
export async function listScorecards(db: Queryable, companyId: string, page: { limit: number; after?: number }) {
  return db
    .select(scorecardColumns)
    .from(scorecards)
    .where(
      and(
        eq(scorecards.companyId, companyId),
        page.after === undefined ? undefined : lt(scorecards.version, page.after),
      ),
    )
    .orderBy(desc(scorecards.version))
    .limit(page.limit);
}

export const countScorecards = async (db: Queryable, companyId: string) => ({
  total: await db.$count(scorecards, eq(scorecards.companyId, companyId)),
});

/** What scores by the current one of a company, for a statement that reads more. */
export const currentScorecard = (companyId: SQL) =>
  sql<{ version: number; stages: ScorecardStage[] } | null>`(
    select jsonb_build_object('version', version, 'stages', stages) from scorecards
    where company_id = ${companyId} order by version desc limit 1)`;

/** @param version undefined: the current one */
export async function findScorecard(
  db: Queryable,
  companyId: string,
  version?: number,
): Promise<ScorecardRow | undefined> {
  const after = version === undefined ? undefined : version + 1;
  const [row] = await listScorecards(db, companyId, { limit: 1, after });
  return row;
}
