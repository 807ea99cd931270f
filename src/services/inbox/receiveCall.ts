/** Takes CallRail's webhooks: whose each is, whether it is genuine, and one committed row. Those that come together share statements. */
import type { Config } from '../../config/config.ts';
import type { Database } from '../../db/client.ts';
import { isDatabaseUnavailable } from '../../db/errors.ts';
import type { CallEventKind } from '../../domain/call.ts';
import { isStray } from '../../domain/webhookEvent.ts';
import { callWorkflowId } from '../../domain/workflowIds.ts';
import { type CallRailAddress, readCallerNumber, readCallRailAddress } from '../../providers/callrail/payload.ts';
import { verifyCallRailSignature } from '../../providers/callrail/signature.ts';
import { inBatches } from '../../runtime/batches.ts';
import {
  addressOf,
  type CallAddress,
  type CallOwner,
  callRoutedAs,
  findCallOwners,
  lockCompanyAgainstRemoval,
  routeCall,
  whyInvalid,
} from './routeCall.ts';
import {
  type BatchedEvent,
  type BatchedOutcome,
  boundBody,
  type StoredEvent,
  sha256,
  storeEvent,
  storeEvents,
} from './store.ts';
import { type ExpectedEvent, type ExpectedOwner, storeExpected } from './storeExpected.ts';

export interface ReceivedCall {
  kind: CallEventKind;
  body: Buffer;
  /** The body's JSON. */
  payload: unknown;
  /** Well-formed; null where the header has none that is. */
  signature: string | null;
}

export interface CallReceiver {
  /** Answers once the event is committed; its status says what became of it. A rejected one is none of ours to answer for. */
  receive(received: ReceivedCall): Promise<StoredEvent>;
}

/** Numbers whose company is remembered; there are fewer. */
const EXPECTED_MAX = 20_000;

/** In each statement: what comes together is bounded so that one answer never waits for many large bodies. */
const TOGETHER = {
  maxItems: 64,
  maxWeight: 2 * 1024 * 1024,
  slowMs: 100,
  maxAtOnce: 4,
  isWorthSplitting: (error: unknown) => !isDatabaseUnavailable(error),
};

/** Makes the one receiver of a process; `onStray` hears of every stored event that takes no effect for now. */
export function createCallReceiver(deps: {
  db: Database;
  config: Pick<Config, 'allowUnsignedCallrail'>;
  onStray: (bytes: number) => void;
}): CallReceiver {
  const { db, config, onStray } = deps;
  const ownersOf = inBatches<CallAddress, CallOwner[]>((addresses) => findCallOwners(db, addresses), {
    ...TOGETHER,
    weigh: () => 0,
  });
  const store = inBatches<BatchedEvent, BatchedOutcome>((events) => storeEvents(db, events), {
    ...TOGETHER,
    weigh: ({ body }) => body.length,
  });

  const storeAsExpected = inBatches<ExpectedEvent, string | null>((events) => storeExpected(db, events), {
    ...TOGETHER,
    weigh: ({ body }) => body.length,
  });
  const expected = new Map<string, ExpectedOwner>();
  const expect = (trackingNumber: string, { companyId, keys }: CallOwner) => {
    if (expected.size >= EXPECTED_MAX) expected.clear();
    expected.set(trackingNumber, { companyId, trackingNumber, keys });
  };

  return {
    async receive(received) {
      // The rest is read by the fold: an answer waits for no more than it needs.
      const read = readCallRailAddress(received.payload);
      const address = addressOf(read);
      const owner = read.trackingNumber === undefined ? undefined : expected.get(read.trackingNumber);
      const event = owner && expectedEvent(received, read, owner);
      const eventId = event && (await storeAsExpected(event));
      if (eventId) return { id: eventId, status: 'pending', reason: null, duplicate: false };

      const bodySha256 = sha256(received.body);
      for (;;) {
        const owners = await ownersOf(address);
        const route = routeReceived(received, address, owners, config);
        const numbered = owners.find(({ hasNumber }) => hasNumber);
        if (route.decision === 'accepted' && numbered?.companyId === route.companyId && read.trackingNumber)
          expect(read.trackingNumber, numbered);
        const routed = callRoutedAs(route, { ...address, invalidReason: whyInvalid(read) }, owners);
        const event = { ...eventOf(received, address, routed), bodySha256 };
        const outcome = await store(event);
        const stored = outcome === 'company_unavailable' ? await storeAfterRemoval(db, event) : outcome;
        // Its company was removed between the two statements: whose it is now is looked up again.
        if (stored === 'removed') continue;
        if (!stored.duplicate && isStray(stored.status)) onStray(event.body.length);
        return stored;
      }
    },
  };
}

/** The event as it is to be stored if its number is still whose it was; undefined where it does not verify, or is no call's. */
function expectedEvent(
  { kind, body, signature }: ReceivedCall,
  read: CallRailAddress,
  owner: ExpectedOwner,
): ExpectedEvent | undefined {
  const { providerCallId } = read;
  if (providerCallId === undefined || signature === null || whyInvalid(read)) return undefined;
  if (!verifyCallRailSignature(body, [signature], owner.keys)) return undefined;
  return {
    owner,
    route: `call.${kind}`,
    body,
    signature,
    providerCallId,
    callrailCompanyId: read.callrailCompanyIds[0] ?? null,
    callrailCompanyAlias: read.callrailCompanyIds[1] ?? null,
    workflowId: callWorkflowId(owner.companyId, providerCallId),
  };
}

/** Without a call's id an event can start nothing, but whose it is, and whether it is genuine, is told apart all the same. */
const routeReceived = (
  { body, signature }: ReceivedCall,
  address: CallAddress,
  owners: readonly CallOwner[],
  config: Pick<Config, 'allowUnsignedCallrail'>,
) => routeCall(owners, { address, body, signatures: signature ? [signature] : [] }, config);

/** The row of it. Who called is written beside the body only where no call leads to it. */
function eventOf(
  { kind, body, payload, signature }: ReceivedCall,
  address: CallAddress,
  routed: ReturnType<typeof callRoutedAs>,
) {
  const callerNumber = isStray(routed.status) ? (readCallerNumber(payload) ?? null) : null;
  return boundBody({
    source: 'callrail' as const,
    route: `call.${kind}`,
    body,
    signature,
    callerNumber,
    ...address,
    ...routed,
  });
}

/** Waits while its company is being removed, alone: stored if the company stays after all. */
async function storeAfterRemoval(db: Database, event: BatchedEvent): Promise<StoredEvent | 'removed'> {
  const { companyId } = event;
  if (!companyId) return 'removed';
  return db.transaction(async (tx) =>
    (await lockCompanyAgainstRemoval(tx, companyId)) ? storeEvent(tx, event, event.bodySha256) : 'removed',
  );
}
