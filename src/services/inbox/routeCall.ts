/** Which company a CallRail event belongs to: the candidates are looked up, and a pure rule decides. */
import { eq, sql } from 'drizzle-orm';
import type { Queryable } from '../../db/client.ts';
import { executePrepared } from '../../db/prepared.ts';
import { companies } from '../../db/schema/index.ts';
import { type CallRoute, decideRoute } from '../../domain/callRoute.ts';
import { callWorkflowId } from '../../domain/workflowIds.ts';
import type { CallRailAddress } from '../../providers/callrail/payload.ts';
import { verifyCallRailSignature } from '../../providers/callrail/signature.ts';
import { REDACTED } from './redacted.ts';

/** What of a CallRail event decides where it goes; stored with it, so that it can be routed again without its body. */
export interface CallAddress {
  providerCallId: string | null;
  /** E.164 */
  trackingNumber: string | null;
  callrailCompanyId: string | null;
  callrailCompanyAlias: string | null;
}

export const addressOf = (event: CallRailAddress): CallAddress => ({
  providerCallId: event.providerCallId ?? null,
  trackingNumber: event.trackingNumber ?? null,
  callrailCompanyId: event.callrailCompanyIds[0] ?? null,
  callrailCompanyAlias: event.callrailCompanyIds[1] ?? null,
});

/** Why a CallRail event can take no effect, as a code; null where it can. A person may still find it in the inbox. */
export function whyInvalid({
  notACall,
  providerCallId,
}: Pick<CallRailAddress, 'notACall' | 'providerCallId'>): string | null {
  if (notACall && notACall !== 'unknown') return `not_a_call:${notACall}`;
  if (providerCallId === undefined) return 'no_call_id';
  return notACall ? 'not_a_call' : null;
}

/** A company that an event could belong to. */
export interface CallOwner {
  companyId: string;
  keys: string[];
  hasNumber: boolean;
  hasCallrailId: boolean;
  knowsCall: boolean;
  /** A person had this call of it deleted. */
  isCallDeleted: boolean;
}

/** Candidates per event; a call id that more companies share identifies nothing. */
const OWNERS_MAX = 20;

/**
 * The companies that each of some events could belong to, in one query. Each is found by an index, whatever else is
 * stored, and no body is read.
 */
export async function findCallOwners(db: Queryable, addresses: readonly CallAddress[]): Promise<CallOwner[][]> {
  const events = addresses.map((address, n) => ({
    n,
    call: address.providerCallId,
    number: address.trackingNumber,
    id: address.callrailCompanyId,
    alias: address.callrailCompanyAlias,
  }));
  const rows = await executePrepared<CallOwner & { n: number }>(
    db,
    sql`
    select event.n, company.id as "companyId", to_json(company.callrail_signing_keys) as keys,
      bool_or(found.by = 'number') as "hasNumber", bool_or(found.by = 'company') as "hasCallrailId",
      bool_or(found.by = 'call') as "knowsCall",
      exists (select 1 from call_tombstones t
        where t.company_id = company.id and t.provider_call_id = event.call) as "isCallDeleted"
    from json_to_recordset(${JSON.stringify(events)}::text::json)
      as event(n int, call text, number text, id text, alias text)
    cross join lateral (
      (select 'number' as by, company_id from tracking_numbers where phone_number = event.number limit 1)
      union all (select 'company', id from companies where callrail_company_id = event.id limit 1)
      union all (select 'company', id from companies where callrail_company_id = event.alias limit 1)
      union all (select 'call', company_id from calls where provider_call_id = event.call limit ${sql.raw(String(OWNERS_MAX))})
      union all (select distinct 'call', company_id from webhook_events
        where provider_call_id = event.call and status in ('pending', 'dispatched', 'applied') limit ${sql.raw(String(OWNERS_MAX))})
    ) found
    join companies company on company.id = found.company_id
    group by event.n, event.call, company.id`,
  );
  const owners: CallOwner[][] = addresses.map(() => []);
  for (const { n, ...owner } of rows) owners[n]?.push(owner);
  return owners;
}

/** Decides among the owners of one event; its body is hashed once per key. */
export function routeCall(
  owners: readonly CallOwner[],
  event: { address: CallAddress; body: Uint8Array; signatures: readonly string[] },
  config: { allowUnsignedCallrail: boolean },
): CallRoute {
  const candidates = owners.map(({ keys, ...owner }) => ({
    ...owner,
    hasKeys: keys.length > 0,
    isSigned: verifyCallRailSignature(event.body, event.signatures, keys),
  }));
  return decideRoute(candidates, {
    namesCompany: event.address.trackingNumber !== null || event.address.callrailCompanyId !== null,
    allowUnsigned: config.allowUnsignedCallrail,
  });
}

/** What becomes of an event, as its row says it. @param event the call it names, and why it can take no effect */
export function callRoutedAs(
  route: CallRoute,
  { providerCallId, invalidReason }: { providerCallId: string | null; invalidReason: string | null },
  owners: readonly CallOwner[],
) {
  if (route.decision === 'rejected')
    return { status: 'rejected' as const, reason: route.reason, companyId: route.companyId };
  const ofCompany = route.decision === 'accepted' ? { companyId: route.companyId } : undefined;
  if (invalidReason || !providerCallId) return { status: 'invalid' as const, reason: invalidReason, ...ofCompany };
  if (!ofCompany) return { status: 'unrouted' as const, reason: 'unknown_number' };
  const { companyId } = ofCompany;
  const accepted = { companyId, workflowId: callWorkflowId(companyId, providerCallId) };
  const isDeleted = owners.some((owner) => owner.companyId === companyId && owner.isCallDeleted);
  if (isDeleted) return { ...accepted, ...REDACTED, appliedAt: new Date() };
  return { ...accepted, status: 'pending' as const, reason: null, callerNumber: null };
}

/**
 * Holds a company until the transaction ends: whoever removes it waits, and then removes what was stored of it too.
 * @returns false where it is gone
 */
export async function lockCompanyAgainstRemoval(tx: Queryable, companyId: string): Promise<boolean> {
  const locked = await tx
    .select({ id: companies.id })
    .from(companies)
    .where(eq(companies.id, companyId))
    .for('key share');
  return locked.length > 0;
}
