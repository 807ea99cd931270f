import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { hintOfFailure, hintOfStatus } from './networkHint.ts';

const failureOf = (url: string): Promise<unknown> =>
  fetch(url).then(
    () => expect.fail('it answered'),
    (cause) => cause,
  );

it('names the host and how it failed, and nothing else of the link', async () => {
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  const url = `http://127.0.0.1:${port}/secret?key=1`;
  expect(hintOfFailure(await failureOf(url), url)).toBe(`connection refused ${new URL(url).host}`);
  const unknown = 'http://nowhere.invalid/secret';
  expect(hintOfFailure(await failureOf(unknown), unknown)).toMatch(
    /^(no such host|name not resolved) nowhere\.invalid$/,
  );
});

it('names a time-out and a status', () => {
  const timeout = Object.assign(new Error('late'), { name: 'TimeoutError' });
  expect(hintOfFailure(timeout, 'https://api.example.com/v1/x')).toBe('no answer in time api.example.com');
  expect(hintOfStatus(503, 'https://api.example.com/v1/x')).toBe('HTTP 503 api.example.com');
});
