/** Keys of requests that were answered, with the answer: written in the transaction of the effect, so that neither is there alone. */
import { and, eq, sql } from 'drizzle-orm';
import type { Database, Queryable, Transaction } from '../db/client.ts';
import { isLockTimeout } from '../db/errors.ts';
import { idempotencyKeys } from '../db/schema/index.ts';
import { Refusal } from './refusal.ts';

/** Far longer than any client repeats a request; answers hold people's data and are not kept for longer than they serve. */
export const IDEMPOTENCY_KEPT_DAYS = 30;

/** One request: a key counts for one company, user and route. */
export interface RequestKey {
  companyId: string;
  userId: string;
  route: string;
  key: string;
  bodySha256: string;
}

/** What a request was answered with. */
export interface StoredAnswer {
  status: number;
  body: unknown;
  etag: string | null;
}

/**
 * Takes the key of a request, waiting for a first one that is under way.
 * @returns undefined where the request is the first; else the answer that the first one got
 */
export async function claimKey(tx: Transaction, request: RequestKey): Promise<StoredAnswer | undefined> {
  if (await insertKey(tx, request)) return undefined;
  const [stored] = await tx
    .select({
      bodySha256: idempotencyKeys.bodySha256,
      status: idempotencyKeys.status,
      answer: idempotencyKeys.answer,
    })
    .from(idempotencyKeys)
    .where(isRequest(request));
  if (!stored) throw new Refusal('idempotency_in_progress');
  if (stored.bodySha256 !== request.bodySha256) throw new Refusal('idempotency_key_reused');
  if (stored.status === null) throw new Refusal('idempotency_in_progress');
  return { status: stored.status, ...(stored.answer as Omit<StoredAnswer, 'status'>) };
}

async function insertKey(tx: Transaction, request: RequestKey): Promise<boolean> {
  try {
    const inserted = await tx
      .insert(idempotencyKeys)
      .values(request)
      .onConflictDoNothing()
      .returning({ key: idempotencyKeys.key });
    return inserted.length > 0;
  } catch (error) {
    if (isLockTimeout(error)) throw new Refusal('idempotency_in_progress', { cause: error });
    throw error;
  }
}

/** Keeps the answer of a request whose key was claimed in this transaction. */
export async function keepAnswer(tx: Transaction, request: RequestKey, answer: StoredAnswer): Promise<void> {
  const { status, body, etag } = answer;
  await tx.update(idempotencyKeys).set({ status, answer: { body, etag } }).where(isRequest(request));
}

/** Keeps a refusal: it rolled the claim of its key back, and a repeat must get it again. */
export async function keepRefusal(db: Database, request: RequestKey, answer: StoredAnswer): Promise<void> {
  const { status, body, etag } = answer;
  await db
    .insert(idempotencyKeys)
    .values({ ...request, status, answer: { body, etag } })
    .onConflictDoNothing();
}

const isRequest = (request: RequestKey) =>
  and(
    eq(idempotencyKeys.companyId, request.companyId),
    eq(idempotencyKeys.userId, request.userId),
    eq(idempotencyKeys.route, request.route),
    eq(idempotencyKeys.key, request.key),
  );

/** Forgets old answers, some at a time. @returns how many */
export async function pruneIdempotencyKeys(db: Queryable): Promise<number> {
  const rows = await db.execute(sql`
    delete from idempotency_keys where ctid in (
      select ctid from idempotency_keys
      where created_at < now() - make_interval(days => ${IDEMPOTENCY_KEPT_DAYS}) limit 1000)
    returning 1`);
  return rows.length;
}
