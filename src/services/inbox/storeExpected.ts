/**
 * The usual event is stored in one statement: it names a number whose company and keys were looked up before, which is
 * where it is expected to belong. The statement stores it only if that still holds, so nothing remembered is ever trusted.
 */
import { randomUUID } from 'node:crypto';
import type { Database } from '../../db/client.ts';
import { arrayLiteral, byteaArrayLiteral } from './arrayLiterals.ts';

/** Whose a number was when it was looked up, and the keys of that company. */
export interface ExpectedOwner {
  companyId: string;
  trackingNumber: string;
  keys: readonly string[];
}

/** An event that its owner's key verified. */
export interface ExpectedEvent {
  owner: ExpectedOwner;
  route: string;
  body: Buffer;
  signature: string;
  providerCallId: string;
  callrailCompanyId: string | null;
  callrailCompanyAlias: string | null;
  workflowId: string;
}

/**
 * Stores what is as expected: the number is still that company's and the keys are still its keys, the company is not just
 * being removed, the call is not known to another company and was not deleted, and the same event is not there already.
 * @returns the id of each stored event; null where something else is the case, and has to be looked up
 */
export async function storeExpected(db: Database, events: readonly ExpectedEvent[]): Promise<(string | null)[]> {
  const owners = [...new Set(events.map(({ owner }) => owner))];
  const ids = events.map(() => randomUUID());
  const column = (read: (event: ExpectedEvent) => string | null) => arrayLiteral(events.map(read));
  const { count } = await db.$client.unsafe(
    INSERT,
    [
      arrayLiteral(owners.map(({ companyId }) => companyId)),
      arrayLiteral(owners.map(({ trackingNumber }) => trackingNumber)),
      arrayLiteral(owners.map(({ keys }) => arrayLiteral(keys))),
      `{${events.map(({ owner }) => owners.indexOf(owner) + 1).join(',')}}`,
      `{${ids.join(',')}}`,
      column(({ route }) => route),
      byteaArrayLiteral(events.map(({ body }) => body)),
      column(({ signature }) => signature),
      column(({ providerCallId }) => providerCallId),
      column(({ callrailCompanyId }) => callrailCompanyId),
      column(({ callrailCompanyAlias }) => callrailCompanyAlias),
      column(({ workflowId }) => workflowId),
    ],
    { prepare: true },
  );
  if (count === ids.length) return ids;
  const stored = await db.$client.unsafe<{ id: string }[]>(
    'select id from webhook_events where id = any($1::text[])',
    [`{${ids.join(',')}}`],
    { prepare: true },
  );
  const found = new Set(stored.map(({ id }) => id));
  return ids.map((id) => (found.has(id) ? id : null));
}

const INSERT = `
  with owner as (
    select o.n, o.number, company.id
    from unnest($1::text[], $2::text[], $3::text[]) with ordinality as o(company_id, number, keys, n)
    join companies company on company.id = o.company_id and company.callrail_signing_keys = o.keys::text[]
    where exists (select 1 from tracking_numbers t where t.phone_number = o.number and t.company_id = o.company_id)
    for key share of company skip locked
  )
  insert into webhook_events (id, source, route, company_id, status, body, body_sha256, signature, provider_call_id,
    tracking_number, callrail_company_id, callrail_company_alias, workflow_id)
  select e.id, 'callrail', e.route, owner.id, 'pending', e.body, encode(sha256(e.body), 'hex'), e.signature, e.call,
    owner.number, e.callrail_id, e.callrail_alias, e.workflow
  from unnest($4::int[], $5::text[], $6::text[], $7::bytea[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[])
    with ordinality as e(owner, id, route, body, signature, call, callrail_id, callrail_alias, workflow, n)
  join owner on owner.n = e.owner
  where not exists (select 1 from calls c where c.provider_call_id = e.call and c.company_id <> owner.id)
    and not exists (select 1 from webhook_events w where w.provider_call_id = e.call and w.company_id <> owner.id
      and w.status in ('pending', 'dispatched', 'applied'))
    and not exists (select 1 from call_tombstones t where t.company_id = owner.id and t.provider_call_id = e.call)
  order by e.n
  on conflict do nothing`;
