/**
 * CallLifecycle: one phone call, from its first event to its applied analysis.
 *
 * Keyed by company and CallRail's call id. Started, or rung, by every event of the call; the events themselves are in the
 * inbox. Waits for the end of the call and for its recording, then for its analysis, which runs beside it: ShunyaAnalysis,
 * found by the same `CallId`. Ends when nothing is left to do; an event after that starts a short run that amends.
 * A failing step never ends it: it raises attention, goes on trying, and takes the Updates `retry` and `skip`.
 */
import * as wf from '@temporalio/workflow';
import { callIdOf } from '../domain/callId.ts';
import { database } from './activities.ts';
import type { CallLifecycleInput } from './contracts.ts';
import { SubjectPipeline } from './subjectPipeline.ts';

export async function CallLifecycle(input: CallLifecycleInput): Promise<void> {
  const { companyId, providerCallId, waits } = input;
  const pipeline = new SubjectPipeline({ kind: 'call', id: callIdOf(companyId, providerCallId), companyId, waits });

  for (;;) {
    // Folds every event that has come into the rows; they alone say what is next.
    const call = await pipeline.advance(() => database.advanceCall({ companyId, providerCallId, waits }));
    if (!call) return pipeline.endAsFailed();

    switch (call.next.do) {
      case 'wait':
        // Too long without an end: the next advance closes it as abandoned. Without a recording: as not analyzable.
        await pipeline.waitForNews(
          call.next.for === 'recording' ? 'the recording' : 'the end of the call',
          call.next.seconds,
        );
        break;
      case 'analyze':
        // That advance, or an earlier one, started the analysis; it applies its result and rings when it has ended.
        await pipeline.waitForNews('its analysis by Shunya');
        break;
      case 'finish':
        if (!pipeline.hasNews) return pipeline.close();
    }
    if (wf.workflowInfo().continueAsNewSuggested) await wf.continueAsNew<typeof CallLifecycle>(input);
  }
}
