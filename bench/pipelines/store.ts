/** The rows that a booked call leaves, for the sides that are not callwright: as few and plain as the job allows. */
import postgres from 'postgres';

export type Kind = 'transcription' | 'analysis';

export type Store = ReturnType<typeof openStore>;

/** Ids come from outside, and every write may be repeated: a step runs at least once. */
export function openStore(databaseUrl: string) {
  const sql = postgres(databaseUrl, { max: 16, onnotice: () => {} });
  return {
    async prepare() {
      await sql`create schema if not exists bench_side`;
      await sql`create table if not exists bench_side.calls (
        id text primary key, shunya_call_id bigint generated always as identity unique, caller text, recording_url text,
        transcript jsonb, analysis jsonb, stage text not null default 'received', created_at timestamptz not null default now())`;
      await sql`create table if not exists bench_side.events (
        call_id text not null, kind text not null, body jsonb not null, primary key (call_id, kind))`;
      await sql`create table if not exists bench_side.jobs (
        call_id text not null, kind text not null, task_id text, state text not null, primary key (call_id, kind))`;
      await sql`create table if not exists bench_side.leads (call_id text primary key, qualification text)`;
      await sql`create table if not exists bench_side.appointments (call_id text primary key, scheduled_at text)`;
    },

    /** Keeps an event and what it says of its call. @returns Shunya's id of the call */
    async saveEvent(callId: string, kind: string, event: CallEvent): Promise<number> {
      return sql.begin(async (tx) => {
        await tx`insert into bench_side.events values (${callId}, ${kind}, ${tx.json({ ...event })}) on conflict do nothing`;
        const [row] = await tx`insert into bench_side.calls (id, caller, recording_url)
          values (${callId}, ${event.caller_number}, ${event.recording_url}) on conflict (id) do update
          set recording_url = coalesce(excluded.recording_url, calls.recording_url) returning shunya_call_id`;
        return Number(row?.shunya_call_id);
      });
    },

    async saveJob(callId: string, kind: Kind, taskId: string | null) {
      await sql`insert into bench_side.jobs values (${callId}, ${kind}, ${taskId}, 'submitted') on conflict do nothing`;
    },

    async saveResult(callId: string, kind: Kind, result: unknown) {
      const text = JSON.stringify(result);
      await sql.begin(async (tx) => {
        await tx`update bench_side.jobs set state = 'completed' where call_id = ${callId} and kind = ${kind}`;
        if (kind === 'transcription')
          await tx`update bench_side.calls set transcript = ${text}::text::jsonb where id = ${callId}`;
        else await tx`update bench_side.calls set analysis = ${text}::text::jsonb where id = ${callId}`;
      });
    },

    async saveLead(callId: string, qualification: string | null) {
      await sql`insert into bench_side.leads values (${callId}, ${qualification}) on conflict do nothing`;
    },

    async saveAppointment(callId: string, scheduledAt: string | null) {
      await sql`insert into bench_side.appointments values (${callId}, ${scheduledAt}) on conflict do nothing`;
    },

    async finish(callId: string) {
      await sql`update bench_side.calls set stage = 'done' where id = ${callId}`;
    },
  };
}

/** What a side needs of CallRail's payload. */
export interface CallEvent {
  call_id: string;
  caller_number: string;
  recording_url: string | null;
}
