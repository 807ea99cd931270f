/** Commands for people: a call played, what is stuck, what is wrong, help; against a running service. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../harness/poll.ts';
import { recordingLink, type Service, startService, UNTIL_RETRIED } from '../harness/service.ts';

const RUNNER = path.resolve('dev/run.mjs');

let service: Service;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'callwright-commands-'));
  service = await startService(UNTIL_RETRIED);
});
afterAll(async () => {
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A command as a person runs it, told of this service. */
function run(file: string, args: string[] = [], env: Record<string, string> = {}) {
  return new Promise<{ code: number; output: string }>((resolve) => {
    const options = { env: { ...service.env, ...env }, cwd: folder };
    execFile(process.execPath, [RUNNER, file, ...args], options, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, output: stdout + stderr }),
    );
  });
}

it('call plays one call and says what became of it', async () => {
  const booked = await run('dev/call.ts', ['booked']);
  expect(booked, booked.output).toMatchObject({ code: 0 });
  expect(booked.output).toMatch(/status +completed, pipeline done\n.*\n +appointment +\d{4}-/);
  expect(booked.output).toMatch(/\/api\/v1\/calls\/[\w-]+\n/);
  expect(booked.output).toMatch(/\/calls\/[\w-]+#token=[\w-]+\.[\w-]+\.[\w-]+\n/);

  const { id } = await service.company();
  const [silence, missed] = await Promise.all([
    run('dev/call.ts', ['silence', '--company', id]),
    run('dev/call.ts', ['missed', '--company', id, '--caller', '+12125550189']),
  ]);
  expect(silence, silence.output).toMatchObject({ code: 0 });
  expect(silence.output).toContain('not_analyzable (no_speech)');
  expect(missed, missed.output).toMatchObject({ code: 0 });
  expect(missed.output).toMatch(/^\+12125550189 calls .*\n.*\n +status +missed/);

  const nobody = await run('dev/call.ts', ['booked', '--company', 'nobody']);
  expect(nobody.code).toBe(1);
  expect(nobody.output).toContain('there is no company nobody');
});

it('stuck says what needs a person, and tries it again', async () => {
  const company = await service.company();
  const stuck = (...args: string[]) => run('dev/stuck.ts', ['--company', company.id, ...args]);
  expect(await stuck()).toEqual({ code: 0, output: `Nothing needs attention at ${company.id}.\n` });

  const recording = recordingLink('booked');
  const end = await service.shunya.fault({ type: 'error', status: 503, match: recording });
  const call = await company.play(company.simulate({ recording }));
  await eventually(async () => expect((await company.findCall(call)).pipeline.needs_attention).toBe(true), 60);
  const listed = await stuck();
  expect(listed.output).toContain(`${company.id}  call `);
  expect(listed.output).toMatch(
    /waits for Shunya’s transcription\n +since .*, 1 attempt, last error: SIMULATED_FAILURE/,
  );
  expect(await stuck('--retry')).toMatchObject({ code: 1 });

  await end();
  const retried = await stuck('--retry', '--reason', 'Shunya is back');
  expect(retried.output).toMatch(/Told 1 of 1/);
  await company.callIn(call, 'done');
});

it('doctor is content with what is well, and says what is not', async () => {
  const company = await service.company();
  const well = await run('dev/doctor.ts');
  expect(well, well.output).toMatchObject({ code: 0 });
  for (const name of [
    'Node',
    'DATA_DIR',
    'PORT',
    'Postgres',
    'migrations',
    'Temporal',
    'worker',
    'clock',
    'time zones',
  ])
    expect(well.output).toMatch(new RegExp(`^ok +${name}`, 'm'));
  expect(well.output).toMatch(/^ok +Shunya/m);

  const keys = { callrail_account_id: 'ACC1', callrail_api_key: 'key' };
  await service.as('admin').patch(`/companies/${company.id}`, keys);
  const ill = await run('dev/doctor.ts', [], {
    SHUNYA_API_KEY: 'another',
    CALLRAIL_BASE_URL: 'http://127.0.0.1:1',
    DATA_DIR: '/dev/null/nowhere',
  });
  expect(ill.code).toBe(1);
  expect(ill.output).toMatch(/^WRONG Shunya.*SHUNYA_API_KEY/m);
  expect(ill.output).toMatch(new RegExp(`^WRONG CallRail +${company.id}: CallRail: network`, 'm'));
  expect(ill.output).toMatch(/^WRONG DATA_DIR/m);
});

it('token refuses a folder no service has run on, options npm took, and tokens for ever', async () => {
  const dataDir = path.join(folder, 'new');
  const admin = ['--role', 'admin', '--user', 'me'];
  const refused = await run('dev/token.ts', admin, { DATA_DIR: dataDir, AUTH_JWT_SECRET: '' });
  expect(refused.code).toBe(1);
  expect(refused.output).toContain(`no service has run on ${dataDir}`);
  expect(existsSync(dataDir)).toBe(false);

  const taken = await run('dev/token.ts', ['manager'], { npm_config_role: 'true' });
  expect(taken.output).toContain('npm took --role for itself: put -- before the options');
  expect(taken.code).toBe(1);

  expect((await run('dev/token.ts', [...admin, '--expires', '2y'])).output).toContain('a year at most');
  expect((await run('dev/token.ts', [...admin, '--expires', 'soon'])).output).toContain('--expires must be');
  expect(await run('dev/token.ts', [...admin, '--expires', '1y'])).toMatchObject({ code: 0 });
});

it.concurrent.each([
  'demo/demo.ts',
  'dev/token.ts',
  'dev/cleanup.ts',
  'src/backfill.ts',
  'src/metricsCheck.ts',
  'dev/call.ts',
  'dev/doctor.ts',
  'dev/stuck.ts',
  'dev/start.ts',
  'bench/run.ts',
  'bench/chaos/run.ts',
  'dev/build.ts',
  'dev/check.ts',
  'src/server.ts',
  'src/worker.ts',
  'src/migrate.ts',
  'test/replay/record.ts',
])('%s --help prints how it is used and does nothing', async (file) => {
  const { code, output } = await run(file, ['--help']);
  expect(code).toBe(0);
  expect(output).toMatch(/^usage: npm /);
});
