import { spawn } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCommandLine } from '../src/config/commandLine.ts';
import { ensureConsoleDependencies } from './console.ts';
import { findDeadReferences } from './references.ts';

// `npm run check`: all that can be said about the code without running it, in seconds. All steps run even if one fails.
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const COLORS = `--colors=${process.stdout.isTTY ? 'force' : 'off'}`;
const CODE = ['src', 'dev', 'demo', 'simulators', 'test', 'bench'];

readCommandLine('usage: npm run check, without options', {});

const STEPS: { name: string; run: () => Promise<Outcome> }[] = [
  { name: 'Format and lint', run: () => tool('@biomejs/biome/bin/biome', 'ci', '--error-on-warnings', COLORS) },
  { name: 'Types', run: () => types('.') },
  { name: 'Types of the examples', run: () => types('docs/examples') },
  {
    name: 'Types of the console',
    run: () => ensureConsoleDependencies().then(() => types('console')),
  },
  {
    name: 'Unused code',
    // Its list of exceptions has a tool that is a package of the console.
    run: () =>
      ensureConsoleDependencies().then(() =>
        tool('knip/bin/knip.js', '--no-progress', '--treat-config-hints-as-errors'),
      ),
  },
  {
    name: 'Rules of the house',
    run: () => tool('dependency-cruiser/bin/dependency-cruise.mjs', '--config', '.dependency-cruiser.mjs', ...CODE),
  },
  { name: 'What documents name', run: async () => documents() },
];

interface Outcome {
  ok: boolean;
  output: string;
}

/**
 * Runs all checks, as many at a time as there are cores, and prints what each found.
 * @returns how many failed
 */
export async function runChecks(): Promise<number> {
  let failed = 0;
  const waiting = [...STEPS];
  const work = async () => {
    for (let step = waiting.shift(); step; step = waiting.shift()) {
      const startedAt = Date.now();
      const { ok, output } = await step.run();
      process.stdout.write(
        `${ok ? 'ok    ' : 'FAILED'}  ${step.name} (${((Date.now() - startedAt) / 1000).toFixed(1)} s)\n`,
      );
      if (ok) continue;
      failed += 1;
      process.stdout.write(`${output.trimEnd()}\n\n`);
    }
  };
  await Promise.all(Array.from({ length: Math.max(2, os.availableParallelism()) }, work));
  return failed;
}

function documents(): Outcome {
  const dead = findDeadReferences(ROOT);
  return { ok: dead.length === 0, output: dead.join('\n') };
}

/** Checks a project's types; what it found is kept, so that the next time only what has changed is checked. */
function types(project: string): Promise<Outcome> {
  const kept = path.join('node_modules', '.cache', 'types', project, 'tsbuildinfo');
  return tool('typescript/bin/tsc', '-p', project, '--noEmit', '--incremental', '--tsBuildInfoFile', kept);
}

function tool(file: string, ...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [path.join('node_modules', file), ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const stop = (signal: NodeJS.Signals) => child.kill(signal);
    process.on('SIGINT', stop).on('SIGTERM', stop);
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('close', (code) => {
      process.off('SIGINT', stop).off('SIGTERM', stop);
      resolve({ ok: code === 0, output });
    });
  });
}

if (path.resolve(process.argv[1] ?? '') === fileURLToPath(import.meta.url))
  process.exit((await runChecks()) > 0 ? 1 : 0);
