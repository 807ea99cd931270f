/** Visits: a sales rep starts and stops the recording of an appointment. */
import { z } from '@hono/zod-openapi';
import type { Queryable } from '../../db/client.ts';
import {
  countSessions,
  findSession,
  listSessions,
  type SessionRow,
  type SessionScope,
} from '../../db/queries/recordings.ts';
import { startVisit } from '../../services/visits/start.ts';
import { stopVisit } from '../../services/visits/stop.ts';
import { EXAMPLE } from '../../views/examples.ts';
import { sessionSchema, sessionView } from '../../views/recording.ts';
import type { ApiDeps } from '../deps.ts';
import { mustFind } from '../http/errors.ts';
import { byMoment, listOf, listPage, pageQuery } from '../http/pagination.ts';
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
      const { appointment_id: appointmentId, latitude, longitude } = body;
      const { id, isNew } = await startVisit(tx, access, { appointmentId, latitude, longitude });
      if (isNew) afterCommit(() => deps.inbox.poke());
      return reply(await readSession(tx, access, id), { status: isNew ? 201 : 200 });
    },
  );

  routes.add(
    {
      method: 'post',
      path: '/recordings/sessions/{id}/stop',
      permission: 'visits.record',
      tag,
      summary: 'Stop recording a visit',
      description:
        'Stopping again with a link to the same object (host and path; a fresh signature does not matter) answers the ' +
        'session in its current state. A late stop of a session that was closed is still accepted.',
      body: stopInput,
      data: sessionSchema,
      errors: ['session_already_stopped'],
    },
    async ({ tx, params: { id }, body, access, afterCommit }) => {
      const isNew = await stopVisit(tx, access, { id, audioUrl: body.audio_url }, deps.config);
      if (isNew) afterCommit(() => deps.inbox.poke());
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
      query: z.object({
        ...pageQuery,
        appointment_id: z.string().max(255).optional().openapi({ description: 'Only sessions of this appointment.' }),
      }),
      data: listOf(sessionSchema),
    },
    async ({ db, query, access: { companyId, repId } }) => {
      const filter = { companyId, repId, appointmentId: query.appointment_id };
      return listPage(query, {
        rows: (page) => listSessions(db, filter, page),
        count: () => countSessions(db, filter),
        key: byMoment(({ session }: SessionRow) => ({ at: session.startedAt, id: session.id })),
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

async function readSession(db: Queryable, scope: SessionScope, id: string) {
  const row = await mustFind(findSession(db, scope, id));
  return sessionView(row);
}
