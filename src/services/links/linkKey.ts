/** The key that signs tickets and links: of the configuration, else one that only this installation's database has. */
import { randomBytes } from 'node:crypto';
import { eq } from 'drizzle-orm';
import type { Queryable } from '../../db/client.ts';
import { installationSecrets } from '../../db/schema/index.ts';

const NAME = 'link';

/** Makes a function that answers the key; it is read, or made, once. */
export function createLinkKey(db: Queryable, configured: string | undefined): () => Promise<Uint8Array> {
  let key: Promise<Uint8Array> | undefined;
  return () => {
    key ??= (configured === undefined ? keptSecret(db) : Promise.resolve(configured)).then(
      (secret) => new TextEncoder().encode(secret),
      (error: unknown) => {
        // The database is away: the next one asks again.
        key = undefined;
        throw error;
      },
    );
    return key;
  };
}

/** The first process makes it; the others find it. */
async function keptSecret(db: Queryable): Promise<string> {
  const read = () =>
    db
      .select({ secret: installationSecrets.secret })
      .from(installationSecrets)
      .where(eq(installationSecrets.name, NAME));
  const [kept] = await read();
  if (kept) return kept.secret;
  await db
    .insert(installationSecrets)
    .values({ name: NAME, secret: randomBytes(32).toString('base64url') })
    .onConflictDoNothing();
  const [made] = await read();
  if (!made) throw new Error('the key of links could not be kept');
  return made.secret;
}
