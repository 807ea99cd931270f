/** What is opened by a link leaves an audit entry, once for each link; for a recording that entry is the listening too. */
import { and, eq, sql } from 'drizzle-orm';
import type { Queryable } from '../../db/client.ts';
import { auditLog } from '../../db/schema/index.ts';
import { auditOnce } from '../audit.ts';

/** Who began to listen within the link's life may go on and seek for this long: longer than any call is. */
const LISTENING_SECONDS = 4 * 3600;
const OPENED = 'recording.open';

interface OpenedLink {
  id: string;
  expiresAt: Date;
  isExpired: boolean;
  content: { companyId: string; callId: string; userId: string; role: string };
}

/**
 * Opens a recording, or goes on with it.
 * @returns whether it may be heard: the link still lives, or it was opened while it did, not too long ago
 */
export async function openRecording(db: Queryable, link: OpenedLink): Promise<boolean> {
  const { companyId, callId, userId, role } = link.content;
  if (!link.isExpired) {
    const actor = { userId, role };
    await auditOnce(db, link.id, { actor, companyId }, { action: OPENED, subject: { kind: 'call', id: callId } });
    return true;
  }
  if (link.expiresAt.getTime() + LISTENING_SECONDS * 1000 < Date.now()) return false;
  const opened = await db
    .select({ id: auditLog.id })
    .from(auditLog)
    .where(
      and(
        eq(auditLog.id, link.id),
        eq(auditLog.action, OPENED),
        sql`${auditLog.createdAt} > now() - make_interval(secs => ${LISTENING_SECONDS})`,
      ),
    );
  return opened.length > 0;
}

/** Writes down that an event stream was opened with a ticket. */
export async function recordTicketUse(
  db: Queryable,
  ticket: { id: string; actor: { userId: string; role: string; companyId: string | null } },
): Promise<void> {
  const { id, actor } = ticket;
  const subject = { kind: 'event_stream', id: actor.userId };
  await auditOnce(db, id, { actor, companyId: actor.companyId }, { action: 'events.open', subject });
}
