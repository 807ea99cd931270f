/** Visits: a sales rep starts and stops the recording of an appointment. */
import { z } from '@hono/zod-openapi';
import { sql } from 'drizzle-orm';
import type { Queryable, Transaction } from '../../db/client.ts';
import { findLastSuccessor } from '../../db/queries/appointments.ts';
import { announce } from '../../db/queries/deliveries.ts';
import {
  findOpenSession,
  findSession,
  insertSession,
  listSessions,
  lockSession,
  type SessionRow,
  type SessionScope,
  sessionsOf,
} from '../../db/queries/recordings.ts';
import { recordingSessions } from '../../db/schema/index.ts';
import { isOpenStatus } from '../../domain/appointment.ts';
import { isRecordingHostAllowed, isSameObject, tidyLink } from '../../domain/recordingHosts.ts';
import { visitWorkflowId } from '../../domain/workflowIds.ts';
import { type LockedAppointment, lockAppointment } from '../../services/appointments/write.ts';
import { storeInternalEvent } from '../../services/inbox/store.ts';
import { stopSession } from '../../services/visits/stop.ts';
import { EXAMPLE } from '../../views/examples.ts';
import { sessionSchema, sessionView } from '../../views/recording.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError, invalidField, notFound } from '../http/errors.ts';
import {
  countUpTo,
  decodeMomentCursor,
  encodeMomentCursor,
  listOf,
  olderThan,
  pageQuery,
  toList,
} from '../http/pagination.ts';
import { type ApiRouter, createRoutes, reply } from '../http/router.ts';
import { idText } from '../http/schemas.ts';

const startInput = z
  .object({
    appointment_id: idText,
    latitude: z.number().min(-90).max(90).nullish(),
    longitude: z.number().min(-180).max(180).nullish(),
  })
  .openapi('RecordingStart', {
    example: { appointment_id: EXAMPLE.appointmentId, latitude: 39.8017, longitude: -89.6437 },
  });

const stopInput = z
  .object({ audio_url: z.string().min(1).max(4096).openapi({ example: 'https://s3.amazonaws.com/acme/visit-17.mp3' }) })
  .openapi('RecordingStop');

export function recordingRoutes(deps: ApiDeps): ApiRouter {
  const routes = createRoutes(deps);
  const tag = 'Visits';

  routes.add(
    {
      method: 'post',
      path: '/recordings/sessions/start',
      permission: 'visits.record',
      tag,
      summary: 'Start recording a visit',
      description:
        'An appointment has one open session at a time: while it is open, this answers it with 200. An appointment that ' +
        'was rescheduled, cancelled, completed or marked no-show cannot be visited: 409, with `appointment_id` where ' +
        'another appointment replaces it.',
      body: startInput,
      status: 201,
      alsoStatus: 200,
      data: sessionSchema,
      creates: true,
      errors: ['not_found', 'appointment_over'],
    },
    async ({ tx, body, access, afterCommit }) => {
      const { companyId, actor } = access;
      // The lock makes two starts at once one session.
      const appointment = await lockAppointment(tx, access, body.appointment_id);
      if (!appointment) throw notFound();
      const open = await findOpenSession(tx, appointment.id);
      if (open !== undefined) return reply(await readSession(tx, access, open), { status: 200 });

      await assertTakesPlace(tx, appointment);
      const { latitude, longitude } = body;
      const session = { companyId, appointmentId: appointment.id, startedBy: actor.userId, latitude, longitude };
      const id = await insertSession(tx, session);
      await storeVisitEvent(tx, companyId, 'visit.started', id);
      await announce(tx, { companyId, type: 'visit.started', subjectId: id });
      afterCommit(() => deps.inbox.poke());
      return readSession(tx, access, id);
    },
  );

  routes.add(
    {
      method: 'post',
      path: '/recordings/sessions/{id}/stop',
      permission: 'visits.record',
      tag,
      summary: 'Stop recording a visit and name its audio',
      description:
        'Stopping again with a link to the same object (host and path; a fresh signature does not matter) answers the ' +
        'session as it is by then. A late stop of a session that was closed is still taken.',
      body: stopInput,
      data: sessionSchema,
      errors: ['session_already_stopped'],
    },
    async ({ tx, params: { id }, body, access, afterCommit }) => {
      const audioUrl = tidyLink(body.audio_url);
      const session = await lockSession(tx, access, id);
      if (!session) throw notFound();
      if (session.audioUrl !== null && isSameObject(session.audioUrl, audioUrl)) return readSession(tx, access, id);
      if (session.audioUrl !== null) throw new ApiError('session_already_stopped');
      if (!isRecordingHostAllowed(audioUrl, deps.config.recordingHosts))
        throw invalidField('audio_url', 'must be an http(s) link to a host that may hold recordings');

      await stopSession(tx, { id, companyId: access.companyId, audioUrl });
      await storeVisitEvent(tx, access.companyId, 'visit.stopped', id);
      afterCommit(() => deps.inbox.poke());
      return readSession(tx, access, id);
    },
  );

  routes.add(
    {
      method: 'get',
      path: '/recordings/sessions',
      permission: 'visits.read',
      tag,
      summary: 'List recording sessions, newest first',
      query: z.object({ ...pageQuery, appointment_id: z.string().max(255).optional() }),
      data: listOf(sessionSchema),
    },
    async ({ db, query, access: { companyId, repId } }) => {
      const filter = { companyId, repId, appointmentId: query.appointment_id };
      const after = olderThan(recordingSessions.startedAt, recordingSessions.id, decodeMomentCursor(query.cursor));
      return toList(await listSessions(db, filter, { limit: query.limit + 1, after }), {
        limit: query.limit,
        count: await countUpTo(db, sql`select 1 from ${recordingSessions} where ${sessionsOf(filter)}`),
        cursorOf: ({ session }: SessionRow) => encodeMomentCursor({ at: session.startedAt, id: session.id }),
        view: sessionView,
      });
    },
  );

  routes.add(
    {
      method: 'get',
      path: '/recordings/sessions/{id}',
      permission: 'visits.read',
      tag,
      summary: 'Read a recording session',
      data: sessionSchema,
    },
    async ({ db, params, access }) => readSession(db, access, params.id),
  );

  return routes.app;
}

async function assertTakesPlace(tx: Transaction, { id, status }: LockedAppointment): Promise<void> {
  const successor = await findLastSuccessor(tx, id);
  if (successor !== undefined)
    throw new ApiError('appointment_over', {
      detail: `It was rescheduled: see appointment ${successor}.`,
      appointmentId: successor,
    });
  if (!isOpenStatus(status)) throw new ApiError('appointment_over', { detail: `Its status is ${status}.` });
}

async function readSession(db: Queryable, scope: SessionScope, id: string) {
  const row = await findSession(db, scope, id);
  if (!row) throw notFound();
  return sessionView(row);
}

/** Rings the visit's workflow; committed together with the change of the row. */
async function storeVisitEvent(
  tx: Queryable,
  companyId: string,
  route: 'visit.started' | 'visit.stopped',
  sessionId: string,
): Promise<void> {
  const workflowId = visitWorkflowId(sessionId);
  await storeInternalEvent(tx, { companyId, route, workflowId, body: { session_id: sessionId } });
}
