/**
 * VisitRecording: one recording session of a sales rep's visit, from its start to the appointment's outcome.
 *
 * Keyed by the session. Started by the start of the session, rung by its stop. Waits for the stop, then for the analysis
 * of the recording, which runs beside it: ShunyaAnalysis. Ends when nothing is left to do; a late stop starts a short run.
 * A failing step never ends it: it raises attention, goes on trying, and takes the Updates `retry` and `skip`.
 */
import * as wf from '@temporalio/workflow';
import { database } from './activities.ts';
import type { VisitRecordingInput } from './contracts.ts';
import { SubjectPipeline } from './subjectPipeline.ts';

export async function VisitRecording(input: VisitRecordingInput): Promise<void> {
  const { companyId, sessionId, waits } = input;
  const pipeline = new SubjectPipeline({ kind: 'visit', id: sessionId, companyId, waits });

  for (;;) {
    const visit = await pipeline.advance(() => database.advanceVisit({ companyId, sessionId, waits }));
    if (!visit) return pipeline.endAsFailed();

    switch (visit.next.do) {
      case 'wait':
        // Not stopped in time: the next advance closes it as not analyzable.
        await pipeline.waitForNews('the end of the visit', visit.next.seconds);
        break;
      case 'analyze':
        // That advance, or an earlier one, started the analysis; it sets the outcome and rings when it has ended.
        await pipeline.waitForNews('its analysis by Shunya');
        break;
      case 'finish':
        if (!pipeline.hasNews) return pipeline.close();
    }
    if (wf.workflowInfo().continueAsNewSuggested) await wf.continueAsNew<typeof VisitRecording>(input);
  }
}
