import { sql } from 'drizzle-orm';
import type { Queryable } from '../../db/client.ts';
import { timeZoneNames } from '../../domain/timeZone.ts';
import { refuseField } from '../refusal.ts';

/**
 * The name under which a company's time zone is stored: one that the database knows as well. Postgres takes the zones of
 * its system, and not every system has the former names.
 */
export async function requireTimeZone(db: Queryable, given: string): Promise<string> {
  const names = timeZoneNames(given);
  const wanted = JSON.stringify(names.map((name) => name.toLowerCase()));
  const known = await db.execute<{ name: string }>(
    sql`select name from pg_timezone_names where ${wanted}::jsonb ? lower(name)`,
  );
  for (const name of names) {
    const found = known.find((zone) => zone.name.toLowerCase() === name.toLowerCase());
    if (found) return found.name;
  }
  throw refuseField('time_zone', 'is no time zone that the database knows: name a place, like America/New_York');
}
