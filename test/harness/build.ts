import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleService } from '../../dev/bundle.ts';
import { loadWorkflowBundle } from '../../src/temporal/workflowBundle.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What the built service finds beside `dist`. */
const BESIDE = ['node_modules', 'drizzle', 'console', 'package.json'];

/**
 * Builds the service as `npm run build` does, but for the types, which are checked elsewhere. The tests start it a hundred
 * times, and it starts in a fourth of the time that its sources take.
 * @param dataDir the folder of this run
 * @returns the folder that has `dist`
 */
export async function buildService(dataDir: string): Promise<string> {
  const folder = path.join(dataDir, 'build');
  const dist = path.join(folder, 'dist');
  mkdirSync(folder);
  for (const name of BESIDE) symlinkSync(path.join(ROOT, name), path.join(folder, name));
  const [bundle] = await Promise.all([loadWorkflowBundle({ dataDir: serviceDataDir(dataDir) }), bundleService(dist)]);
  cpSync(bundle.codePath, path.join(dist, 'workflow-bundle.js'));
  return folder;
}

/** DATA_DIR of the services of a run: they share the bundle of the workflows in it. */
export const serviceDataDir = (dataDir: string) => path.join(dataDir, 'service');
