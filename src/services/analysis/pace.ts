/** How fast jobs are submitted to Shunya, by all workers together: one row that every submit moves on. */
import { sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import { shunyaPace } from '../../db/schema/index.ts';

/** What is not used within a second is lost. */
const KEPT_SECONDS = 1;
/** Who goes out of turn leaves half of that to those who wait for theirs. */
const SPARE_SECONDS = 0.5;

const SUBMITS = 'submits';

/** Takes the turn of a submit that has waited in its queue. @returns seconds until it has come */
export async function takeTurn(db: Database, maxPerSecond: number): Promise<number> {
  const [turn] = await db
    .insert(shunyaPace)
    .values({ name: SUBMITS, nextAt: sql`now()` })
    .onConflictDoUpdate({ target: shunyaPace.name, set: { nextAt: moved(maxPerSecond) } })
    .returning({ seconds: sql<number>`extract(epoch from ${shunyaPace.nextAt} - now())::float8` });
  return Math.max(0, turn?.seconds ?? 0);
}

/** Takes a turn now, where so few submits are under way that nobody waits for it. @returns false where there is none to spare */
export async function takeSpareTurn(db: Database, maxPerSecond: number): Promise<boolean> {
  const spare = await db
    .insert(shunyaPace)
    .values({ name: SUBMITS, nextAt: sql`now()` })
    .onConflictDoUpdate({
      target: shunyaPace.name,
      set: { nextAt: moved(maxPerSecond) },
      setWhere: sql`${shunyaPace.nextAt} <= now() - make_interval(secs => ${SPARE_SECONDS})`,
    })
    .returning({ name: shunyaPace.name });
  return spare.length > 0;
}

const moved = (maxPerSecond: number) =>
  sql`greatest(${shunyaPace.nextAt}, now() - make_interval(secs => ${KEPT_SECONDS})) + make_interval(secs => ${1 / maxPerSecond})`;
