/** The same job on DBOS: one workflow, a step for each step, messages for events and callbacks, all in the same Postgres. */
import { DBOS } from '@dbos-inc/dbos-sdk';
import { createSteps, databaseUrl, type Outcome, serveSide } from './side.ts';
import type { CallEvent, Kind } from './store.ts';

const WAIT_SECONDS = 600;
const { prepare, ...steps } = createSteps();
await prepare();

/** The callback names Shunya's id of the call only; the workflow that waits for it is remembered by that. */
const callIds = new Map<number, string>();

async function bookCall(callId: string): Promise<void> {
  let shunyaCallId = 0;
  let recordingUrl: string | null = null;
  while (recordingUrl === null) {
    const message = await DBOS.recv<{ kind: string; event: CallEvent }>('event', WAIT_SECONDS);
    if (!message) throw new Error('the call has not ended');
    const { kind, event } = message;
    shunyaCallId = await DBOS.runStep(() => steps.saveEvent(callId, kind, event), { name: 'saveEvent' });
    if (kind === 'completed') recordingUrl = event.recording_url;
  }
  callIds.set(shunyaCallId, callId);
  const url = recordingUrl;
  let outcome: Outcome = { qualification: null, isBooked: false };
  for (const kind of ['transcription', 'analysis'] as const) {
    await DBOS.runStep(async () => steps.saveJob(callId, kind, await steps.submit(shunyaCallId, kind, url)), {
      name: `submit ${kind}`,
    });
    await DBOS.recv<Kind>(kind, WAIT_SECONDS);
    outcome = await DBOS.runStep(() => steps.takeResult(callId, shunyaCallId, kind), { name: `take ${kind}` });
  }
  const { qualification, isBooked } = outcome;
  await DBOS.runStep(
    async () => {
      await steps.saveLead(callId, qualification);
      if (isBooked) await steps.saveAppointment(callId, null);
      await steps.finish(callId);
    },
    { name: 'book' },
  );
}

const workflow = DBOS.registerWorkflow(bookCall, { name: 'bookCall' });
DBOS.setConfig({
  name: 'bench',
  applicationVersion: '1',
  systemDatabaseUrl: databaseUrl,
  systemDatabaseSchemaName: 'bench_dbos',
  systemDatabasePoolSize: 16,
  logLevel: 'warn',
});
await DBOS.launch();
serveSide({
  async onEvent(kind, event) {
    await DBOS.startWorkflow(workflow, { workflowID: event.call_id })(event.call_id);
    await DBOS.send(event.call_id, { kind, event }, 'event', `${event.call_id}-${kind}`);
  },
  async onJob(shunyaCallId, kind) {
    const callId = callIds.get(shunyaCallId);
    if (callId) await DBOS.send(callId, kind, kind, `${shunyaCallId}-${kind}`);
  },
});
