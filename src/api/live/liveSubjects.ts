import type { Config } from '../../config/config.ts';
import type { Database } from '../../db/client.ts';
import { listAppointments } from '../../db/queries/appointments.ts';
import { findCalls } from '../../db/queries/calls.ts';
import { listFollowUps } from '../../db/queries/followUps.ts';
import { listLeads } from '../../db/queries/leads.ts';
import { findPipelines } from '../../db/queries/pipelines.ts';
import { listSessions } from '../../db/queries/recordings.ts';
import type { ChangeKind } from '../../domain/change.ts';
import { appointmentView } from '../../views/appointment.ts';
import { callView } from '../../views/call.ts';
import { followUpView } from '../../views/followUp.ts';
import { leadView } from '../../views/lead.ts';
import { pipelineView } from '../../views/pipeline.ts';
import { sessionView } from '../../views/recording.ts';
import type { Access } from '../http/permissions.ts';

/** Views by id; what is gone, or not the reader's, is not among them. */
type ReadSubjects = (access: Access, ids: string[]) => Promise<Map<string, object>>;

export function createSubjectReaders(deps: { db: Database; config: Config }): Record<ChangeKind, ReadSubjects> {
  const { db, config } = deps;
  return {
    async call(access, ids) {
      const rows = await findCalls(db, oneCompany(access), ids);
      return new Map(rows.map((row) => [row.call.id, callView(row)]));
    },
    async lead(access, ids) {
      const rows = await listLeads(db, { ...oneCompany(access), ids }, { limit: ids.length });
      return new Map(rows.map((row) => [row.id, leadView(row)]));
    },
    async appointment(access, ids) {
      const rows = await listAppointments(db, { ...oneCompany(access), ids }, { limit: ids.length });
      return new Map(rows.map((row) => [row.id, appointmentView(row)]));
    },
    async visit(access, ids) {
      const rows = await listSessions(db, { ...oneCompany(access), ids }, { limit: ids.length });
      return new Map(rows.map((row) => [row.session.id, sessionView(row)]));
    },
    async follow_up(access, ids) {
      const { companyId } = oneCompany(access);
      const rows = await listFollowUps(db, { companyId, ids }, { limit: ids.length });
      return new Map(rows.map((row) => [row.id, followUpView(row)]));
    },
    async pipeline(access, ids) {
      const rows = await findPipelines(db, oneCompany(access).companyId, ids);
      return new Map(rows.map((row) => [row.subjectId, pipelineView(row, config.temporal)]));
    },
  };
}

/** A stream is of one company, whatever its reader's role may reach. */
function oneCompany({ companyId, repId }: Access): { companyId: string; repId: string | undefined } {
  if (companyId === undefined) throw new Error('a live feed is read for one company');
  return { companyId, repId };
}
