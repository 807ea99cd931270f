/** Brings a contact's follow-up to what their calls say. */
import { randomUUID } from 'node:crypto';
import { and, eq, inArray, type SQL, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { locking, takeLock } from '../../db/locks.ts';
import { followUps } from '../../db/schema/index.ts';
import { ACTIVE_FOLLOW_UP_STATUSES, FOLLOW_UP_DUE_HOURS, type FollowUpKind } from '../../domain/followUp.ts';
import { announce } from '../deliveries/announce.ts';

interface Found extends Record<string, unknown> {
  /** The call that asks for a follow-up, if one does. */
  callId: string | null;
  leadId: string | null;
  kind: FollowUpKind | null;
  calledAt: string | null;
  hasNumber: boolean;
  /** Whether a person has closed a follow-up of this very call. */
  isHandled: boolean;
  /** The newest conversation. */
  talkId: string | null;
  talkedAt: string | null;
  /** The follow-up that is open. */
  openId: string | null;
  openKind: FollowUpKind | null;
  openCallId: string | null;
}

/**
 * Opens, moves or closes the follow-up of a contact, in the transaction that changed one of their calls, their lead or
 * their appointments. A missed call opens one unless somebody has spoken to the caller since; a conversation closes it; a
 * qualified caller who did not book opens one of kind unbooked. What a person closed stays closed. Harmless to repeat.
 */
export async function refreshFollowUp(tx: Transaction, contact: { companyId: string; id: string }): Promise<void> {
  await takeLock(tx, lockingFollowUp(contact.id));
  await refreshLockedFollowUp(tx, contact);
}

/**
 * Takes the lock of the refresh, in a statement that does something else as well. Two calls of one caller at once: the second
 * sees what the first wrote.
 */
export const lockingFollowUp = (contactId: string): SQL => locking('follow-up', contactId);

/** The same refresh after a statement that has taken its lock. */
export async function refreshLockedFollowUp(
  tx: Transaction,
  contact: { companyId: string; id: string },
): Promise<void> {
  const [found] = await tx.execute<Found>(readContact(contact));
  if (!found) return;
  const { callId, kind, leadId, calledAt } = found;
  const wants = callId !== null && kind !== null && leadId !== null && calledAt !== null;
  // A conversation after which the caller is to be called again is a new matter.
  const goesOn = wants && found.openKind !== null && (kind === 'unbooked') === (found.openKind === 'unbooked');
  if (found.openId !== null && !goesOn) await close(tx, contact.companyId, found.openId, found);
  if (!wants || (!found.hasNumber && kind !== 'voicemail')) return;
  if (goesOn && found.openId !== null) {
    if (found.openCallId === callId && found.openKind === kind) return;
    await tx
      .update(followUps)
      .set({ callId, leadId, kind, version: sql`${followUps.version} + 1`, updatedAt: sql`now()` })
      .where(eq(followUps.id, found.openId));
    return;
  }
  if (found.isHandled) return;
  const id = randomUUID();
  await tx.insert(followUps).values({
    id,
    companyId: contact.companyId,
    contactId: contact.id,
    leadId,
    callId,
    kind,
    calledAt: new Date(calledAt),
    dueAt: new Date(Date.parse(calledAt) + FOLLOW_UP_DUE_HOURS * 3_600_000),
  });
  await announce(tx, { companyId: contact.companyId, type: 'follow_up.opened', subjectId: id });
}

async function close(tx: Transaction, companyId: string, id: string, { talkId, talkedAt }: Found): Promise<void> {
  const closedAt = talkedAt === null ? sql`now()` : new Date(talkedAt);
  const [closed] = await tx
    .update(followUps)
    .set({
      status: 'done',
      closedByCallId: talkId,
      closedAt,
      version: sql`${followUps.version} + 1`,
      updatedAt: sql`now()`,
    })
    .where(and(eq(followUps.id, id), inArray(followUps.status, [...ACTIVE_FOLLOW_UP_STATUSES])))
    .returning({ id: followUps.id });
  if (closed) await announce(tx, { companyId, type: 'follow_up.closed', subjectId: id });
}

/** All that decides, in one query. The calls of a contact are few and lie in one index. */
const readContact = ({ id, companyId }: { id: string; companyId: string }) => sql`
  with talk as (
    select calls.id, started_at, lead_id, qualification, booking_status from calls
    where contact_id = ${id} and status = 'completed' and answered and not spam
    order by started_at desc, calls.id desc limit 1
  ), missed as (
    select calls.id, lead_id, status as kind, started_at,
      min(started_at) over () as first_at
    from calls
    where contact_id = ${id} and direction = 'inbound' and not spam and status in ('missed', 'abandoned', 'voicemail')
      and booking_status is distinct from 'booked'
      and started_at > coalesce((select started_at from talk), '-infinity')
    order by started_at desc, calls.id desc limit 1
  ), unbooked as (
    select talk.id, talk.lead_id, 'unbooked' as kind, talk.started_at, talk.started_at as first_at
    from talk join leads on leads.id = talk.lead_id
    where not exists (select 1 from missed)
      and talk.qualification in ('hot', 'warm', 'cold') and talk.booking_status = 'not_booked'
      and leads.status in ('new', 'hot', 'warm', 'cold')
      and not exists (select 1 from appointments where appointments.lead_id = talk.lead_id
        and appointments.status in ('scheduled', 'confirmed'))
  ), wanted as (select * from missed union all select * from unbooked),
  active as (select id, kind, call_id from follow_ups where contact_id = ${id} and status in ('open', 'claimed'))
  select wanted.id as "callId", wanted.lead_id as "leadId", wanted.kind,
    to_char(wanted.first_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "calledAt",
    contact_cards.phone_number is not null as "hasNumber",
    exists (select 1 from follow_ups as each where each.call_id = wanted.id and each.status in ('done', 'dismissed')
      and (each.kind = 'unbooked') = (wanted.kind = 'unbooked') and each.closed_by is not null) as "isHandled",
    talk.id as "talkId",
    to_char(talk.started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "talkedAt",
    active.id as "openId", active.kind as "openKind", active.call_id as "openCallId"
  from contact_cards
  left join talk on true left join wanted on true left join active on true
  where contact_cards.id = ${id} and contact_cards.company_id = ${companyId}`;
