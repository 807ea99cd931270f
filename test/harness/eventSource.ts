/** A client of the event stream, over real HTTP. */
import { eventually } from './poll.ts';

export interface LiveEvent {
  event: string;
  id: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects.
  data: any;
}

export type EventClient = Awaited<ReturnType<typeof openEvents>>;

/** Connects; `events` grows as they come. Fails where the answer is no stream. */
export async function openEvents(url: string, headers: Record<string, string> = {}) {
  const stopping = new AbortController();
  const response = await fetch(url, { headers, signal: stopping.signal });
  if (response.status !== 200) throw new Error(`no stream: ${response.status} ${await response.text()}`);
  const events: LiveEvent[] = [];
  const state = { ended: false, lastEventId: '', heartbeats: 0 };

  const take = (block: string) => {
    const fields = new Map(
      block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
    );
    const id = fields.get('id');
    if (id) state.lastEventId = id;
    if (fields.has('')) state.heartbeats += 1;
    const data = fields.get('data');
    if (data) events.push({ event: fields.get('event') ?? 'message', id: id ?? '', data: JSON.parse(data) });
  };
  const read = async () => {
    let rest = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const blocks = (rest + chunk).split('\n\n');
      rest = blocks.pop() ?? '';
      blocks.forEach(take);
    }
  };
  void read()
    .catch(() => {})
    .then(() => {
      state.ended = true;
    });

  return {
    response,
    events,
    state,
    close: () => stopping.abort(),

    /** The first event that fits, once it is there: a change waits for older transactions of all databases of the server. */
    until: (fits: (event: LiveEvent) => boolean): Promise<LiveEvent> =>
      eventually(() => {
        const found = events.find(fits);
        if (!found)
          throw new Error(`no such event among ${JSON.stringify(events.map(({ event, id }) => [event, id]))}`);
        return found;
      }),
  };
}
