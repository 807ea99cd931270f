/**
 * Compares CallRail's list of calls with what its webhooks told, and stores what they missed as `call.modified` events.
 * CallRail never sends a webhook twice, so a webhook that did not reach us would otherwise be a lost call.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '../../db/client.ts';
import { isDatabaseUnavailable } from '../../db/errors.ts';
import { type CallRailAccess, knownCalls, numberOwners } from '../../db/queries/reconciliation.ts';
import { isCallOf, isInProgress, isMissed } from '../../domain/reconciliation.ts';
import { callRailFailureCode } from '../../domain/stepFailures.ts';
import { callWorkflowId } from '../../domain/workflowIds.ts';
import { type CallRailCallRow, type CallRailClient, CallRailError } from '../../providers/callrail/client.ts';
import { type CallRailEvent, readCallRailEvent } from '../../providers/callrail/payload.ts';
import { addressOf } from '../inbox/routeCall.ts';
import { storeEvent } from '../inbox/store.ts';
import { blockCallRailAccount, type RequestBudget, takeCallRailRequest, unblockCallRailAccount } from './accounts.ts';

/** The account is paused: by our own budget, or after CallRail's 429. */
export class AccountBusyError extends Error {
  override readonly name = 'AccountBusyError';
  readonly retryAt: Date;

  constructor(retryAt: Date) {
    super('the CallRail account has no requests left');
    this.retryAt = retryAt;
  }
}

export interface FeedOptions {
  budget: RequestBudget;
  fedPerSecond: number;
  signal: AbortSignal;
  /** After each page. To go on after an interruption, `range.to` is what `position` was. */
  onPage(page: { listed: number; fed: number; position: Date }): Promise<void>;
}

/**
 * Lists the calls of a range, newest first, and feeds those that the webhooks missed. Safe to repeat.
 * @throws AccountBusyError, CallRailError, or the signal's reason
 */
export async function feedMissed(
  { db, callrail }: { db: Database; callrail: CallRailClient },
  company: CallRailAccess,
  range: { from: Date; to: Date },
  options: FeedOptions,
): Promise<void> {
  const { accountId, apiKey, callrailCompanyId } = company;
  const { signal } = options;
  const pages = callrail.listCalls({
    accountId,
    apiKey,
    companyId: callrailCompanyId ?? undefined,
    startDate: range.from,
    endDate: range.to,
    beforeRequest: async () => {
      signal.throwIfAborted();
      const retryAt = await takeCallRailRequest(db, accountId, options.budget);
      if (retryAt) throw new AccountBusyError(retryAt);
    },
  });
  let position = range.to;
  try {
    for await (const rows of pages) {
      const listed = rows.map((row) => ({ row, event: readCallRailEvent('modified', row) }));
      let fed = 0;
      for (const missed of await findMissed(db, company, listed)) {
        signal.throwIfAborted();
        if (await feed(db, company.companyId, missed)) fed += 1;
        await delay(1000 / options.fedPerSecond, undefined, { signal });
      }
      position = positionAfter(listed, position);
      await options.onPage({ listed: rows.length, fed, position });
    }
  } catch (error) {
    if (!(error instanceof CallRailError && error.code === 'rate_limited')) throw error;
    await blockCallRailAccount(db, accountId);
    throw error;
  }
  await unblockCallRailAccount(db, accountId);
}

interface ListedCall {
  row: CallRailCallRow;
  event: CallRailEvent;
}

async function findMissed(db: Database, company: CallRailAccess, listed: ListedCall[]): Promise<ListedCall[]> {
  const ids = listed.flatMap(({ event }) => event.providerCallId ?? []);
  const numbers = listed.flatMap(({ event }) => event.fields.trackingNumber ?? []);
  const [known, owners] = await Promise.all([knownCalls(db, company, ids), numberOwners(db, numbers)]);
  return listed.filter(({ event }) => {
    const call = known.get(event.providerCallId ?? '');
    const listing = {
      numberOwner: owners.get(event.fields.trackingNumber ?? ''),
      providerCompanyIds: event.callrailCompanyIds,
    };
    const ours = { companyId: company.companyId, providerCompanyId: company.callrailCompanyId };
    return call !== undefined && isCallOf(ours, listing) && isMissed(event.fields, call);
  });
}

/** Stores one listed call as an event; it came over the API, so there is no signature. @returns whether it was new */
async function feed(db: Database, companyId: string, { row, event }: ListedCall): Promise<boolean> {
  const { providerCallId } = event;
  if (!providerCallId) return false;
  // A modified event ends its call unless it says that the call goes on.
  const body = isInProgress(event.fields) ? { ...row, call_type: 'in_progress' } : row;
  const stored = await storeEvent(db, {
    source: 'callrail',
    route: 'call.modified',
    body: Buffer.from(JSON.stringify(body)),
    ...addressOf({ ...event, trackingNumber: event.fields.trackingNumber }),
    status: 'pending',
    companyId,
    workflowId: callWorkflowId(companyId, providerCallId),
  });
  return !stored.duplicate;
}

/** The earliest start of a page, while the list goes from new to old; a list in another order is read from its start. */
function positionAfter(listed: ListedCall[], before: Date): Date {
  const starts = listed.flatMap(({ event }) => (event.fields.startedAt ? [Date.parse(event.fields.startedAt)] : []));
  const isNewestFirst = starts.every((start, index) => index === 0 || start <= (starts[index - 1] ?? start));
  const last = starts.at(-1);
  return isNewestFirst && last !== undefined && last < before.getTime() ? new Date(last) : before;
}

/** Whether the same request fails the same way in a few minutes: a person must mend it, or the account must rest. */
export function isLasting(error: unknown): boolean {
  if (error instanceof AccountBusyError) return true;
  if (!(error instanceof CallRailError)) return false;
  return !error.transient || ['unauthorized', 'not_found', 'rate_limited'].includes(error.code);
}

/** What operators read: never a link, key or payload. */
export function reconciliationErrorCode(error: unknown): string {
  if (error instanceof CallRailError) return callRailFailureCode(error.code);
  if (error instanceof AccountBusyError) return 'callrail_account_busy';
  return isDatabaseUnavailable(error) ? 'database' : 'internal';
}
