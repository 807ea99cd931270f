/** Takes from the bodies of applied events what a company keeps for some days only. */
import { type SQL, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { parseBodyBytes } from '../../domain/text.ts';
import { withoutCaller, withoutRecording } from '../../providers/callrail/payload.ts';

const REDUCED_TOGETHER = 2000;

/** A callback's result is stored where it belongs; of a call's event stays what the call is folded from. */
export async function reduceEvents(tx: Transaction, companyId: string, due: SQL): Promise<number> {
  const which = sql`company_id = ${companyId} and status = 'applied' and reduced_at is null and received_at < ${due}`;
  return rewriteBodies(tx, which, withoutCaller, sql`now()`);
}

/** A late event folds all events of its call again, and would bring the link back. */
export async function removeRecordingLinks(
  tx: Transaction,
  companyId: string,
  providerCallIds: readonly string[],
): Promise<void> {
  const ofCalls = sql`source = 'callrail' and provider_call_id in ${providerCallIds}`;
  const which = sql`company_id = ${companyId} and status = 'applied' and ${ofCalls}`;
  await rewriteBodies(tx, which, withoutRecording, sql`reduced_at`);
}

/** The hash of the bytes as they came stays: the same event again is still known. */
async function rewriteBodies(
  tx: Transaction,
  which: SQL,
  rewrite: (payload: unknown) => Record<string, unknown>,
  reducedAt: SQL,
): Promise<number> {
  const rows = await tx.execute<{ id: string; source: string; body: string }>(sql`
    select id, source, encode(body, 'base64') as body from webhook_events where ${which}
    order by received_at limit ${REDUCED_TOGETHER} for update skip locked`);
  for (const { id, source, body } of rows) {
    const bytes = Buffer.from(body, 'base64');
    const rest = source === 'callrail' && bytes.length > 0 ? JSON.stringify(rewrite(parseBodyBytes(bytes))) : '';
    const kept = source === 'internal' ? sql`body` : sql`convert_to(${rest}, 'UTF8')`;
    await tx.execute(sql`
      update webhook_events set body = ${kept}, reduced_at = ${reducedAt} where id = ${id}`);
  }
  return rows.length;
}
