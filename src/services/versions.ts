import { type SQL, sql } from 'drizzle-orm';

/** Now, and in any case later than before: the time is what If-Match compares of rows without a version. */
export const nextUpdatedAt = (updatedAt: unknown): SQL => sql`greatest(now(), ${updatedAt} + interval '1 millisecond')`;
