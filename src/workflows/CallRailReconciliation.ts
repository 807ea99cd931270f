/**
 * CallRailReconciliation: compares every company's calls with CallRail's list and feeds what the webhooks missed.
 *
 * Started by the Schedule `callrail-reconciliation`, one run at a time. Companies are read side by side, as far as the
 * worker lets them. A company that fails has the reason in its row and its turn again with the next run, and never stops
 * the others. Ends when all have had their turn.
 */
import * as wf from '@temporalio/workflow';
import { reconcile, reconciliations } from './activities.ts';
import type { CallRailReconciliationInput, CallRailReconciliationResult } from './contracts.ts';

export async function CallRailReconciliation(
  input: CallRailReconciliationInput,
): Promise<CallRailReconciliationResult> {
  const { lookbackSeconds, after, soFar } = input;
  const { companies, next } = await reconciliations().listReconciliations({ lookbackSeconds, after });
  wf.setCurrentDetails(`Comparing ${companies.length} companies with CallRail's list of their calls.`);
  const outcomes = await Promise.all(
    companies.map(async (company) => {
      try {
        return await reconcile().reconcileCompany(company);
      } catch (error) {
        if (wf.isCancellation(error)) throw error;
        return { fed: 0, failed: 'not_reconciled' };
      }
    }),
  );
  const result = {
    companies: (soFar?.companies ?? 0) + companies.length,
    fed: outcomes.reduce((sum, { fed }) => sum + fed, soFar?.fed ?? 0),
    failed: (soFar?.failed ?? 0) + outcomes.filter(({ failed }) => failed !== null).length,
  };
  if (next !== null)
    await wf.continueAsNew<typeof CallRailReconciliation>({ lookbackSeconds, after: next, soFar: result });
  return result;
}
