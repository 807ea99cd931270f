import { Hono } from 'hono';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { createTimeLimit } from '../../runtime/timeLimit.ts';
import type { StoredEvent } from '../../services/inbox/store.ts';
import type { ApiEnv } from '../env.ts';
import { createBodies } from '../http/body.ts';
import { createErrorHandler } from '../http/errors.ts';
import { createHandlerLoad } from './load.ts';
import { handleWebhook } from './receive.ts';

function startApp({ withinMs, hangingMax }: { withinMs: number; hangingMax: number }) {
  const waiting: (() => void)[] = [];
  const app = new Hono<ApiEnv>();
  const common = {
    load: createHandlerLoad(hangingMax),
    bodies: createBodies(),
    limit: createTimeLimit(withinMs),
    observe: () => {},
    onError: createErrorHandler(pino({ level: 'silent' })),
  };
  const stored = { id: 'an id', status: 'pending', reason: null, duplicate: false } as const;
  const add = (path: string, receive: () => Promise<StoredEvent>) =>
    app.post(path, handleWebhook(path, common, receive));
  add('/quick', async () => stored);
  add('/frozen', async () => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    return stored;
  });
  add('/broken', () => {
    throw new Error('of a bug');
  });
  const post = (path: string) => app.request(path, { method: 'POST' });
  return { post, waiting };
}

describe('handleWebhook', () => {
  it('leaves quick answers and errors as they are', async () => {
    const { post } = startApp({ withinMs: 1000, hangingMax: 1 });
    for (let turn = 0; turn < 3; turn += 1) {
      expect((await post('/quick')).status).toBe(200);
      expect((await post('/broken')).status).toBe(500);
    }
  });

  it('answers 503 with Retry-After, not 2xx, when the handler hangs, also once it goes on', async () => {
    const { post, waiting } = startApp({ withinMs: 20, hangingMax: 10 });
    const answer = await post('/frozen');
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('5');
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(await answer.json()).toMatchObject({ code: 'unavailable' });
    waiting.forEach((resolve) => void resolve());
    await new Promise(setImmediate);
    expect(answer.status).toBe(503);
    expect((await post('/quick')).status).toBe(200);
  });

  it('refuses at once while too many hang, and takes them again afterwards', async () => {
    const { post, waiting } = startApp({ withinMs: 20, hangingMax: 2 });
    await Promise.all([post('/frozen'), post('/frozen')]);
    expect((await post('/quick')).status).toBe(503);
    waiting.forEach((resolve) => void resolve());
    await new Promise(setImmediate);
    expect((await post('/quick')).status).toBe(200);
  });
});
