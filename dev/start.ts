import { readCommandLine, refuseCommandLine } from '../src/config/commandLine.ts';
import { loadConfigOrExit } from '../src/config/config.ts';
import { migrateDatabase } from '../src/migrate.ts';
import { shunyaProblem } from '../src/providers/probe.ts';
import { ensureConsole } from './console.ts';
import { attentionUrl } from './local/ask.ts';
import { type Infrastructure, startInfrastructure } from './local/infra.ts';
import { StartError } from './local/processes.ts';
import { apiUrl, type RunningServices, startServices } from './local/services.ts';
import { watchProduct } from './local/watch.ts';

// `npm start` (all), `npm run start:infra` (infra), `npm run dev` (all; API and worker start again when src/ or drizzle/
// changes). Stops in order on Ctrl-C or SIGTERM, however often they come.
const USAGE = `usage: npm start, npm run dev or npm run start:infra, without options
It is configured by environment variables or .env; docs/configuration.md lists them. npm run doctor checks what it needs.`;
const { positionals } = readCommandLine(USAGE, {});
const [mode = 'all', ...more] = positionals;
if (!['all', 'infra', 'dev'].includes(mode) || more.length > 0)
  refuseCommandLine(USAGE, `${positionals.at(-1)} belongs to no option`);

const config = loadConfigOrExit(mode === 'infra' ? { needs: ['database', 'temporal'] } : {});
const tell = (line: string) => process.stdout.write(`${line}\n`);
let infrastructure: Infrastructure | undefined;
let services: RunningServices | undefined;
let isStopping = false;
let endWatch = () => {};

let starting = start();
starting.catch(fail);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop());

async function start(): Promise<void> {
  // Beside the infrastructure, which mostly waits.
  if (mode === 'all') void ensureConsole(tell);
  infrastructure = await startInfrastructure(config, tell);
  if (isStopping) return;
  if (mode === 'infra') {
    tell('Infrastructure is ready. Ctrl-C stops it.');
    return;
  }
  // A change during the start is seen too; it waits its turn.
  if (mode === 'dev') endWatch = watchProduct(restart);
  services = await startServices(config, tell);
  if ((await services.ready) || isStopping) return await tellReady();
  tell(`The API does not answer 200 at ${apiUrl(config)}/readyz yet; see the lines above.`);
}

/** API and worker again, with the code as it is now. What cannot be migrated or started is told, and waits for the next change. */
async function restart(file: string): Promise<void> {
  await starting.catch(() => {});
  if (isStopping) return;
  starting = startAgain(file);
  await starting.catch((error) => tell(`not started: ${(error as Error).message}`));
}

async function startAgain(file: string): Promise<void> {
  tell(`${file} changed; API and worker start again`);
  await services?.stop();
  await migrateDatabase(config.databaseUrl);
  if (isStopping) return;
  services = await startServices(config, tell);
  if (await services.ready) tell('callwright is ready again.');
}

async function tellReady(): Promise<void> {
  const problem = await shunyaProblem(config.shunya);
  if (isStopping) return;
  const attention = attentionUrl(config);
  tell(`Console    ${apiUrl(config)}/`);
  tell(`API        ${apiUrl(config)}/api/v1`);
  tell(`API docs   ${apiUrl(config)}/docs`);
  if (config.temporal.uiUrl) tell(`Web UI     ${config.temporal.uiUrl}`);
  if (attention) tell(`Stuck      ${attention}`);
  const shunya = config.embedded.shunya ? 'the simulator (SHUNYA_BASE_URL is not set)' : config.shunya.baseUrl;
  tell(`Shunya     ${shunya} ${problem ?? 'answers'}`);
  tell('Next       npm run call -- booked');
  tell('callwright is ready. Ctrl-C stops it.');
}

function fail(error: unknown): void {
  if (error instanceof StartError) process.stderr.write(`${error.message}\n`);
  else console.error(error);
  process.exitCode = 1;
  void stop();
}

async function stop(): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  endWatch();
  infrastructure?.announceStop();
  if (!process.exitCode) tell('Stopping…');
  await services?.stop();
  // A stop during the start waits for the step in hand, so that nothing it started is left behind.
  await starting.catch(() => {});
  await services?.stop();
  await infrastructure?.stop();
  process.exit();
}
