/**
 * VisitRecording: one recording session of a sales rep's visit, from its start to the appointment's outcome.
 *
 * Keyed by the session. Started by the start of the session, rung by its stop. Closes a session that nobody stops in time,
 * runs ShunyaAnalysis, sets the outcome. Ends when nothing is left to do; a late stop starts a short run that amends.
 * A failing step never ends it: it raises attention, goes on trying, and takes the Updates `retry` and `skip`.
 */
import * as wf from '@temporalio/workflow';
import { database } from './activities.ts';
import type { VisitRecordingInput } from './contracts.ts';
import { runSubject } from './subject.ts';

export async function VisitRecording(input: VisitRecordingInput): Promise<void> {
  const { companyId, sessionId, waits } = input;
  await runSubject({
    kind: 'visit',
    companyId,
    waits,
    advance: () => database.advanceVisit({ companyId, sessionId, waits }),
    apply: (_subjectId, generation) => database.applyVisitAnalysis({ companyId, sessionId, generation }),
    startAnew: () => wf.continueAsNew<typeof VisitRecording>(input),
  });
}
