import type { Queryable } from '../../db/client.ts';
import { findScorecard } from '../../db/queries/scorecards.ts';
import { weightedScore } from '../../domain/scorecard.ts';

/**
 * What the columns of an analysis say of a scorecard. Shunya's API takes no scorecard, so it is applied to the result.
 * @param version undefined: the current one of the company · null: none
 */
export async function scoreStages(
  db: Queryable,
  companyId: string,
  stages: { stagesFollowed: string[]; stagesMissed: string[] },
  version?: number | null,
): Promise<{ scorecardVersion: number | null; weightedScore: number | null }> {
  const card = version === null ? undefined : await findScorecard(db, companyId, version);
  if (!card) return { scorecardVersion: null, weightedScore: null };
  return { scorecardVersion: card.version, weightedScore: weightedScore(card.stages, stages) };
}
