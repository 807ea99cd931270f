/**
 * Idempotency-Key: the same key and body get the same answer. The answer is stored in the transaction of the effect, so
 * neither is ever there without the other; a crash leaves no trace, and a second request waits for the first's commit.
 */
import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import type { Database, Transaction } from '../../db/client.ts';
import { claimKey, keepAnswer, keepRefusal, type RequestKey, type StoredAnswer } from '../../services/idempotency.ts';
import type { ApiEnv } from '../env.ts';
import { invalidField, problemOf, toApiError } from './errors.ts';
import type { Actor } from './permissions.ts';

/** What a route answered. */
export type Answer = StoredAnswer;

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
  const requestKey = keyOf(request, key);
  try {
    return await db.transaction(async (tx) => {
      const stored = await claimKey(tx, requestKey);
      if (stored) {
        request.c.header('Idempotency-Replayed', 'true');
        return stored;
      }
      const answer = await run(tx);
      await keepAnswer(tx, requestKey, answer);
      return answer;
    });
  } catch (error) {
    const refusal = toApiError(error);
    const isAboutKey = refusal.code === 'idempotency_key_reused' || refusal.code === 'idempotency_in_progress';
    if (refusal.status < 500 && !isAboutKey)
      await keepRefusal(db, requestKey, { status: refusal.status, body: problemOf(refusal, request.c), etag: null });
    throw error;
  }
}

const keyOf = ({ c, actor, rawBody }: Request, key: string): RequestKey => ({
  companyId: actor.companyId ?? '',
  userId: actor.userId,
  route: `${c.req.method} ${c.req.path}`,
  key,
  bodySha256: createHash('sha256').update(rawBody).digest('hex'),
});
