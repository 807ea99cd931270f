import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from '../config/config.ts';

const SOURCE = fileURLToPath(new URL('..', import.meta.url));
const PREBUILT = path.join(SOURCE, 'workflow-bundle.js');

/**
 * The workflow code as the worker takes it: the prebuilt file of a production build, else a bundle of the sources, kept in
 * DATA_DIR/cache by their content, since bundling takes seconds.
 */
export async function loadWorkflowBundle(config: Pick<Config, 'dataDir'>): Promise<{ codePath: string }> {
  if (existsSync(PREBUILT)) return { codePath: PREBUILT };
  const cacheDir = path.join(config.dataDir, 'cache');
  const codePath = path.join(cacheDir, `workflow-bundle-${sourcesHash()}.js`);
  if (existsSync(codePath)) return { codePath };
  const code = await bundleWorkflows();
  mkdirSync(cacheDir, { recursive: true });
  for (const old of readdirSync(cacheDir))
    if (old.startsWith('workflow-bundle-')) rmSync(path.join(cacheDir, old), { force: true });
  const draft = `${codePath}.${process.pid}`;
  writeFileSync(draft, code);
  renameSync(draft, codePath);
  return { codePath };
}

/** Bundles `src/workflows/index.ts`; the build stores the result beside the compiled worker. */
export async function bundleWorkflows(): Promise<string> {
  const { bundleWorkflowCode, DefaultLogger } = await import('@temporalio/worker');
  const { code } = await bundleWorkflowCode({
    workflowsPath: path.join(SOURCE, 'workflows', 'index.ts'),
    payloadConverterPath: path.join(SOURCE, 'workflows', 'payloadConverter.ts'),
    // Webpack's own report is of no use to an operator.
    logger: new DefaultLogger('WARN'),
  });
  return code;
}

/** Changes whenever the bundle may: workflows import nothing but domain and packages of the lock file. */
function sourcesHash(): string {
  const hash = createHash('sha256');
  for (const folder of ['workflows', 'domain']) {
    for (const file of readdirSync(path.join(SOURCE, folder), { recursive: true, encoding: 'utf8' }).sort()) {
      if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue;
      hash.update(file).update(readFileSync(path.join(SOURCE, folder, file)));
    }
  }
  const lockFile = path.join(SOURCE, '..', 'package-lock.json');
  if (existsSync(lockFile)) hash.update(readFileSync(lockFile));
  return hash.digest('hex').slice(0, 16);
}
