/** A booked call as Temporal's tutorials would write it: signals, an activity for each step, a child for the analysis. */
import { condition, defineSignal, executeChild, proxyActivities, setHandler } from '@temporalio/workflow';
import type { Outcome, Steps } from './side.ts';
import type { CallEvent, Kind } from './store.ts';

const steps = proxyActivities<Steps>({ startToCloseTimeout: '30 s' });

export const callEvent = defineSignal<[string, CallEvent]>('callEvent');
export const jobFinished = defineSignal<[Kind]>('jobFinished');

/** Takes the events of a call until it has ended, and books what its analysis says. */
export async function naiveCall(callId: string): Promise<void> {
  const waiting: [string, CallEvent][] = [];
  setHandler(callEvent, (kind, event) => void waiting.push([kind, event]));
  let shunyaCallId = 0;
  let recordingUrl: string | null = null;
  while (recordingUrl === null) {
    await condition(() => waiting.length > 0);
    const [kind, event] = waiting.shift() as [string, CallEvent];
    shunyaCallId = await steps.saveEvent(callId, kind, event);
    if (kind === 'completed') recordingUrl = event.recording_url;
  }
  const { qualification, isBooked } = await executeChild(naiveAnalysis, {
    workflowId: `naive-analysis-${shunyaCallId}`,
    args: [callId, shunyaCallId, recordingUrl],
  });
  await steps.saveLead(callId, qualification);
  if (isBooked) await steps.saveAppointment(callId, null);
  await steps.finish(callId);
}

/** Two jobs, one after the other, each answered by a callback. */
export async function naiveAnalysis(callId: string, shunyaCallId: number, recordingUrl: string): Promise<Outcome> {
  const finished = new Set<Kind>();
  setHandler(jobFinished, (kind) => void finished.add(kind));
  let outcome: Outcome = { qualification: null, isBooked: false };
  for (const kind of ['transcription', 'analysis'] as const) {
    const taskId = await steps.submit(shunyaCallId, kind, recordingUrl);
    await steps.saveJob(callId, kind, taskId);
    await condition(() => finished.has(kind));
    outcome = await steps.takeResult(callId, shunyaCallId, kind);
  }
  return outcome;
}
