/**
 * `npm run backfill -- --company ID --from YYYY-MM-DD --to YYYY-MM-DD`: feeds the calls of those days that are missing here,
 * by the same code as the reconciliation. Days are of the company's time zone, both inclusive. Stopped by Ctrl-C or by an
 * error it goes on where it was when the same command is given again. The service brings what was fed on its way.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { DateTime } from 'luxon';
import { readCommandLine } from './config/commandLine.ts';
import { loadConfigOrExit } from './config/config.ts';
import { openDatabase } from './db/client.ts';
import { type CallRailAccess, findCallRailAccess } from './db/queries/reconciliation.ts';
import { CallRailError, createCallRailClient } from './providers/callrail/client.ts';
import type { RequestBudget } from './services/reconciliation/accounts.ts';
import { type BackfillKey, openBackfill, recordBackfill } from './services/reconciliation/backfill.ts';
import {
  AccountBusyError,
  feedMissed,
  isLasting,
  reconciliationErrorCode,
} from './services/reconciliation/feedMissed.ts';

const USAGE = 'usage: npm run backfill -- --company ID --from YYYY-MM-DD --to YYYY-MM-DD [--per-second 2]';

/** Half of what the reconciliation may ask, so that it goes on beside this. */
const BUDGET: RequestBudget = { perHour: 250, perDay: 2500 };
/** Calls of now go first: an old one has waited for days already. */
const FED_PER_SECOND = 2;
const TRIES = 6;
/** After a 429, where the account's row does not say until when. */
const REST_SECONDS = 60;

class UsageError extends Error {
  override readonly name = 'UsageError';
}

interface Request extends BackfillKey {
  fedPerSecond: number;
}

function readRequest(): Request {
  const option = { type: 'string' } as const;
  const options = { company: option, from: option, to: option, 'per-second': option };
  const { values } = readCommandLine(USAGE, options);
  const { company: companyId, from: fromDate, to: toDate } = values;
  if (!companyId) throw new UsageError('--company is missing');
  for (const [name, value] of Object.entries({ from: fromDate, to: toDate }))
    if (!value || !/^\d{4}-\d{2}-\d{2}$/.test(value) || !DateTime.fromISO(value).isValid)
      throw new UsageError(`--${name} must be a day, YYYY-MM-DD`);
  if (!fromDate || !toDate || fromDate > toDate) throw new UsageError('--from must not be after --to');
  const fedPerSecond = Number(values['per-second'] ?? FED_PER_SECOND);
  if (!(fedPerSecond > 0)) throw new UsageError('--per-second must be a number above 0');
  return { companyId, fromDate, toDate, fedPerSecond };
}

async function main(): Promise<void> {
  const request = readRequest();
  const config = loadConfigOrExit({ needs: ['database'] });
  const { db, close } = openDatabase(config.databaseUrl, { max: 2 });
  const callrail = createCallRailClient({ baseUrl: config.callrailBaseUrl });
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort());
  const progress = createProgress();
  try {
    const access = await findCallRailAccess(db, request.companyId);
    if (!access) throw new UsageError('there is no such company, or it has no CallRail account id and API key');
    await backfill(access);
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
    progress.end('stopped; the same command goes on from here');
    process.exitCode = 130;
  } finally {
    await close();
  }

  async function backfill(access: CallRailAccess): Promise<void> {
    const range = rangeOf(request, access.timeZone);
    const state = await openBackfill(db, request, range.to);
    let { position, listed, fed } = state;
    const tell = (more = '') => progress.show(`${lineOf(range, position, access.timeZone, listed, fed)}${more}`);
    if (state.finishedAt) return progress.end(`finished before: ${listed} calls listed, ${fed} fed`);
    if (listed > 0) tell('  (going on)');
    for (let failures = 0; ; ) {
      try {
        await feedMissed(
          { db, callrail },
          access,
          { from: range.from, to: position },
          {
            budget: BUDGET,
            fedPerSecond: request.fedPerSecond,
            signal: stopping.signal,
            onPage: async (page) => {
              failures = 0;
              listed += page.listed;
              fed += page.fed;
              position = page.position;
              await recordBackfill(db, request, { position, listed, fed, finished: false });
              tell();
            },
          },
        );
        break;
      } catch (error) {
        const waitSeconds = waitAfter(error, failures);
        if (stopping.signal.aborted || waitSeconds === undefined) throw error;
        failures += 1;
        tell(
          `  ${reconciliationErrorCode(error)}: waiting until ${new Date(Date.now() + waitSeconds * 1000).toISOString()}`,
        );
        await delay(waitSeconds * 1000, undefined, { signal: stopping.signal });
      }
    }
    await recordBackfill(db, request, { position: range.from, listed, fed, finished: true });
    progress.end(`finished: ${listed} calls listed, ${fed} fed`);
  }
}

/** How long to wait before the next try; undefined where another one is of no use. */
function waitAfter(error: unknown, failures: number): number | undefined {
  if (error instanceof AccountBusyError) return Math.max(1, (error.retryAt.getTime() - Date.now()) / 1000);
  if (error instanceof CallRailError && error.code === 'rate_limited') return REST_SECONDS;
  return isLasting(error) || failures >= TRIES ? undefined : 5 * 2 ** failures;
}

/** The days as moments; one that is not over ends now. */
function rangeOf({ fromDate, toDate }: BackfillKey, zone: string): { from: Date; to: Date } {
  const from = DateTime.fromISO(fromDate, { zone }).startOf('day').toJSDate();
  const end = DateTime.fromISO(toDate, { zone }).plus({ days: 1 }).startOf('day').toMillis();
  if (from.getTime() > Date.now()) throw new UsageError('--from lies in the future');
  return { from, to: new Date(Math.min(end, Date.now())) };
}

function lineOf(range: { from: Date; to: Date }, position: Date, zone: string, listed: number, fed: number): string {
  const share = (range.to.getTime() - position.getTime()) / Math.max(1, range.to.getTime() - range.from.getTime());
  const day = DateTime.fromJSDate(position, { zone }).toISODate();
  return `back to ${day}  ${Math.floor(Math.min(1, share) * 100)} %  ${listed} listed  ${fed} fed`;
}

/** One line that is written over on a terminal; a line each where the output is kept. */
function createProgress() {
  const isTerminal = process.stdout.isTTY === true;
  return {
    show: (line: string) => void process.stdout.write(isTerminal ? `\r\u001b[2K${line}` : `${line}\n`),
    end: (line: string) => void process.stdout.write(`${isTerminal ? '\r\u001b[2K' : ''}${line}\n`),
  };
}

try {
  await main();
} catch (error) {
  // Never the error itself: a database's carries SQL and parameters.
  const text =
    error instanceof UsageError
      ? `${error.message}\n${USAGE}`
      : `backfill failed (${reconciliationErrorCode(error)}); the same command goes on from here`;
  process.stderr.write(`${process.stdout.isTTY ? '\n' : ''}${text}\n`);
  process.exitCode = 1;
}
