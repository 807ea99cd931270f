/** A company's own weighing of the stages of a good conversation. */

export interface ScorecardStage {
  /** Names the stage across versions and in analyses. */
  key: string;
  name: string;
  /** Above 0; it counts relative to the other stages. */
  weight: number;
  description?: string | null;
}

/**
 * The weight of the stages that were followed, as a share (0..1) of those that were followed or missed. A stage that
 * the analysis names in neither list did not apply and is left out; one in both was missed. Null where none applies.
 */
export function weightedScore(
  stages: ScorecardStage[],
  { stagesFollowed, stagesMissed }: { stagesFollowed: string[]; stagesMissed: string[] },
): number | null {
  const followed = new Set(stagesFollowed.map(comparable));
  const missed = new Set(stagesMissed.map(comparable));
  let possible = 0;
  let reached = 0;
  for (const { key, name, weight } of stages) {
    const names = [comparable(key), comparable(name)];
    const wasMissed = names.some((each) => missed.has(each));
    if (!wasMissed && !names.some((each) => followed.has(each))) continue;
    possible += weight;
    if (!wasMissed) reached += weight;
  }
  return possible > 0 ? reached / possible : null;
}

/** The key of a stage that was given none: its name in lower case, with `_` between the words. */
export const stageKeyOf = (name: string): string =>
  name
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '_')
    .replace(/^_|_$/g, '') || 'stage';

/** `Needs assessment`, `needs_assessment` and `Needs-Assessment` are one stage. */
const comparable = (name: string) =>
  name
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '');
