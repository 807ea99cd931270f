import { createInterface } from 'node:readline/promises';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { readCommandLine, refuseCommandLine } from '../src/config/commandLine.ts';
import { type Config, loadConfigOrExit } from '../src/config/config.ts';
import { type Database, openDatabase } from '../src/db/client.ts';
import { errorFields } from '../src/runtime/telemetry.ts';
import { countCompanyRows, deleteCompany, listDemoCompanies } from '../src/services/companies/delete.ts';
import { createClient } from '../src/temporal/connect.ts';
import { startInfrastructure } from './local/infra.ts';
import { isSupervised, StartError } from './local/processes.ts';

// `npm run cleanup -- --company ID | --demo [--dry-run] [--yes]`: removes all data of one company, or of all demo companies.
const USAGE = 'usage: npm run cleanup -- --company ID | --demo [--dry-run] [--yes]';
const TEMPORAL_DEADLINE_MS = 5000;
/** Temporal lists a workflow a moment after it began or ended. */
const TERMINATE_ROUNDS_MAX = 20;
const TERMINATES_AT_ONCE = 20;
const ROUND_PAUSE_MS = 250;

/** What stops the command with one line. */
class Refusal extends Error {
  override readonly name = 'Refusal';
}

type Options = ReturnType<typeof readArguments>;

const print = (line: string): void => void process.stdout.write(`${line}\n`);

try {
  const options = readArguments();
  const config = loadConfigOrExit({ needs: ['database', 'temporal'] });
  await withServers(config, () => cleanUp(config, options));
  process.exit();
} catch (error) {
  const isOneLine = error instanceof Refusal || error instanceof StartError;
  const { errorName, errorCode, errorMessage } = errorFields(error);
  const line = isOneLine ? error.message : `cleanup failed: ${[errorName, errorCode, errorMessage].join(' ').trim()}`;
  process.stderr.write(`${line}\n`);
  process.exit(1);
}

/** Runs the work with Postgres and Temporal up: those configured or running, else embedded ones for just this long. */
async function withServers(config: Config, work: () => Promise<void>): Promise<void> {
  const { postgres, temporal } = config.embedded;
  if (isSupervised(config.dataDir) || !(postgres || temporal)) return work();
  const withoutSimulator = { ...config, embedded: { ...config.embedded, shunya: false } };
  const infrastructure = await startInfrastructure(withoutSimulator, () => {});
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= infrastructure.stop();
    return stopping;
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => void stop().then(() => process.exit(1)));
  try {
    await work();
  } finally {
    await stop();
  }
}

async function cleanUp(config: Config, options: Options): Promise<void> {
  const { db, close } = openDatabase(config.databaseUrl, { max: 2 });
  const { client, connection } = createClient(config);
  try {
    const companyIds = options.company ? [options.company] : (await listDemoCompanies(db)).map((company) => company.id);
    const found = await tellWhatIsThere(db, client, companyIds);
    if (found.length === 0) return print('Nothing to remove.');
    if (options.dryRun) return print('Dry run: nothing was removed.');
    if (!options.yes) await askForConsent(found.length);
    for (const companyId of found) await remove(db, client, config, companyId);
  } finally {
    await connection.close();
    await close();
  }
}

/** Prints rows per table and running workflows. @returns the companies that have any */
async function tellWhatIsThere(db: Database, client: Client, companyIds: string[]): Promise<string[]> {
  const found: string[] = [];
  for (const companyId of companyIds) {
    const counts = await countCompanyRows(db, companyId);
    const workflows = await listWorkflows(client, companyId);
    const running = workflows.filter(({ isRunning }) => isRunning).length;
    if (Object.keys(counts).length === 0 && workflows.length === 0) continue;
    found.push(companyId);
    print(`Company ${companyId}`);
    for (const [table, count] of Object.entries(counts)) print(`  ${table.padEnd(28)} ${String(count).padStart(8)}`);
    print(`  ${'workflows, running'.padEnd(28)} ${String(running).padStart(8)}`);
    print(`  ${'workflows, closed'.padEnd(28)} ${String(workflows.length - running).padStart(8)}`);
  }
  return found;
}

async function askForConsent(companies: number): Promise<void> {
  if (!process.stdin.isTTY) throw new Refusal('nobody is there to ask: add --yes to remove it, or --dry-run to look');
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const what = companies === 1 ? 'this company' : `these ${companies} companies`;
  // Ctrl-C is a no.
  const answer = await terminal
    .question(`Remove all data of ${what}? It cannot be brought back. [y/N] `)
    .catch(() => '');
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new Refusal('nothing was removed');
}

/** Workflows first, so that none writes again; then all rows at once; then what a late ring started meanwhile. */
async function remove(db: Database, client: Client, config: Config, companyId: string): Promise<void> {
  await terminateRunning(client, companyId);
  const counts = await db.transaction((tx) => deleteCompany(tx, companyId));
  await terminateRunning(client, companyId);
  const kept = await deleteHistories(client, config.temporal.namespace, companyId);
  const rows = Object.values(counts).reduce((sum, count) => sum + count, 0);
  print(`Removed company ${companyId}: ${rows} rows.${kept > 0 ? ` Temporal kept ${kept} workflow histories.` : ''}`);
}

async function terminateRunning(client: Client, companyId: string): Promise<void> {
  for (let round = 0; round < TERMINATE_ROUNDS_MAX; round += 1) {
    const running = (await listWorkflows(client, companyId)).filter(({ isRunning }) => isRunning);
    if (running.length === 0) return;
    const terminate = async () => {
      for (let next = running.pop(); next; next = running.pop())
        await client.workflow
          .getHandle(next.workflowId, next.runId)
          .terminate('its company was removed')
          .catch((error: unknown) => {
            if (!(error instanceof WorkflowNotFoundError)) throw error;
          });
    };
    await Promise.all(Array.from({ length: TERMINATES_AT_ONCE }, terminate));
    await new Promise((resolve) => setTimeout(resolve, ROUND_PAUSE_MS));
  }
  throw new Refusal(`workflows of company ${companyId} go on starting: stop its webhooks and run this again`);
}

/** Best effort: what Temporal keeps holds ids and times only, and ends with its retention. @returns how many stay */
async function deleteHistories(client: Client, namespace: string, companyId: string): Promise<number> {
  let kept = 0;
  for (const { workflowId, runId } of await listWorkflows(client, companyId))
    await client
      .withDeadline(Date.now() + TEMPORAL_DEADLINE_MS, () =>
        client.workflowService.deleteWorkflowExecution({ namespace, workflowExecution: { workflowId, runId } }),
      )
      .catch(() => {
        kept += 1;
      });
  return kept;
}

/** All workflows of a company: calls, visits and their analyses carry it as a search attribute. */
async function listWorkflows(client: Client, companyId: string) {
  const workflows: { workflowId: string; runId: string; isRunning: boolean }[] = [];
  for await (const { workflowId, runId, status } of client.workflow.list({ query: `CompanyId = '${companyId}'` }))
    workflows.push({ workflowId, runId, isRunning: status.name === 'RUNNING' });
  return workflows;
}

function readArguments() {
  const flag = { type: 'boolean', default: false } as const;
  const options = { company: { type: 'string' }, demo: flag, 'dry-run': flag, yes: flag } as const;
  const { values, positionals } = readCommandLine(USAGE, options);
  if (positionals.length > 0) refuseCommandLine(USAGE, `${positionals[0]} belongs to no option`);
  const { company, demo, yes } = values;
  if (demo === (company !== undefined)) refuseCommandLine(USAGE, 'give either --company or --demo');
  // It becomes part of a query to Temporal.
  if (company !== undefined && !/^[A-Za-z0-9._-]{1,128}$/.test(company))
    throw new Refusal('--company is not the id of a company');
  return { company, yes, dryRun: values['dry-run'] };
}
