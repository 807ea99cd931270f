/** The engine's floor, served like a side: what Temporal and its SDK cost when nothing is done. */
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { type barest, ring } from './floorWorkflows.ts';
import { createSteps, serveSide } from './side.ts';

const TASK_QUEUE = 'bench-floor';
/** The call: three events and the end of its analysis. The analysis: its start and two callbacks. */
const RINGS = { call: 4, analysis: 3 };
Runtime.install({ logger: new DefaultLogger('WARN') });
const address = process.env.TEMPORAL_ADDRESS ?? '';
const { finish, saveEvent, prepare } = createSteps();
await prepare();
const client = new Client({ connection: await Connection.connect({ address }) });
const worker = await Worker.create({
  connection: await NativeConnection.connect({ address }),
  taskQueue: TASK_QUEUE,
  workflowsPath: fileURLToPath(new URL('floorWorkflows.ts', import.meta.url)),
  activities: { nothing: async () => {} },
});

const ringOnce = (of: keyof typeof RINGS, callId: string) =>
  client.workflow.signalWithStart<typeof barest, []>('barest', {
    workflowId: `floor-${of}-${callId}`,
    taskQueue: TASK_QUEUE,
    args: [RINGS[of]],
    signal: ring,
    signalArgs: [],
  });

serveSide({
  async onEvent(kind, event) {
    await ringOnce('call', event.call_id);
    if (kind !== 'completed') return;
    for (let count = 0; count < RINGS.analysis; count += 1) await ringOnce('analysis', event.call_id);
    await client.workflow.getHandle(`floor-analysis-${event.call_id}`).result();
    await ringOnce('call', event.call_id);
    await client.workflow.getHandle(`floor-call-${event.call_id}`).result();
    // Only so that the yardstick sees its end as it sees that of the others.
    await saveEvent(event.call_id, kind, event);
    await finish(event.call_id);
  },
  onJob: async () => {},
});
await worker.run();
