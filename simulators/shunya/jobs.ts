import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { openJournal } from './journal.ts';
import type { Recording } from './scenarios.ts';

export type JobKind = 'transcription' | 'analysis';

/** How a job will end. */
export interface JobPlan {
  fails?: { code: string; retryable: boolean | null };
  never?: boolean;
  /** Its result was in the answer: no callback. */
  silent?: boolean;
}

export interface Job extends Omit<Recording, 'receivedAtMs'> {
  taskId: string | number;
  kind: JobKind;
  companyId: string;
  /** 1 for the first of its call and kind. */
  attempt: number;
  acceptedAtMs: number;
  dueAtMs: number;
  plan: JobPlan;
}

interface Acceptance {
  key: string;
  fingerprint: string;
  answer: unknown;
  job: Job;
}

type JournalRecord =
  | ({ type: 'accepted' } & Acceptance)
  | { type: 'finished'; taskId: Job['taskId']; dueAtMs: number; plan: JobPlan }
  | { type: 'called_back'; taskId: Job['taskId'] };

export interface SubmitStats {
  company_id: string;
  call_id: number;
  kind: JobKind;
  /** Jobs accepted, each under a key of its own. */
  accepted: number;
  /** Those accepted although the one before had neither failed nor been one that never answers. */
  duplicates: number;
}

interface Group {
  jobs: Job[];
  duplicates: number;
}

/** Every job and the keys they were accepted under; calls `onDone` once for each that ends. */
export class JobStore {
  private readonly journal;
  private readonly onDone: (job: Job) => Promise<void>;
  private readonly acceptances = new Map<string, Acceptance>();
  private readonly groups = new Map<string, Group>();
  private readonly tasks = new Map<string, Job>();
  private readonly calledBack = new Set<Job>();
  private readonly timers = new Map<Job, NodeJS.Timeout>();
  /** Jobs that count as in flight. */
  private readonly entered = new Set<Job>();
  private readonly inFlight = new Map<string, number>();
  private readonly maxInFlight = new Map<string, number>();
  private stopping = abortAll();

  constructor(options: { dataDir: string | undefined; onDone: (job: Job) => Promise<void> }) {
    this.onDone = options.onDone;
    this.journal = openJournal<JournalRecord>(options.dataDir);
    for (const record of this.journal.earlier) this.replay(record);
  }

  /** Takes up the jobs an earlier process has left unfinished. */
  resume(): void {
    for (const job of this.tasks.values()) {
      if (this.calledBack.has(job) || job.plan.silent) continue;
      this.enter(job);
      void this.schedule(job);
    }
  }

  acceptedUnder(companyId: string, key: string): Acceptance | undefined {
    return this.acceptances.get(keyOf(companyId, key));
  }

  /** Settles when the job is over and its callback was taken or given up. */
  accept(acceptance: Acceptance): Promise<void> {
    this.journal.append({ type: 'accepted', ...acceptance });
    this.record(acceptance);
    this.enter(acceptance.job);
    return this.schedule(acceptance.job);
  }

  /** Ends a job now, as told. */
  finish(job: Job, plan: JobPlan): Promise<void> {
    clearTimeout(this.timers.get(job));
    this.end(job, Date.now(), plan);
    this.journal.append({ type: 'finished', taskId: job.taskId, dueAtMs: job.dueAtMs, plan });
    return this.done(job);
  }

  stateOf(job: Job): 'queued' | 'processing' | 'completed' | 'failed' {
    const now = Date.now();
    if (!job.plan.never && now >= job.dueAtMs) return job.plan.fails ? 'failed' : 'completed';
    return now < (job.acceptedAtMs + job.dueAtMs) / 2 ? 'queued' : 'processing';
  }

  latest(companyId: string, callId: number, kind: JobKind): Job | undefined {
    return this.groups.get(groupOf({ companyId, callId, kind }))?.jobs.at(-1);
  }

  countOf(companyId: string, callId: number, kind: JobKind): number {
    return this.groups.get(groupOf({ companyId, callId, kind }))?.jobs.length ?? 0;
  }

  byTaskId(taskId: string): Job | undefined {
    return this.tasks.get(taskId);
  }

  wasCalledBack(job: Job): boolean {
    return this.calledBack.has(job);
  }

  all(callId: string | null): Job[] {
    return [...this.tasks.values()].filter((job) => callId === null || String(job.callId) === callId);
  }

  stats(callId: string | null) {
    const submits: SubmitStats[] = [];
    for (const { jobs, duplicates } of this.groups.values()) {
      const first = jobs[0] as Job;
      if (callId !== null && String(first.callId) !== callId) continue;
      const { companyId: company_id, callId: call_id, kind } = first;
      submits.push({ company_id, call_id, kind, accepted: jobs.length, duplicates });
    }
    return {
      submits,
      accepted: submits.reduce((sum, row) => sum + row.accepted, 0),
      duplicates: submits.reduce((sum, row) => sum + row.duplicates, 0),
      in_flight: Object.fromEntries(this.inFlight),
      max_in_flight: Object.fromEntries(this.maxInFlight),
    };
  }

  /** A wait that ends with the store: false then. */
  async pause(ms: number): Promise<boolean> {
    const { signal } = this.stopping;
    await sleep(ms, undefined, { signal }).catch(() => undefined);
    return !signal.aborted;
  }

  reset(): void {
    this.halt();
    this.stopping = abortAll();
    this.journal.clear();
    for (const map of [this.acceptances, this.groups, this.tasks, this.inFlight, this.maxInFlight]) map.clear();
    this.calledBack.clear();
    this.entered.clear();
  }

  close(): void {
    this.halt();
    this.journal.close();
  }

  private halt(): void {
    this.stopping.abort();
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
  }

  private replay(record: JournalRecord): void {
    if (record.type === 'accepted') {
      this.record(record);
      return;
    }
    const job = this.tasks.get(String(record.taskId));
    if (!job) return;
    if (record.type === 'called_back') this.calledBack.add(job);
    else this.end(job, record.dueAtMs, record.plan);
  }

  private record(acceptance: Acceptance): void {
    const { key, job } = acceptance;
    this.acceptances.set(keyOf(job.companyId, key), acceptance);
    this.tasks.set(String(job.taskId), job);
    const group = this.groups.get(groupOf(job)) ?? { jobs: [], duplicates: 0 };
    const previous = group.jobs.at(-1);
    // Judged by the time of acceptance, so that a replay comes to the same.
    const mayFollow = !previous || previous.plan.never || (previous.plan.fails && previous.dueAtMs <= job.acceptedAtMs);
    if (!mayFollow) group.duplicates += 1;
    group.jobs.push(job);
    this.groups.set(groupOf(job), group);
  }

  private end(job: Job, dueAtMs: number, plan: JobPlan): void {
    job.dueAtMs = dueAtMs;
    job.plan = plan;
    this.calledBack.delete(job);
  }

  private async schedule(job: Job): Promise<void> {
    if (job.plan.never) return;
    const waitMs = job.dueAtMs - Date.now();
    if (waitMs > 0) {
      await new Promise<void>((resolve) => this.timers.set(job, setTimeout(resolve, waitMs)));
    }
    await this.done(job);
  }

  private async done(job: Job): Promise<void> {
    const { signal } = this.stopping;
    this.timers.delete(job);
    this.leave(job);
    if (!job.plan.silent) await this.onDone(job);
    if (signal.aborted) return;
    this.calledBack.add(job);
    this.journal.append({ type: 'called_back', taskId: job.taskId });
  }

  private enter(job: Job): void {
    this.entered.add(job);
    const now = (this.inFlight.get(job.companyId) ?? 0) + 1;
    this.inFlight.set(job.companyId, now);
    this.maxInFlight.set(job.companyId, Math.max(now, this.maxInFlight.get(job.companyId) ?? 0));
  }

  private leave(job: Job): void {
    if (!this.entered.delete(job)) return;
    this.inFlight.set(job.companyId, (this.inFlight.get(job.companyId) ?? 1) - 1);
  }
}

/** Ends every pause at once: any number of them may listen. */
function abortAll(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}

const keyOf = (companyId: string, key: string): string => JSON.stringify([companyId, key]);

const groupOf = (job: Pick<Job, 'companyId' | 'callId' | 'kind'>): string =>
  JSON.stringify([job.companyId, job.callId, job.kind]);
