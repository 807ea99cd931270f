import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCommandLine } from '../src/config/commandLine.ts';
import { bundleWorkflows } from '../src/temporal/workflowBundle.ts';
import { bundleService } from './bundle.ts';
import { ensureConsole } from './console.ts';

// `npm run build`: dist/server.js, dist/worker.js, dist/migrate.js, dist/backfill.js, dist/metricsCheck.js, the workflow code as one file, the
// typed client for frontends, and console/dist.
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = path.join(ROOT, 'dist');

readCommandLine('usage: npm run build, without options: writes dist and console/dist', {});
rmSync(DIST, { recursive: true, force: true });
const tsc = path.join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
// The types of all, then the client with its types for frontends.
for (const project of ['tsconfig.build.json', 'tsconfig.client.json']) {
  const compiled = spawnSync(process.execPath, [tsc, '-p', project], { cwd: ROOT, stdio: 'inherit' });
  if (compiled.status !== 0) process.exit(compiled.status ?? 1);
}
await bundleService(DIST);
writeFileSync(path.join(DIST, 'workflow-bundle.js'), await bundleWorkflows());
if (!(await ensureConsole((line) => process.stderr.write(`${line}\n`)))) process.exit(1);
process.stdout.write(
  'Built dist/server.js, dist/worker.js, dist/migrate.js, dist/backfill.js, dist/metricsCheck.js, dist/workflow-bundle.js, dist/client and console/dist\n',
);
