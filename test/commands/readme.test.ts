/** The README's first call, run as printed. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../harness/poll.ts';
import { type Service, startService } from '../harness/service.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PRINTED_URL = 'http://127.0.0.1:3000';
const PRINTED_SIMULATOR = '127.0.0.1:3900';

let service: Service;
beforeAll(async () => {
  service = await startService({ RECORDING_HOSTS: '127.0.0.1' });
});
afterAll(async () => {
  await service?.stop();
});

it('one’s own first call becomes an appointment with the commands of the README', async () => {
  const readme = readFileSync(`${ROOT}/README.md`, 'utf8');
  const [, printed] = /own first call[\s\S]+?```sh\n([\s\S]+?)```/.exec(readme) ?? [];
  if (!printed?.includes(PRINTED_URL)) expect.fail('the README has no such commands');
  const simulator = new URL(service.shunya.url).host;
  const commands = printed.replaceAll(PRINTED_URL, service.baseUrl).replaceAll(PRINTED_SIMULATOR, simulator);
  const output = execFileSync('bash', ['-euc', commands], { cwd: ROOT, env: service.env, encoding: 'utf8' });
  // Each answer is one line without an end; the last one lists the call.
  expect(output).toContain('"status":"accepted"');
  expect(output).toContain('"provider_call_id":"CAL1"');

  const manager = service.as('manager', 'acme', 'jo');
  await eventually(async () => {
    const { items } = await manager.get('/appointments');
    expect(items).toMatchObject([{ status: 'scheduled', contact: { phone_number: '+12125550147' } }]);
  });
  const [call] = (await manager.get('/calls')).items;
  const { url } = await manager.get(`/calls/${call.id}/recording`);
  expect((await fetch(url)).headers.get('content-type')).toBe('audio/wav');
});
