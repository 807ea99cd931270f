import { isDeepStrictEqual } from 'node:util';
import type { Transaction } from '../../db/client.ts';
import { lockKey } from '../../db/locks.ts';
import { findCompany } from '../../db/queries/companies.ts';
import { findScorecard } from '../../db/queries/scorecards.ts';
import { scorecards } from '../../db/schema/index.ts';
import { type ScorecardStage, stageKeyOf } from '../../domain/scorecard.ts';
import { audit } from '../audit.ts';
import { refuseField, refuseMissing } from '../refusal.ts';
import type { Requester } from '../requester.ts';

interface GivenScorecard {
  stages: (Omit<ScorecardStage, 'key'> & { key?: string })[];
  qualificationCriteria: string | null;
}

/** Makes the next version of a company's scorecard; the same again makes none, so that a repeat is harmless. */
export async function putScorecard(
  tx: Transaction,
  requester: Requester,
  companyId: string,
  { stages: given, qualificationCriteria }: GivenScorecard,
): Promise<void> {
  const stages = withKeys(given);
  if (!(await findCompany(tx, companyId))) throw refuseMissing();
  await lockKey(tx, 'scorecard', companyId);
  const current = await findScorecard(tx, companyId);
  const isSame =
    current && isDeepStrictEqual(current.stages, stages) && current.qualificationCriteria === qualificationCriteria;
  if (isSame) return;
  const version = (current?.version ?? 0) + 1;
  const createdBy = requester.actor.userId;
  await tx.insert(scorecards).values({ companyId, version, stages, qualificationCriteria, createdBy });
  const entry = { action: 'scorecard.update', subject: { kind: 'company', id: companyId }, companyId };
  await audit(tx, requester, { ...entry, details: { version } });
}

/** @throws {Refusal} where two stages have one key: an analysis could not tell them apart */
function withKeys(given: GivenScorecard['stages']): ScorecardStage[] {
  const stages = given.map(({ key, name, weight, description }) => ({
    key: key ?? stageKeyOf(name),
    name,
    weight,
    description: description ?? null,
  }));
  for (const [index, { key }] of stages.entries())
    if (stages.findIndex((other) => other.key === key) < index)
      throw refuseField(`stages.${index}.key`, `is the key of an earlier stage: ${key}`);
  return stages;
}
