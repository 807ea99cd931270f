/** A sales rep stops the recording of a visit and names its audio. */
import { eq, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { lockSession } from '../../db/queries/recordings.ts';
import { recordingSessions } from '../../db/schema/index.ts';
import { isRecordingHostAllowed, isSameObject, tidyLink } from '../../domain/recordingHosts.ts';
import { audit } from '../audit.ts';
import { ANALYSIS_DUE } from '../pipelines/state.ts';
import { Refusal, refuseField, refuseMissing } from '../refusal.ts';
import type { Requester } from '../requester.ts';
import { ringVisit } from './ring.ts';

/**
 * Stops a session: what comes next is its analysis, also where it had been closed as never stopped. A repeat with a link
 * to the same object changes nothing.
 * @returns whether it stops the session
 */
export async function stopVisit(
  tx: Transaction,
  requester: Requester<string>,
  visit: { id: string; audioUrl: string },
  config: { recordingHosts: readonly string[] },
): Promise<boolean> {
  const { id } = visit;
  const { companyId } = requester;
  const audioUrl = tidyLink(visit.audioUrl);
  const session = await lockSession(tx, requester, id);
  if (!session) throw refuseMissing();
  if (session.audioUrl !== null && isSameObject(session.audioUrl, audioUrl)) return false;
  if (session.audioUrl !== null) throw new Refusal('session_already_stopped');
  if (!isRecordingHostAllowed(audioUrl, config.recordingHosts))
    throw refuseField('audio_url', 'must be an http(s) link to a host that may hold recordings');

  await tx
    .update(recordingSessions)
    .set({ status: 'completed', stoppedAt: sql`now()`, audioUrl, ...ANALYSIS_DUE })
    .where(eq(recordingSessions.id, id));
  await ringVisit(tx, { companyId, id, route: 'visit.stopped' });
  await audit(tx, requester, { action: 'visit.stop', subject: { kind: 'visit', id } });
  return true;
}
