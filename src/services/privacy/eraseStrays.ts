/** Raw events of a person that never became part of a call: unrouted, invalid, rejected. No call leads to them. */
import { and, eq, inArray, isNull, or, type SQL, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { isStray, webhookEvents } from '../../db/schema/webhookEvents.ts';
import { phoneForms } from '../../domain/phone.ts';

/** The company's, and those that belong to nobody yet. */
const inReach = (companyId: string): SQL | undefined =>
  and(isStray(webhookEvents), or(eq(webhookEvents.companyId, companyId), isNull(webhookEvents.companyId)));

/** Deletes events that name one of some calls; those of the company that took effect are deleted with the call. */
export async function eraseStraysOfCalls(tx: Transaction, companyId: string, providerCallIds: string[]): Promise<void> {
  await tx.delete(webhookEvents).where(and(inReach(companyId), inArray(webhookEvents.providerCallId, providerCallIds)));
}

/** Digits that a number has however it is spelled: without its country's, where that is one digit. */
const OWN_DIGITS = 10;
/** Digits at the end that no spelling separates. */
const LAST_DIGITS = 4;

/** Deletes events that name a phone number as who called, or anywhere in a body in which no caller could be read. */
export async function eraseStraysOfPhone(tx: Transaction, companyId: string, phoneNumber: string): Promise<void> {
  const digits = phoneNumber.replace(/\D/g, '').slice(-OWN_DIGITS);
  const { body, callerNumber } = webhookEvents;
  // The cheap test first: only bodies that hold the end of the number are searched for all of it.
  const isMentioned = sql`case when position(convert_to(${digits.slice(-LAST_DIGITS)}, 'UTF8') in ${body}) = 0 then false
    else position(${digits}::text in regexp_replace(encode(${body}, 'escape'), '\\D', '', 'g')) > 0 end`;
  await tx
    .delete(webhookEvents)
    .where(
      and(
        inReach(companyId),
        or(inArray(callerNumber, [...phoneForms(phoneNumber)]), and(isNull(callerNumber), isMentioned)),
      ),
    );
}
