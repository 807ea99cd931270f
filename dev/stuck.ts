/** `npm run stuck`: what needs a person, in words; with `--retry` it is tried again now. */
import { DateTime } from 'luxon';
import { readCommandLine, refuseCommandLine } from '../src/config/commandLine.ts';
import { loadConfigOrExit } from '../src/config/config.ts';
import type { Blocker } from '../src/domain/pipeline.ts';
import { describeError } from '../src/domain/pipelineSteps.ts';
import { type Answer, type Ask, askAs, attentionUrl, runCommand } from './local/ask.ts';

const USAGE = 'usage: npm run stuck [-- --company ID] [--retry --reason TEXT]';
const SHOWN_MAX = 200;

const WAITS_FOR: Record<Blocker, string> = {
  database: 'the database',
  shunya_transcription: 'Shunya’s transcription',
  shunya_analysis: 'Shunya’s analysis',
  callrail_recording: 'CallRail’s recording',
  overdue: 'a job of Shunya that is overdue',
};

const print = (line: string): void => void process.stdout.write(`${line}\n`);

await runCommand(async () => {
  const text = { type: 'string' } as const;
  const options = { company: text, retry: { type: 'boolean' }, reason: text } as const;
  const { values, positionals } = readCommandLine(USAGE, options);
  const { company, retry = false, reason } = values;
  if (positionals.length > 0) refuseCommandLine(USAGE, `${positionals[0]} belongs to no option`);
  if (retry && !reason?.trim()) refuseCommandLine(USAGE, '--reason is missing: it is kept in the audit log');
  if (!retry && reason !== undefined) refuseCommandLine(USAGE, '--reason goes with --retry');
  const config = loadConfigOrExit({ needs: ['auth'], secrets: 'require' });
  const ask = await askAs(config, { userId: 'stuck_command', role: 'admin' });
  const total = await tellStuck(ask, company);
  const url = attentionUrl(config);
  if (total === 0) return true;
  if (url) print(`In the Web UI: ${url}`);
  if (!retry) {
    print('To try them again now: npm run stuck -- --retry --reason "why"');
    return true;
  }
  const filter = { needs_attention: true, ...(company !== undefined && { company_id: company }) };
  const sent = await ask('POST', '/pipelines/retry', { filter, reason });
  print(`Told ${sent.sent} of ${sent.matched} to try again now; npm run stuck shows what is left.`);
  return sent.sent === sent.matched;
});

/** @returns how many there are */
async function tellStuck(ask: Ask, company: string | undefined): Promise<number> {
  const where = company === undefined ? '' : `&company_id=${encodeURIComponent(company)}`;
  const { items, total } = await ask('GET', `/pipelines?needs_attention=true&limit=${SHOWN_MAX}${where}`);
  if (items.length === 0) print(`Nothing needs attention${company === undefined ? '' : ` at ${company}`}.`);
  for (const item of items) print(describe(item));
  if (total > items.length) print(`… and ${total - items.length} more`);
  return items.length;
}

function describe(item: Answer): string {
  const blocker = WAITS_FOR[item.blocked_on as Blocker] ?? 'a person';
  const since = DateTime.fromISO(item.since);
  const tries = item.attempts === 1 ? '1 attempt' : `${item.attempts} attempts`;
  const what = `${item.company_id}  ${item.kind} ${item.subject_id}  waits for ${blocker}`;
  const history = `since ${since.toUTC().toFormat("yyyy-MM-dd HH:mm 'UTC'")} (${since.toRelative({ locale: 'en' })}), ${tries}`;
  const error = item.reason ? describeError(item) : 'none';
  const lines = [what, `${history}, last error: ${error}`, item.temporal_url ?? item.workflow_id];
  return lines.join('\n  ');
}
