import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { readEnvironment } from './environment.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(path.join(tmpdir(), 'callwright-environment-'));
  vi.stubEnv('DATA_DIR', dataDir);
  vi.stubEnv('PORT', '');
  vi.stubEnv('POSTGRES_PORT', '');
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(dataDir, { recursive: true });
});

function supervisedBy(pid: number) {
  mkdirSync(path.join(dataDir, 'run'));
  const ports = { PORT: '18200', POSTGRES_PORT: '18201', LOG_LEVEL: 'error' };
  writeFileSync(path.join(dataDir, 'run', 'supervisor.json'), JSON.stringify({ pid, ports }));
}

it('has the ports of the service that runs on DATA_DIR, and nothing else of it', () => {
  supervisedBy(process.pid);
  expect(readEnvironment()).toMatchObject({ PORT: '18200', POSTGRES_PORT: '18201' });
  expect(readEnvironment().LOG_LEVEL).not.toBe('error');
});

it('prefers what it is given', () => {
  supervisedBy(process.pid);
  vi.stubEnv('PORT', '3100');
  expect(readEnvironment()).toMatchObject({ PORT: '3100', POSTGRES_PORT: '18201' });
});

it('knows nothing of a service that is gone, or was never there', () => {
  expect(readEnvironment().PORT).toBeUndefined();
  supervisedBy(spawnSync(process.execPath, ['-e', '']).pid);
  expect(readEnvironment().PORT).toBeUndefined();
});
