/** A visit's recording has stopped. */
import { eq, sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { recordingSessions } from '../../db/schema/index.ts';
import { setAnalysisDue } from '../pipelines/state.ts';

/** Writes that a visit has stopped: what comes next is its analysis, also where it had been closed as never stopped. */
export async function stopSession(
  tx: Transaction,
  session: { id: string; companyId: string; audioUrl: string },
): Promise<void> {
  await tx
    .update(recordingSessions)
    .set({ status: 'completed', stoppedAt: sql`now()`, audioUrl: session.audioUrl })
    .where(eq(recordingSessions.id, session.id));
  await setAnalysisDue(tx, { companyId: session.companyId, subjectKind: 'visit', subjectId: session.id });
}
