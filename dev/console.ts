// Builds the console into console/dist unless it is built from these very sources. Its dependencies are a package of their
// own, so that a service that only serves the page, and whoever never touches it, installs none of them.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CONSOLE = path.join(ROOT, 'console');
const BUILT_FROM = path.join(CONSOLE, 'dist', '.built-from');
const INSTALLED_FROM = path.join(CONSOLE, 'node_modules', '.callwright-installed');
const LOCK = path.join(ROOT, '.console.lock');
const LOCK_WAIT_MS = 300_000;

/** What the page is made of; its client is the service's own. */
const SOURCES = [
  'console/index.html',
  'console/package-lock.json',
  'console/vite.config.ts',
  'console/src',
  'src/client',
];

let building: Promise<boolean> | undefined;

/**
 * Builds it where it has to be, once per process. Never throws: the service works without the page, and says how to get it.
 * @returns whether the page is there
 */
export function ensureConsole(tell: (line: string) => void): Promise<boolean> {
  building ??= build(tell);
  return building;
}

async function build(tell: (line: string) => void): Promise<boolean> {
  const wanted = hashOf(SOURCES);
  if (isBuilt(wanted)) return true;
  if (!existsSync(path.join(CONSOLE, 'package.json'))) return false;
  const release = await takeLock();
  try {
    if (isBuilt(wanted)) return true;
    await install();
    await run(process.execPath, ['node_modules/vite/bin/vite.js', 'build', '--logLevel', 'warn']);
    writeFileSync(BUILT_FROM, wanted);
    return true;
  } catch (error) {
    tell(`The console was not built: ${(error as Error).message}`);
    return existsSync(path.join(CONSOLE, 'dist', 'index.html'));
  } finally {
    release();
  }
}

/** The console's own dependencies, where they are not those of its lock file. */
async function install(): Promise<void> {
  const lock = hashOf(['console/package-lock.json']);
  if (existsSync(INSTALLED_FROM) && readFileSync(INSTALLED_FROM, 'utf8') === lock) return;
  await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline']);
  writeFileSync(INSTALLED_FROM, lock);
}

/** For checks, which read its types. */
export async function ensureConsoleDependencies(): Promise<void> {
  const release = await takeLock();
  try {
    await install();
  } finally {
    release();
  }
}

function isBuilt(wanted: string): boolean {
  return existsSync(BUILT_FROM) && readFileSync(BUILT_FROM, 'utf8') === wanted;
}

function hashOf(places: string[]): string {
  const hash = createHash('sha256').update(process.versions.node.split('.')[0] ?? '');
  for (const place of places)
    for (const file of filesOf(path.join(ROOT, place)))
      hash.update(path.relative(ROOT, file)).update(readFileSync(file));
  return hash.digest('hex');
}

function filesOf(place: string): string[] {
  if (!existsSync(place)) return [];
  const entries = path.extname(place) ? undefined : readdirSync(place, { withFileTypes: true, recursive: true });
  if (!entries) return [place];
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  return files.sort();
}

function run(command: string, args: string[]): Promise<void> {
  const npm = command === 'npm' ? process.env.npm_execpath : undefined;
  const [file, first]: [string, string[]] = npm ? [process.execPath, [npm]] : [command, []];
  return new Promise((resolve, reject) => {
    const child = spawn(file, [...first, ...args], {
      cwd: CONSOLE,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_ENV: args.includes('build') ? 'production' : 'development' },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        output += chunk;
      });
    const end = () => child.kill('SIGTERM');
    process.once('exit', end);
    child.on('error', reject);
    child.on('close', (code) => {
      process.off('exit', end);
      const reason = output.trim().split('\n').slice(-6).join('\n');
      if (code === 0) resolve();
      else reject(new Error(`${command} ${args[0]} ended with ${code}\n${reason}`));
    });
  });
}

/** Two commands started together must not build into the same folder. */
async function takeLock(): Promise<() => void> {
  const deadline = Date.now() + LOCK_WAIT_MS;
  const release = () => rmSync(LOCK, { force: true });
  for (;;) {
    try {
      writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
      process.once('exit', release);
      return () => {
        process.off('exit', release);
        release();
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (Date.now() > deadline || !isLockHeld()) release();
    else await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function isLockHeld(): boolean {
  try {
    const pid = Number(readFileSync(LOCK, 'utf8'));
    if (!pid) return true;
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

// `npm run build:console`, and part of `npm run build`.
if (path.resolve(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) {
  const isThere = await ensureConsole((line) => process.stderr.write(`${line}\n`));
  if (isThere && isBuilt(hashOf(SOURCES))) process.stdout.write('Built console/dist\n');
  else process.exitCode = 1;
}
