/**
 * Idempotency-Key: the same key and body get the same answer. The answer is stored in the transaction of the effect, so
 * neither is ever there without the other; a crash leaves no trace, and a second request waits for the first's commit.
 */
import { createHash } from 'node:crypto';
import { and, eq } from 'drizzle-orm';
import type { Context } from 'hono';
import type { Database, Queryable, Transaction } from '../../db/client.ts';
import { isLockTimeout } from '../../db/errors.ts';
import { idempotencyKeys } from '../../db/schema/index.ts';
import type { ApiEnv } from '../env.ts';
import { ApiError, invalidField, problemOf, toApiError } from './errors.ts';
import type { Actor } from './permissions.ts';

/** What a route answered, as it is stored. */
export interface Answer {
  status: number;
  body: unknown;
  etag: string | null;
}

export const IDEMPOTENCY_KEY = /^[!-~][ -~]{0,254}$/;

interface Request {
  c: Context<ApiEnv>;
  actor: Actor;
  rawBody: string;
}

/**
 * Runs a creating handler in a transaction; with an Idempotency-Key, at most once per company, user, route and key.
 * @returns its answer, or the stored one. Answers of 5xx are thrown and not stored
 */
export async function answerOnce(
  db: Database,
  request: Request,
  run: (tx: Transaction) => Promise<Answer>,
): Promise<Answer> {
  const key = request.c.req.header('idempotency-key');
  if (key === undefined) return db.transaction(run);
  if (!IDEMPOTENCY_KEY.test(key)) throw invalidField('Idempotency-Key', 'must be 1 to 255 printable ASCII characters');
  const row = rowOf(request, key);
  try {
    return await db.transaction(async (tx) => {
      const stored = await claim(tx, row);
      if (stored) return replay(stored, row, request.c);
      const answer = await run(tx);
      await tx
        .update(idempotencyKeys)
        .set({ status: answer.status, answer: { body: answer.body, etag: answer.etag } })
        .where(isRow(row));
      return answer;
    });
  } catch (error) {
    return storeRefusal(db, row, request.c, error);
  }
}

type KeyRow = ReturnType<typeof rowOf>;

function rowOf({ c, actor, rawBody }: Request, key: string) {
  return {
    companyId: actor.companyId ?? '',
    userId: actor.userId,
    route: `${c.req.method} ${c.req.path}`,
    key,
    bodySha256: createHash('sha256').update(rawBody).digest('hex'),
  };
}

const isRow = (row: KeyRow) =>
  and(
    eq(idempotencyKeys.companyId, row.companyId),
    eq(idempotencyKeys.userId, row.userId),
    eq(idempotencyKeys.route, row.route),
    eq(idempotencyKeys.key, row.key),
  );

/** Takes the key, waiting for a first request that is under way; or finds its stored row. */
async function claim(tx: Queryable, row: KeyRow) {
  const inserted = await insertKey(tx, row);
  if (inserted) return undefined;
  const [stored] = await tx
    .select({
      bodySha256: idempotencyKeys.bodySha256,
      status: idempotencyKeys.status,
      answer: idempotencyKeys.answer,
    })
    .from(idempotencyKeys)
    .where(isRow(row));
  if (!stored) throw new ApiError('idempotency_in_progress');
  return stored;
}

async function insertKey(tx: Queryable, row: KeyRow): Promise<boolean> {
  try {
    const inserted = await tx
      .insert(idempotencyKeys)
      .values(row)
      .onConflictDoNothing()
      .returning({ key: idempotencyKeys.key });
    return inserted.length > 0;
  } catch (error) {
    if (isLockTimeout(error)) throw new ApiError('idempotency_in_progress', { cause: error });
    throw error;
  }
}

type StoredRow = NonNullable<Awaited<ReturnType<typeof claim>>>;

function replay(stored: StoredRow, row: KeyRow, c: Context<ApiEnv>): Answer {
  if (stored.bodySha256 !== row.bodySha256) throw new ApiError('idempotency_key_reused');
  if (stored.status === null) throw new ApiError('idempotency_in_progress');
  c.header('Idempotency-Replayed', 'true');
  const { body, etag } = stored.answer as Pick<Answer, 'body' | 'etag'>;
  return { status: stored.status, body, etag };
}

/** A refusal (4xx) rolled its transaction back; it is an answer all the same, and a repeat must get it again. */
async function storeRefusal(db: Database, row: KeyRow, c: Context<ApiEnv>, error: unknown): Promise<never> {
  const refusal = toApiError(error);
  const isOwn = refusal.code !== 'idempotency_key_reused' && refusal.code !== 'idempotency_in_progress';
  if (refusal.status < 500 && isOwn) {
    const answer = { body: problemOf(refusal, c), etag: null };
    await db
      .insert(idempotencyKeys)
      .values({ ...row, status: refusal.status, answer })
      .onConflictDoNothing();
  }
  throw error;
}
