/** How large the inbox's table grows for each row that stays: the life of many calls' events, without Temporal. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { startPostgres } from '../dev/local/postgres.ts';
import { freePort } from '../dev/local/processes.ts';
import { newResourceId, signCallRail } from '../simulators/callrail.ts';
import { openDatabase } from '../src/db/client.ts';
import { companies, trackingNumbers, webhookEvents } from '../src/db/schema/index.ts';
import { migrateDatabase } from '../src/migrate.ts';
import { type ClaimedEvent, claimDueEvents, markSent } from '../src/services/inbox/dispatch.ts';
import { isRingOf } from '../src/services/inbox/internalEvents.ts';
import { type CallReceiver, createCallReceiver } from '../src/services/inbox/receiveCall.ts';
import { ringingAnalysis } from '../src/services/pipelines/ring.ts';
import { uniquePhone } from './cluster.ts';
import { describeTables, tablesOf } from './tables.ts';

const KINDS = ['incoming', 'answered', 'completed'] as const;
const CALLS_TOGETHER = 100;
/** Rings of a call's workflows, which are deleted when they are answered. */
const RINGS_A_CALL = 2;
const COMPANY_ID = 'bench';
const SIGNING_KEY = 'bench-signing-key';

export interface BloatOptions {
  calls: number;
  /** Storage parameters of webhook_events in place of those that the migrations set. */
  storage?: string | undefined;
}

/** Prints the table's state after a tenth, a half and all of the calls. */
export async function benchBloat({ calls, storage }: BloatOptions, print: (line: string) => void): Promise<boolean> {
  const dataDir = realpathSync(mkdtempSync(path.join(tmpdir(), 'callwright-bench-')));
  const port = await freePort();
  const databaseUrl = `postgres://callwright:bench@127.0.0.1:${port}/callwright`;
  // A day of calls passes in minutes: autovacuum looks as much more often. Losing a commit changes no size.
  const settings = { autovacuum_naptime: '1s', synchronous_commit: 'off' };
  const postgres = await startPostgres({ dataDir, port, databaseUrl, settings });
  const { db, sql, close } = openDatabase(databaseUrl, { max: 6 });
  try {
    await migrateDatabase(databaseUrl);
    if (storage) await sql.unsafe(`alter table webhook_events set (${storage})`);
    const trackingNumber = uniquePhone();
    await db.insert(companies).values({ id: COMPANY_ID, name: 'Bench Plumbing', callrailSigningKeys: [SIGNING_KEY] });
    await db.insert(trackingNumbers).values({ companyId: COMPANY_ID, phoneNumber: trackingNumber });
    const receiver = createCallReceiver({ db, config: { allowUnsignedCallrail: false }, onStray: () => {} });
    const marks = [calls / 10, calls / 2, calls].map(Math.round);
    print(
      `${calls} calls, three events and ${RINGS_A_CALL} rings each; ${storage ?? "the migrations' storage parameters"}`,
    );
    const startedAt = Date.now();
    for (let done = 0; done < calls; ) {
      const some = Math.min(CALLS_TOGETHER, (marks.find((mark) => mark > done) ?? calls) - done);
      const ids = Array.from({ length: some }, () => newResourceId('CAL'));
      await Promise.all(ids.map((id) => receive(receiver, id, trackingNumber)));
      await ring(ids);
      await settleAll();
      done += some;
      if (!marks.includes(done)) continue;
      print(
        `\n${done} calls after ${((Date.now() - startedAt) / 1000).toFixed(0)} s, load ${(loadavg()[0] ?? 0).toFixed(0)}`,
      );
      print(describeTables((await tablesOf(sql)).filter(({ name }) => name === 'webhook_events')));
    }
    return true;
  } finally {
    await close();
    await postgres.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }

  async function ring(ids: readonly string[]) {
    const generations = Array.from({ length: RINGS_A_CALL }, (_, index) => index + 1);
    await db.transaction((tx) =>
      Promise.all(
        ids.flatMap((id) =>
          generations.map((generation) =>
            ringingAnalysis(tx, {
              companyId: COMPANY_ID,
              subjectKind: 'call',
              subjectId: id,
              generation,
              providerCallId: id,
            }),
          ),
        ),
      ),
    );
  }

  /** As the relay does: a round marks what the one before has rung; what was rung is settled after that. */
  async function settleAll() {
    let rung: ClaimedEvent[] = [];
    for (let isOver = false; !isOver; ) {
      const { events: claimed, isHeld } = await claimDueEvents(db, rung);
      const [rings, events] = [rung.filter(isRing), rung.filter((event) => !isRing(event))];
      await markSent(db, events);
      if (rings.length > 0)
        await db.transaction((tx) =>
          Promise.all(rings.map(({ workflowId }) => tx.delete(webhookEvents).where(isRingOf(workflowId)))),
        );
      rung = claimed;
      isOver = claimed.length === 0 && !isHeld;
    }
  }
}

const isRing = ({ summaryCallId }: ClaimedEvent): boolean => summaryCallId !== null;

async function receive(receiver: CallReceiver, id: string, trackingNumber: string): Promise<void> {
  const caller = uniquePhone();
  await Promise.all(
    KINDS.map(async (kind) => {
      const payload = {
        resource_id: id,
        customer_phone_number: caller,
        tracking_phone_number: trackingNumber,
        start_time: new Date().toISOString(),
        ...PAYLOAD,
        answered: kind !== 'incoming',
      };
      const body = Buffer.from(JSON.stringify(payload));
      const { status } = await receiver.receive({
        kind,
        body,
        payload,
        signature: signCallRail(body.toString(), SIGNING_KEY),
      });
      if (status !== 'pending') throw new Error(`an event was ${status}`);
    }),
  );
}

/** What CallRail sends beside: a body of about the usual size. */
const PAYLOAD = {
  business_phone_number: '+12025550111',
  customer_city: 'Denver',
  customer_country: 'US',
  customer_name: 'CARLA GARCIA',
  customer_state: 'CO',
  direction: 'inbound',
  duration: 120,
  recording: 'https://api.callrail.com/v3/a/ACC0/calls/CAL0/recording.json',
  recording_player: 'https://app.callrail.com/calls/CAL0/recording?access_key=0',
  source_name: 'Google Ads',
  formatted_tracking_source: 'Google Ads',
  landing_page_url: 'https://example.com/roofing',
  note: '',
  tags: [],
  voicemail: false,
};
