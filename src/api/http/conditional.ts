/** ETag and If-Match: a change of something that changed meanwhile is refused. */
import type { Context } from 'hono';
import type { Precondition } from '../../services/requester.ts';
import type { ApiEnv } from '../env.ts';
import { ApiError } from './errors.ts';

/** The ETag of a row. Its time alone would do but for two changes within a millisecond. */
export const etagOf = (row: { version?: number; updatedAt: Date }): string =>
  `"${row.version ?? 0}-${row.updatedAt.getTime().toString(36)}"`;

/**
 * Checks If-Match against the row as it is locked now; also takes its `updated_at`, for clients that keep only bodies.
 * @throws {ApiError} 412
 */
export function checkIfMatch(c: Context<ApiEnv>, row: { version?: number; updatedAt: Date }): void {
  const header = c.req.header('if-match')?.trim();
  if (!header || header === '*') return;
  const unquoted = (tag: string) => tag.trim().replace(/^W\//, '').replaceAll('"', '');
  const current = [unquoted(etagOf(row)), row.updatedAt.toISOString()];
  if (!header.split(',').some((tag) => current.includes(unquoted(tag)))) throw new ApiError('stale');
}

/** The request's If-Match as a service checks it, once it has locked the row. */
export const ifMatch =
  (c: Context<ApiEnv>): Precondition =>
  (row) =>
    checkIfMatch(c, row);
