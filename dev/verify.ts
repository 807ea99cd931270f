import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

// `npm run verify`: what CI runs. All steps run even if one fails; the last line counts the tests.
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const STEPS = [
  { name: 'Format and lint', args: ['node_modules/@biomejs/biome/bin/biome', 'ci', '--error-on-warnings'] },
  { name: 'Types', args: ['node_modules/typescript/bin/tsc', '--noEmit'] },
  { name: 'Types of the examples', args: ['node_modules/typescript/bin/tsc', '-p', 'docs/examples'] },
  { name: 'Tests', args: ['dev/run.mjs', 'test/run.ts'] },
] as const;

const COUNTS = /^(\d+) passed, (\d+) failed(, \d+ skipped)?$/m;

let child: ReturnType<typeof spawn> | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child?.kill(signal));

let failedChecks = 0;
let counts = { passed: 0, failed: 0, skipped: '' };
for (const { name, args } of STEPS) {
  process.stdout.write(`\n== ${name}\n`);
  const { code, output } = await run(args);
  const found = COUNTS.exec(output);
  if (found) counts = { passed: Number(found[1]), failed: Number(found[2]), skipped: found[3] ?? '' };
  if (code === 0) continue;
  // A failed test is counted already.
  if (!found || counts.failed === 0) failedChecks += 1;
  process.stdout.write(`${name} failed\n`);
}
const failed = counts.failed + failedChecks;
process.stdout.write(`\n${counts.passed} passed, ${failed} failed${counts.skipped}\n`);
process.exit(failed > 0 ? 1 : 0);

function run(args: readonly string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const started = spawn(process.execPath, [...args], {
      cwd: path.resolve(ROOT),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child = started;
    let output = '';
    started.stdout.on('data', (chunk: Buffer) => {
      process.stdout.write(chunk);
      output += chunk.toString();
    });
    started.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}
