/**
 * What one booked call and one visit cost, in counts: no busy machine changes them. A count that rises fails; one that has
 * fallen is written down here. With TEST_LOGS their statements are kept in that folder, in order.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { analysisWorkflowId, visitWorkflowId } from '../../src/domain/workflowIds.ts';
import { eventually } from '../harness/poll.ts';
import { recordingLink, type Service, startService } from '../harness/service.ts';
import { type Unit, watchStatements } from '../harness/statements.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

interface Cost {
  /** Signals that the workflows got. */
  rings: number;
  workflowTasks: number;
  historyEvents: number;
  historyBytes: number;
  localActivities: number;
  activities: number;
  timers: number;
  /** Writes of search attributes after the start. */
  upserts: number;
  /** Everything that the API, the relays and the worker asked of Postgres, but for `begin` and `commit`. */
  statements: number;
  /** Those of them that are parsed and planned anew each time. */
  unprepared: number;
  transactions: number;
}

/** Lower is better; whoever makes one higher needs a reason that is worth it. */
const RECORDED: Record<'call' | 'visit', Cost> = {
  call: {
    rings: 7,
    workflowTasks: 7,
    historyEvents: 51,
    historyBytes: 10_360,
    localActivities: 7,
    activities: 0,
    timers: 4,
    upserts: 4,
    statements: 48,
    unprepared: 0,
    transactions: 9,
  },
  visit: {
    rings: 6,
    workflowTasks: 6,
    historyEvents: 44,
    historyBytes: 8_930,
    localActivities: 6,
    activities: 0,
    timers: 3,
    upserts: 4,
    statements: 60,
    // What only visits ask is asked for the first time here.
    unprepared: 29,
    transactions: 10,
  },
};

/** Process ids and host names are part of a history. */
const BYTES_TOLERANCE = 1.03;

/** What relays look for every second, and at every event: each look that finds something is a ring. */
const CLAIM = 'under_way as materialized';

/** What goes on also when nothing happens: heartbeats and upkeep, and the relays' look at events that wait for a number. */
const isBackground = ({ by, statements }: Unit) =>
  by === 'callwright upkeep' || statements.some(({ text }) => text.includes('from tracking_numbers n '));

let service: Service;
beforeAll(async () => {
  service = await startService({ SHUNYA_POLL_SECONDS: '600' }, { log_statement: 'all' });
  // Connections are open and have their statements prepared, as after the first minutes of a day.
  for (let warmUp = 0; warmUp < 3; warmUp += 1) await bookedCall();
});
afterAll(async () => {
  await service?.stop();
});

it('a booked call costs no more than it did', async () => {
  const { workflowIds, asked } = await bookedCall();
  expectCost('call', await costOf(workflowIds, asked), asked);
});

it('a visit costs no more than it did', async () => {
  const { company, appointmentId } = await bookedCall();
  const rep = company.as('sales_rep', 'rep-1');
  const recording = recordingLink('visit-won');
  await service.shunya.fault({ type: 'job_never_answers', match: recording });
  const statements = watchStatements(service.databaseUrl);
  const { id } = await rep.post('/recordings/sessions/start', { appointment_id: appointmentId });
  await settled([visitWorkflowId(id)]);
  await rep.post(`/recordings/sessions/${id}/stop`, { audio_url: recording });
  const workflowIds = [visitWorkflowId(id), analysisWorkflowId('visit', id, 1)];
  await settled(workflowIds);
  await finishJobs(id, workflowIds);
  const asked = await statements();
  expectCost('visit', await costOf(workflowIds, asked), asked);
});

/** A caller who is new, and books: three events, two jobs, two callbacks, each after what came of the one before. */
async function bookedCall() {
  const company = await service.company();
  await service.admin.post(`/companies/${company.id}/users`, { id: 'rep-1', role: 'sales_rep', name: 'Rep One' });
  const recording = recordingLink('booked', '?rep=rep-1');
  await service.shunya.fault({ type: 'job_never_answers', match: recording });
  const call = company.simulate({ recording });
  const statements = watchStatements(service.databaseUrl);
  for (const event of ['incoming', 'answered', 'completed'] as const) {
    await company.play(call, [event]);
    await settled([company.workflowId(call)]);
  }
  const [row] = await service.sql`select id from calls where provider_call_id = ${call.id}`;
  const workflowIds = [company.workflowId(call), analysisWorkflowId('call', row?.id, 1)];
  await finishJobs(row?.id, workflowIds);
  const asked = await statements();
  const appointments = await service.sql`select id from appointments where call_id = ${row?.id}`;
  expect(appointments).toHaveLength(1);
  return { company, workflowIds, asked, appointmentId: appointments[0]?.id };
}

/** Lets Shunya finish both jobs, one after the other. */
async function finishJobs(subjectId: string, workflowIds: string[]): Promise<void> {
  for (const kind of ['transcription', 'analysis']) {
    const taskId = await eventually(async () => {
      const [job] = await service.sql`
        select task_id from shunya_jobs where subject_id = ${subjectId} and kind = ${kind} and state = 'submitted'`;
      if (!job) throw new Error(`no ${kind} under way`);
      return job.task_id;
    });
    await settled(workflowIds);
    await service.shunya.finish(taskId);
    await eventually(async () => {
      const [job] = await service.sql`select 1 from shunya_jobs where task_id = ${taskId} and state = 'completed'`;
      if (!job) throw new Error(`the ${kind} is not taken`);
    });
    await settled(workflowIds);
  }
  for (const workflowId of workflowIds)
    await eventually(async () => {
      const { status } = await service.temporal.workflow.getHandle(workflowId).describe();
      if (status.name !== 'COMPLETED') throw new Error(`${workflowId} is ${status.name}`);
    });
}

/** Until what was stored is taken, and the workflows wait for something new. */
async function settled(workflowIds: string[]): Promise<void> {
  for (const workflowId of workflowIds)
    await eventually(async () => {
      const waiting = await service.sql`select route from webhook_events
        where workflow_id = ${workflowId} and status in ('pending', 'dispatched') and next_ring_at < now() + interval '1 minute'`;
      if (waiting.length > 0) throw new Error(`${workflowId} has not taken ${waiting[0]?.route}`);
      const { raw } = await handleOf(workflowId).describe();
      if (raw.pendingWorkflowTask || raw.pendingActivities?.length) throw new Error(`${workflowId} still works`);
    });
}

const handleOf = (workflowId: string): WorkflowHandle => service.temporal.workflow.getHandle(workflowId);

async function costOf(workflowIds: string[], all: Unit[]): Promise<Cost> {
  const histories = await Promise.all(workflowIds.map((id) => handleOf(id).fetchHistory()));
  const events = histories.flatMap((history) => history.events ?? []);
  const count = (attributes: keyof (typeof events)[number]) => events.filter((event) => event[attributes]).length;
  const described = await Promise.all(workflowIds.map((id) => handleOf(id).describe()));
  const rings = count('workflowExecutionSignaledEventAttributes');

  const units = all.filter((unit) => !isBackground(unit));
  const asked = units.flatMap(({ statements }) => statements).filter(({ text }) => !text.includes(CLAIM));
  return {
    rings,
    workflowTasks: count('workflowTaskCompletedEventAttributes'),
    historyEvents: events.length,
    historyBytes: described.reduce((sum, { historySize }) => sum + (historySize ?? 0), 0),
    localActivities: count('markerRecordedEventAttributes'),
    activities: count('activityTaskScheduledEventAttributes'),
    timers: count('timerStartedEventAttributes'),
    upserts: count('upsertWorkflowSearchAttributesEventAttributes'),
    statements: asked.length + rings,
    unprepared: asked.filter(({ prepared }) => !prepared).length,
    transactions: units.filter(({ isTransaction }) => isTransaction).length,
  };
}

function expectCost(of: 'call' | 'visit', cost: Cost, asked: Unit[]): void {
  const keepIn = process.env.TEST_LOGS;
  if (keepIn) writeFileSync(path.join(keepIn, `cost-of-a-${of}.txt`), asked.map(describe).join(''));
  process.stdout.write(`a ${of} costs ${JSON.stringify(cost)}\n`);
  const recorded = RECORDED[of];
  const higher = Object.entries(cost).filter(([name, value]) => {
    const most = recorded[name as keyof Cost];
    return value > (name === 'historyBytes' ? most * BYTES_TOLERANCE : most);
  });
  expect(Object.fromEntries(higher), `higher than ${JSON.stringify(recorded)}`).toEqual({});
}

const describe = ({ by, isTransaction, statements }: Unit): string =>
  [`${by}${isTransaction ? ', a transaction' : ''}`, ...statements.map(({ text }) => `  ${text}`), ''].join('\n');
