/** Removes what a company keeps for some days only: links to audio, transcripts, what raw events say of the caller. */
import { type SQL, sql } from 'drizzle-orm';
import type { Database, Queryable, Transaction } from '../../db/client.ts';
import { finalStages } from '../../db/schema/columns.ts';
import { audit } from '../audit.ts';
import { reduceEvents, removeRecordingLinks } from '../inbox/reduce.ts';

const BATCH_ROWS = 200;
const SYSTEM = { userId: 'retention', role: 'system' };

interface Retention {
  companyId: string;
  recordingDays: number | null;
  transcriptDays: number | null;
  rawEventDays: number | null;
}

/**
 * Removes what is due of every company, in small batches that several processes may work on at once; each run is audited by
 * numbers. Pipelines that go on, or are blocked, keep what they need. @returns how many rows lost something
 */
export async function applyRetention(db: Database, isStopped: () => boolean = () => false): Promise<number> {
  let total = 0;
  for (const company of await companiesWithRetention(db)) {
    const did = { recordings: 0, transcripts: 0, raw_events: 0 };
    const work = async (
      name: keyof typeof did,
      days: number | null,
      some: (tx: Transaction, due: SQL) => Promise<number>,
    ) => {
      if (days === null) return;
      const due = sql`now() - make_interval(days => ${days}::int)`;
      for (let count = BATCH_ROWS; count >= BATCH_ROWS && !isStopped(); did[name] += count)
        count = await db.transaction((tx) => some(tx, due));
    };
    const { companyId, recordingDays, transcriptDays, rawEventDays } = company;
    await work('recordings', recordingDays, (tx, due) => removeCallRecordings(tx, companyId, due));
    await work('recordings', recordingDays, (tx, due) => removeVisitRecordings(tx, companyId, due));
    await work('transcripts', transcriptDays, (tx, due) => removeTranscripts(tx, companyId, due, 'call_transcripts'));
    await work('transcripts', transcriptDays, (tx, due) =>
      removeTranscripts(tx, companyId, due, 'recording_transcripts'),
    );
    await work('raw_events', rawEventDays, (tx, due) => reduceEvents(tx, companyId, due));
    const sum = did.recordings + did.transcripts + did.raw_events;
    total += sum;
    const entry = { action: 'retention.apply', subject: { kind: 'company', id: companyId }, details: did };
    if (sum > 0) await audit(db, { actor: SYSTEM, companyId }, entry);
  }
  return total;
}

async function companiesWithRetention(db: Queryable): Promise<Retention[]> {
  const rows = await db.execute<Retention & Record<string, unknown>>(sql`
    select id as "companyId", recording_days as "recordingDays", transcript_days as "transcriptDays",
      raw_event_days as "rawEventDays"
    from companies where recording_days is not null or transcript_days is not null or raw_event_days is not null
    order by id`);
  return [...rows];
}

const isOver = sql`stage in (${finalStages}) and blocked_on is null`;

async function removeCallRecordings(tx: Transaction, companyId: string, due: SQL): Promise<number> {
  const gone = await tx.execute<{ id: string; provider_call_id: string }>(sql`
    update calls set recording_url = null, updated_at = now() where id in (
      select id from calls where company_id = ${companyId} and recording_url is not null and started_at < ${due} and ${isOver}
      order by started_at limit ${BATCH_ROWS} for update skip locked)
    returning id, provider_call_id`);
  if (gone.length === 0) return 0;
  await forgetLinks(
    tx,
    'call',
    gone.map(({ id }) => id),
  );
  await removeRecordingLinks(
    tx,
    companyId,
    gone.map((call) => call.provider_call_id),
  );
  return gone.length;
}

async function removeVisitRecordings(tx: Transaction, companyId: string, due: SQL): Promise<number> {
  const gone = await tx.execute<{ id: string }>(sql`
    update recording_sessions set audio_url = null, updated_at = now() where id in (
      select id from recording_sessions
      where company_id = ${companyId} and audio_url is not null and started_at < ${due} and ${isOver}
      order by started_at limit ${BATCH_ROWS} for update skip locked)
    returning id`);
  if (gone.length > 0)
    await forgetLinks(
      tx,
      'visit',
      gone.map(({ id }) => id),
    );
  return gone.length;
}

/** What was asked of Shunya names the link too. */
async function forgetLinks(tx: Transaction, kind: 'call' | 'visit', ids: string[]): Promise<void> {
  const ofSubjects = sql`subject_kind = ${kind} and subject_id in ${ids}`;
  await tx.execute(sql`update analysis_runs set recording_url = '' where ${ofSubjects}`);
  await tx.execute(sql`update shunya_jobs set audio_url = null where ${ofSubjects} and audio_url is not null`);
}

async function removeTranscripts(
  tx: Transaction,
  companyId: string,
  due: SQL,
  table: 'call_transcripts' | 'recording_transcripts',
): Promise<number> {
  const [subjects, key] =
    table === 'call_transcripts' ? (['calls', 'call_id'] as const) : (['recording_sessions', 'session_id'] as const);
  const gone = await tx.execute(sql`
    delete from ${sql.identifier(table)} where id in (
      select transcript.id from ${sql.identifier(table)} as transcript
      join ${sql.identifier(subjects)} as subject on subject.id = transcript.${sql.identifier(key)}
      where transcript.company_id = ${companyId} and transcript.created_at < ${due} and ${isOver}
      order by transcript.created_at limit ${BATCH_ROWS} for update of transcript skip locked)
    returning 1`);
  return gone.length;
}
