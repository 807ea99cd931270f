import type { Queryable } from '../../db/client.ts';
import { findScorecard } from '../../db/queries/scorecards.ts';
import { type ScorecardStage, weightedScore } from '../../domain/scorecard.ts';

/**
 * What the columns of an analysis say of a scorecard. Shunya's API takes no scorecard, so it is applied to the result.
 * @param version undefined: the current one of the company · null: none
 */
export async function scoreStages(
  db: Queryable,
  companyId: string,
  stages: ScoredStages,
  version?: number | null,
): Promise<Score> {
  return scoreBy(version === null ? undefined : await findScorecard(db, companyId, version), stages);
}

/** What of a scorecard scores an analysis. */
export interface Scorecard {
  version: number;
  stages: ScorecardStage[];
}

/** The same by a scorecard that is known; undefined: the company has none. */
export const scoreBy = (card: Scorecard | undefined, stages: ScoredStages): Score =>
  card
    ? { scorecardVersion: card.version, weightedScore: weightedScore(card.stages, stages) }
    : { scorecardVersion: null, weightedScore: null };

interface ScoredStages {
  stagesFollowed: string[];
  stagesMissed: string[];
}

interface Score {
  scorecardVersion: number | null;
  weightedScore: number | null;
}
