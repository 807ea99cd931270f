import { ensureConsole } from '../dev/console.ts';
import { attentionUrl } from '../dev/local/ask.ts';
import { type Infrastructure, startInfrastructure } from '../dev/local/infra.ts';
import { isSupervised, StartError, waitUntil } from '../dev/local/processes.ts';
import { apiUrl, isReady, type RunningServices, startServices } from '../dev/local/services.ts';
import { mintToken } from '../dev/token.ts';
import { readCommandLine } from '../src/config/commandLine.ts';
import { type Config, loadConfigOrExit } from '../src/config/config.ts';
import { createDemo, type Demo, STEPS } from './steps.ts';
import { bold, checkedCount, dim, endStep, print, printAll, printAside } from './story.ts';

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
  infrastructure = await startInfrastructure(config, printAside);
  if (isStopping) return;
  services = await startServices(config, printAside);
  if (!(await services.ready) && !isStopping) throw new StartError(`${apiUrl(config)}/readyz is not ready; see above`);
}

async function play(): Promise<void> {
  const demo = await createDemo(config);
  for (const [index, { title, why, play: playStep }] of STEPS.entries()) {
    if (isStopping) return;
    print(`\n${bold(`${index + 1}. ${title}`)}\n   ${dim(why)}`);
    try {
      endStep(await playStep(demo));
    } catch (error) {
      if (isStopping) return;
      process.stderr.write(`\nStep ${index + 1} (${title}) failed: ${(error as Error).message}\n`);
      process.exitCode = 1;
      break;
    }
  }
  if (!process.exitCode)
    print(
      `\nAll ${STEPS.length} steps held; ${checkedCount()} fields of answers were compared (--verbose shows them).`,
    );
  if (!once) tellWhereToLook(demo);
  // What ran before the demo goes on without it.
  if (once || !infrastructure) return stop();
  print('Ctrl-C stops it.');
}

function tellWhereToLook({ companyId, people: { manager } }: Demo): void {
  const stuck = attentionUrl(config);
  print('\nTo look around, as the manager; the first two links sign in:');
  print(`Console    ${apiUrl(config)}/#token=${manager.token}`);
  print(`API docs   ${apiUrl(config)}/docs#token=${manager.token}`);
  if (config.temporal.uiUrl) print(`Web UI     ${config.temporal.uiUrl}`);
  if (stuck) print(`Stuck      ${stuck}`);
  print('\nReady to paste (other roles: csr, sales_rep, executive):');
  print(`token=$(npm run -s token -- --role manager --company ${companyId})`);
  print(`curl -H "Authorization: Bearer $token" ${apiUrl(config)}/api/v1/calls`);
  print('One more call: npm run call -- booked. Clean up: npm run cleanup -- --demo');
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
