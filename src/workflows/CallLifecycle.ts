/**
 * CallLifecycle: one phone call, from its first event to its applied analysis.
 *
 * Keyed by company and CallRail's call id. Started, or rung, by every event of the call; the events themselves are in the
 * inbox. Waits for the end of the call and for its recording, runs ShunyaAnalysis, applies the result.
 * Ends when nothing is left to do; an event after that starts a short run that amends.
 * A failing step never ends it: it raises attention, goes on trying, and takes the Updates `retry` and `skip`.
 */
import * as wf from '@temporalio/workflow';
import { database } from './activities.ts';
import type { CallLifecycleInput } from './contracts.ts';
import { runSubject } from './subject.ts';

export async function CallLifecycle(input: CallLifecycleInput): Promise<void> {
  const { companyId, providerCallId, waits } = input;
  await runSubject({
    kind: 'call',
    companyId,
    waits,
    advance: () => database.advanceCall({ companyId, providerCallId, waits }),
    apply: (callId, generation) => database.applyCallAnalysis({ companyId, callId, generation }),
    startAnew: () => wf.continueAsNew<typeof CallLifecycle>(input),
  });
}
