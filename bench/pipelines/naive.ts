/** The naive side: webhook handlers that await Temporal, and their worker, in one process. */
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { callEvent, jobFinished, type naiveCall } from './naiveWorkflows.ts';
import { createSteps, serveSide } from './side.ts';

const TASK_QUEUE = 'bench-naive';
Runtime.install({ logger: new DefaultLogger('WARN') });
const address = process.env.TEMPORAL_ADDRESS ?? '';
const { prepare, ...activities } = createSteps();
await prepare();
const client = new Client({ connection: await Connection.connect({ address }) });
const worker = await Worker.create({
  connection: await NativeConnection.connect({ address }),
  taskQueue: TASK_QUEUE,
  workflowsPath: fileURLToPath(new URL('naiveWorkflows.ts', import.meta.url)),
  activities,
});
serveSide({
  onEvent: (kind, event) =>
    client.workflow.signalWithStart<typeof naiveCall, [string, typeof event]>('naiveCall', {
      workflowId: `naive-call-${event.call_id}`,
      taskQueue: TASK_QUEUE,
      args: [event.call_id],
      signal: callEvent,
      signalArgs: [kind, event],
    }),
  onJob: (shunyaCallId, kind) => client.workflow.getHandle(`naive-analysis-${shunyaCallId}`).signal(jobFinished, kind),
});
await worker.run();
