/**
 * The API's typed client, for frontends: paths, parameters, bodies and answers are those of the OpenAPI document. Runs in
 * browsers and in Node; imports nothing of the service.
 */
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import createFetchClient, { type Client } from 'openapi-fetch';
import type { components, paths } from './schema.ts';

export type { components, paths } from './schema.ts';
export type Schemas = components['schemas'];
export type ApiClient = Client<paths>;

/** The bearer token, or what gets one: asked before every request, so that it can be renewed. */
type Token = string | (() => string | Promise<string>);

/**
 * Makes a client. `GET`, `POST`, `PATCH` and `DELETE` take a path of the document and answer `{data, error, response}`.
 * @param options.baseUrl where the API is, without a path: `https://calls.example.com`
 */
export function createClient(options: { baseUrl: string; token: Token; fetch?: typeof fetch }): ApiClient {
  const { baseUrl, token } = options;
  const client = createFetchClient<paths>({ baseUrl, ...(options.fetch && { fetch: options.fetch }) });
  client.use({
    async onRequest({ request }) {
      request.headers.set('Authorization', `Bearer ${typeof token === 'function' ? await token() : token}`);
      return request;
    },
  });
  return client;
}

/** What the event stream tells of each kind: as the GET of the same thing answers it. */
interface LiveKinds {
  call: Schemas['Call'];
  lead: Schemas['Lead'];
  appointment: Schemas['Appointment'];
  visit: Schemas['RecordingSession'];
  pipeline: Schemas['Pipeline'];
  follow_up: Schemas['FollowUp'];
}

/** Something changed; `data` is null when it was deleted, or is not one's own any more. */
type LiveChange = { [K in keyof LiveKinds]: { kind: K; id: string; data: LiveKinds[K] | null } }[keyof LiveKinds];

/** ready: events are live from here · reset: something was missed. Load your lists at both. */
export type LiveEvent = LiveChange | { kind: 'ready' } | { kind: 'reset' };

const RECONNECT_MS = [500, 1000, 2000, 5000, 10_000];

/** So many refusals of the token in a row are final: the function that gets one may have been about to renew it. */
const REFUSALS_MAX = 3;

/**
 * Follows what changes, for ever: comes back by itself and goes on where it was, with a token asked for anew.
 * @param signal ends it
 * @throws where the API refuses, which would not change by asking again
 */
export async function* followEvents(client: ApiClient, signal?: AbortSignal): AsyncGenerator<LiveEvent, void> {
  let lastEventId: string | undefined;
  let failures = 0;
  let refusals = 0;
  while (!signal?.aborted) {
    try {
      const { data, error, response } = await client.GET('/api/v1/events', {
        params: { query: { last_event_id: lastEventId } },
        parseAs: 'stream',
        signal,
      });
      refusals = response.status === 401 ? refusals + 1 : 0;
      const mayPass = response.status === 429 || (response.status === 401 && refusals < REFUSALS_MAX);
      if (response.status >= 400 && response.status < 500 && !mayPass)
        throw new Refusal(`The event stream is refused: ${response.status}`, { cause: error });
      if (data) {
        for await (const event of readStream(data)) {
          failures = 0;
          lastEventId = event.id ?? lastEventId;
          if (event.event === 'end') break;
          if (event.event === 'ready' || event.event === 'reset') yield { kind: event.event };
          else yield JSON.parse(event.data) as LiveChange;
        }
      }
    } catch (error) {
      if (error instanceof Refusal) throw error;
    }
    const pauseMs = RECONNECT_MS[Math.min(failures, RECONNECT_MS.length - 1)] ?? 0;
    failures += 1;
    await pause(pauseMs, signal);
  }
}

class Refusal extends Error {}

async function* readStream(stream: ReadableStream<Uint8Array>): AsyncGenerator<EventSourceMessage, void> {
  const events: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => events.push(event) });
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      parser.feed(decoder.decode(next.value, { stream: true }));
      yield* events.splice(0);
    }
  } finally {
    // Whoever stops listening hangs up.
    await reader.cancel().catch(() => {});
  }
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
