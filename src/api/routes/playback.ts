/** Plays a recording behind a short-lived link of ours. The link is the permission: `<audio>` can send no bearer. */
import { z } from '@hono/zod-openapi';
import { findRecordingSource } from '../../db/queries/calls.ts';
import { CallRailError, createCallRailClient, isApiRecordingLink } from '../../providers/callrail/client.ts';
import { openRecording } from '../../services/links/openLink.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError, mustFind } from '../http/errors.ts';
import { describeErrors } from '../http/openapi.ts';
import { type ApiRouter, createRoutes } from '../http/router.ts';
import { RecordingUnavailableError, streamRecording } from '../recordings/recordingStream.ts';

const RESOLVE_TIMEOUT_MS = 10_000;

/** GET /recordings/{token}. */
export function playbackRoutes(deps: ApiDeps): ApiRouter {
  const { app } = createRoutes(deps);
  const { config } = deps;
  const callrail = createCallRailClient({ baseUrl: config.callrailBaseUrl, timeoutMs: RESOLVE_TIMEOUT_MS });

  /** CallRail's own recording links want the company's key and answer with the link of the audio. */
  const audioLink = async ({ recordingUrl, apiKey }: { recordingUrl: string; apiKey: string | null }) => {
    if (apiKey === null || !isApiRecordingLink(recordingUrl, config.callrailBaseUrl)) return recordingUrl;
    return (await callrail.resolveRecording({ apiKey, url: recordingUrl })).url;
  };

  describePlayback(app);
  // A token has dots, which tell it from other paths below /recordings.
  app.get('/recordings/:token{[\\w-]+\\.[\\w-]+\\.[\\w-]+}', async (c) => {
    const link = await deps.recordingLinks.verify(c.req.param('token'));
    if (!link) throw new ApiError('link_expired');
    const source = await mustFind(findRecordingSource(deps.db, link.content));
    if (!(await openRecording(deps.pools.writes, link))) throw new ApiError('link_expired');
    try {
      return await streamRecording({
        url: await audioLink(source),
        allowedHosts: config.recordingHosts,
        method: c.req.method === 'HEAD' ? 'HEAD' : 'GET',
        range: c.req.header('range'),
        signal: c.req.raw.signal,
      });
    } catch (error) {
      throw toBadGateway(error);
    }
  });
  return app;
}

function toBadGateway(error: unknown): unknown {
  const isProviders = error instanceof CallRailError || error instanceof RecordingUnavailableError;
  return isProviders
    ? new ApiError('bad_gateway', { detail: `The recording is not available: ${error.code}.` })
    : error;
}

function describePlayback(app: ApiRouter): void {
  const audio = { 'audio/*': { schema: z.string().openapi({ format: 'binary' }) } };
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/recordings/{token}',
    operationId: 'get_recordings_by_token',
    summary: 'Play a recording',
    description:
      'The `url` of `GET /calls/{id}/recording`. Needs no bearer token; ranges are answered with 206. A link that was opened in ' +
      'time plays for four hours.',
    tags: ['Calls'],
    security: [],
    request: {
      params: z.object({ token: z.string().openapi({ example: 'eyJhbGci.eyJjb250.V1Z0' }) }),
      headers: z.object({ Range: z.string().optional() }),
    },
    responses: {
      200: { description: 'The audio', content: audio },
      206: { description: 'The part asked for', content: audio },
      416: { description: 'The range lies outside of the recording' },
      ...describeErrors(
        ['link_expired', 'not_found', 'internal', 'bad_gateway', 'unavailable'],
        '/recordings/eyJhbGci.eyJjb250.V1Z0',
      ),
    },
  });
}
