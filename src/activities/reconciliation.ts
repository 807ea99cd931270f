/** Reads CallRail's list of calls and feeds what the webhooks missed through the inbox. */
import { Context } from '@temporalio/activity';
import { findCallRailAccess, listReconcilable } from '../db/queries/reconciliation.ts';
import type { RequestBudget } from '../services/reconciliation/accounts.ts';
import { feedMissed, isLasting, reconciliationErrorCode } from '../services/reconciliation/feedMissed.ts';
import { recordNotReconciled, recordReconciled } from '../services/reconciliation/progress.ts';
import type { ActivityDeps } from './deps.ts';

/** Half of what CallRail allows: links of recordings, and the customer's own tools, ask the same account. */
const BUDGET: RequestBudget = { perHour: 500, perDay: 5000 };
/** A gap of days is closed without delaying the calls of now. */
const FED_PER_SECOND = 20;
/** Ids in one answer to the workflow, which goes on with the rest in a new run. */
const COMPANIES_PER_RUN = 200;

/** One company's turn: ids and times only. */
export interface ReconcileCompanyInput {
  companyId: string;
  /** ISO 8601 in UTC: calls that started between the two. */
  from: string;
  to: string;
}

export interface ReconcileOutcome {
  /** Calls that CallRail listed, and those of them that the webhooks had missed. */
  listed: number;
  fed: number;
  /** A code, where the list could not be read. */
  failed: string | null;
}

export function createReconciliationActivities({
  db,
  callrail,
  logger,
}: Pick<ActivityDeps, 'db' | 'callrail' | 'logger'>) {
  return {
    /**
     * The companies whose turn it is, with the range each has to be compared over: from `lookbackSeconds` before what was
     * compared last, since a call is listed by its start and its end and recording come later.
     */
    async listReconciliations(input: {
      lookbackSeconds: number;
      after?: string;
    }): Promise<{ companies: ReconcileCompanyInput[]; next: string | null }> {
      const rows = await listReconcilable(db, { after: input.after, limit: COMPANIES_PER_RUN });
      const now = new Date();
      const companies = rows.map(({ companyId, reconciledUntil }) => {
        const last = Math.min(now.getTime(), (reconciledUntil ?? now).getTime());
        return { companyId, from: new Date(last - input.lookbackSeconds * 1000).toISOString(), to: now.toISOString() };
      });
      return { companies, next: rows.length < COMPANIES_PER_RUN ? null : (rows.at(-1)?.companyId ?? null) };
    },

    /** Compares one company. Throws what is worth another try soon; anything else is told in the row and the answer. */
    async reconcileCompany(input: ReconcileCompanyInput): Promise<ReconcileOutcome> {
      const { companyId } = input;
      const context = Context.current();
      const access = await findCallRailAccess(db, companyId);
      if (!access) return { listed: 0, fed: 0, failed: null };
      const before = (context.info.heartbeatDetails ?? {}) as Partial<{ to: string; listed: number; fed: number }>;
      const range = { from: new Date(input.from), to: new Date(before.to ?? input.to) };
      let { listed = 0, fed = 0 } = before;
      try {
        await feedMissed({ db, callrail }, access, range, {
          budget: BUDGET,
          fedPerSecond: FED_PER_SECOND,
          signal: context.cancellationSignal,
          onPage: async (page) => {
            listed += page.listed;
            fed += page.fed;
            context.heartbeat({ to: page.position.toISOString(), listed, fed });
          },
        });
      } catch (error) {
        if (context.cancellationSignal.aborted) return await context.cancelled;
        const code = reconciliationErrorCode(error);
        await recordNotReconciled(db, companyId, code);
        logger.warn({ company_id: companyId, code, attempt: context.info.attempt }, 'a company cannot be reconciled');
        if (!isLasting(error)) throw error;
        return { listed, fed, failed: code };
      }
      await recordReconciled(db, { companyId, until: new Date(input.to), fed });
      if (fed > 0) logger.info({ company_id: companyId, listed, fed }, 'fed calls that the webhooks missed');
      return { listed, fed, failed: null };
    },
  };
}
