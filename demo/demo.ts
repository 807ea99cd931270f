import { ensureConsole } from '../dev/console.ts';
import { type Infrastructure, startInfrastructure } from '../dev/local/infra.ts';
import { isSupervised, StartError, waitUntil } from '../dev/local/processes.ts';
import { apiUrl, isReady, type RunningServices, startServices } from '../dev/local/services.ts';
import { mintToken } from '../dev/token.ts';
import { readCommandLine } from '../src/config/commandLine.ts';
import { type Config, loadConfigOrExit } from '../src/config/config.ts';
import { createDemo, type Demo, STEPS } from './steps.ts';
import { bold, dim, endStep, print, printAll } from './story.ts';

// `npm run demo [-- --once]`: boots everything, or uses what runs on this DATA_DIR, then plays the story of steps.ts.
const USAGE = 'usage: npm run demo [-- --once] [--verbose]';
const RUNNING_READY_WITHIN_SECONDS = 60;

const flag = { type: 'boolean' } as const;
const { once, verbose } = readCommandLine(USAGE, { once: flag, verbose: flag }).values;
if (verbose) printAll();
// The services write to this terminal too; a log level that somebody set is kept.
process.env.LOG_LEVEL ||= 'error';
const config = loadConfigOrExit();
let infrastructure: Infrastructure | undefined;
let services: RunningServices | undefined;
let isStopping = false;

const starting = start();
starting.then(play).catch(fail);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop());

async function start(): Promise<void> {
  if (config.isProduction) throw new StartError('NODE_ENV is production: the demo makes companies and calls up');
  if (isSupervised(config.dataDir) || (await isOurApi(config))) {
    print(`Using the callwright that runs at ${apiUrl(config)}`);
    if (await waitUntil(() => isOurApi(config), RUNNING_READY_WITHIN_SECONDS)) return;
    throw new StartError(`a callwright runs on DATA_DIR ${config.dataDir}, but ${apiUrl(config)}/readyz is not ready`);
  }
  // Beside the infrastructure, which mostly waits.
  void ensureConsole(print);
  infrastructure = await startInfrastructure(config, print);
  if (isStopping) return;
  services = await startServices(config, print);
  if (!(await services.ready) && !isStopping) throw new StartError(`${apiUrl(config)}/readyz is not ready; see above`);
}

async function play(): Promise<void> {
  const demo = await createDemo(config);
  for (const [index, { title, why, play: playStep }] of STEPS.entries()) {
    if (isStopping) return;
    print(`\n${bold(`${index + 1}. ${title}`)}\n   ${dim(why)}`);
    try {
      await playStep(demo);
      endStep();
    } catch (error) {
      if (isStopping) return;
      process.stderr.write(`\nStep ${index + 1} (${title}) failed: ${(error as Error).message}\n`);
      process.exitCode = 1;
      break;
    }
  }
  if (!process.exitCode) print(`\nAll ${STEPS.length} steps held.`);
  if (!once) tellWhereToLook(demo);
  // What ran before the demo goes on without it.
  if (once || !infrastructure) return stop();
  print('\nCtrl-C stops it.');
}

function tellWhereToLook({ companyId, people }: Demo): void {
  print(
    `\nConsole    ${apiUrl(config)}/#token=${people.manager.token}\nAPI        ${apiUrl(config)}/api/v1\nAPI docs   ${apiUrl(config)}/docs`,
  );
  if (config.temporal.uiUrl) {
    const query = encodeURIComponent(`CompanyId="${companyId}"`);
    const path = `/namespaces/${encodeURIComponent(config.temporal.namespace)}/workflows?query=${query}`;
    print(`Web UI     ${config.temporal.uiUrl}${path}`);
  }
  print(`\nReady to paste: what the manager sees of the calls, newest first`);
  print(`curl -s -H "Authorization: Bearer ${people.manager.token}" ${apiUrl(config)}/api/v1/calls`);
  print(`\nA token for another role: npm run token -- --role csr --company ${companyId} --user csr_casey`);
  print('\nnpm run cleanup -- --demo removes what demos made.');
}

/** Whether the API there is ready and takes our tokens: another instance's would not. */
async function isOurApi(running: Config): Promise<boolean> {
  try {
    const token = await mintToken(running, { userId: 'demo', role: 'admin' });
    const ask = (path: string) =>
      fetch(`${apiUrl(running)}${path}`, {
        headers: { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(5000),
      }).then(async (answer) => answer.text().then(() => answer.status === 200));
    return (await isReady(running)) && (await ask('/api/v1/me'));
  } catch {
    return false;
  }
}

function fail(error: unknown): void {
  if (error instanceof Error && ['StartError', 'ConfigError'].includes(error.name))
    process.stderr.write(`${error.message}\n`);
  else console.error(error);
  process.exitCode = 1;
  void stop();
}

async function stop(): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  infrastructure?.announceStop();
  if (infrastructure) print('\nStopping…');
  await services?.stop();
  // A stop during the start waits for the step in hand, so that nothing it started is left behind.
  await starting.catch(() => {});
  await services?.stop();
  await infrastructure?.stop();
  process.exit();
}
