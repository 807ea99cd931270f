import { describe, expect, it } from 'vitest';
import { createEventStream } from './eventStream.ts';

async function textOf(body: ReadableStream<Uint8Array>): Promise<string> {
  let text = '';
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) text += chunk;
  return text;
}

describe('createEventStream', () => {
  it('writes events as text/event-stream has them, each on one line of data', async () => {
    const stream = createEventStream(() => {});
    stream.send({ event: 'lead', id: '1-2-3', data: { notes: 'two\nlines' } });
    stream.heartbeat('1-2-4');
    stream.end('token_expired');
    stream.send({ event: 'lead', id: '1-2-5', data: {} });
    expect(await textOf(stream.body)).toBe(
      [
        'retry: 2000\n\n',
        'event: lead\nid: 1-2-3\ndata: {"notes":"two\\nlines"}\n\n',
        ': still here\nid: 1-2-4\n\n',
        'event: end\ndata: {"reason":"token_expired"}\n\n',
      ].join(''),
    );
  });

  it('lets a client go that does not read, and drops what waits for it', async () => {
    let closed = 0;
    const stream = createEventStream(() => {
      closed += 1;
    });
    const data = 'x'.repeat(100_000);
    for (let i = 0; i < 20; i += 1) stream.send({ event: 'call', id: '1-1-1', data });
    expect(closed).toBe(1);
    await expect(textOf(stream.body)).rejects.toThrow('reads too slowly');
  });

  it('says once that the client has gone', async () => {
    let closed = 0;
    const stream = createEventStream(() => {
      closed += 1;
    });
    await stream.body.cancel();
    stream.end('shutting_down');
    expect(closed).toBe(1);
  });
});
