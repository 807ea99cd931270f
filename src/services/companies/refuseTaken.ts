import { violatedUniqueConstraint } from '../../db/errors.ts';
import { Refusal } from '../refusal.ts';

/** 409 where a write of a company breaks a unique index. */
export async function refuseTaken(write: PromiseLike<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    const constraint = violatedUniqueConstraint(error);
    if (constraint === undefined) throw error;
    const field = constraint === 'companies_callrail_company_id' ? 'callrail_company_id' : 'id';
    throw new Refusal('already_exists', { detail: `Another company has this ${field}.`, cause: error });
  }
}
