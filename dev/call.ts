/** `npm run call -- SCENARIO`: one call of now, through the webhooks of the service that runs here, and what became of it. */
import { randomBytes } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { type CallRailEventName, callRailPayload, createCallRailSender, simulateCall } from '../simulators/callrail.ts';
import { readCommandLine, refuseCommandLine } from '../src/config/commandLine.ts';
import { type Config, loadConfigOrExit } from '../src/config/config.ts';
import { sampleRecording } from '../src/config/sampleRecordings.ts';
import { openDatabase } from '../src/db/client.ts';
import { companies } from '../src/db/schema/index.ts';
import { parsePhone } from '../src/domain/phone.ts';
import { isFinalStage } from '../src/domain/pipeline.ts';
import { type Answer, type Ask, askAs, runCommand } from './local/ask.ts';
import { StartError, waitUntil } from './local/processes.ts';
import { newPhoneNumber } from './local/sampleCalls.ts';
import { apiUrl } from './local/services.ts';
import { mintToken } from './token.ts';

interface Scenario {
  events: CallRailEventName[];
  /** Where a call like this ends. */
  stage: 'done' | 'not_analyzable';
  /** What of the call differs from an answered one. */
  answered?: false;
  voicemail?: true;
}

const CONVERSATION: Scenario = { events: ['incoming', 'answered', 'completed'], stage: 'done' };
const SCENARIOS: Record<string, Scenario> = {
  booked: CONVERSATION,
  'not-booked': CONVERSATION,
  cold: CONVERSATION,
  unqualified: CONVERSATION,
  'service-not-offered': CONVERSATION,
  silence: { ...CONVERSATION, stage: 'not_analyzable' },
  missed: { events: ['incoming', 'missed'], stage: 'done', answered: false },
  voicemail: { events: ['incoming', 'completed'], stage: 'done', answered: false, voicemail: true },
};
const SAMPLE_ID = 'demo-calls';
const USAGE = `usage: npm run call -- SCENARIO [--company ID] [--caller +12125550147]
SCENARIO: ${Object.keys(SCENARIOS).join(', ')}
Without --company it calls a company of its own, ${SAMPLE_ID}; npm run cleanup -- --demo removes it.`;
const USER = 'call_command';
const WAIT_SECONDS = 120;

/** Whom the call is made to, and how its webhooks are signed. */
interface Callee {
  companyId: string;
  trackingNumber: string;
  signingKey: string;
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);

await runCommand(async () => {
  const option = { type: 'string' } as const;
  const { values, positionals } = readCommandLine(USAGE, { company: option, caller: option });
  const [name = '', ...more] = positionals;
  const scenario = Object.hasOwn(SCENARIOS, name) ? SCENARIOS[name] : undefined;
  if (name === '' || more.length > 0) refuseCommandLine(USAGE, 'name one scenario');
  if (!scenario) refuseCommandLine(USAGE, `there is no scenario ${name}`);
  const { company, caller = newPhoneNumber() } = values;
  if (parsePhone(caller) === undefined) refuseCommandLine(USAGE, `--caller ${caller} is not a phone number`);
  const config = loadConfigOrExit({ secrets: 'require' });
  if (config.isProduction) throw new StartError('NODE_ENV is production: this makes a call up');
  const ask = await askAs(config, { userId: USER, role: 'admin' });
  const found = await findCompany(config, ask, company ?? SAMPLE_ID);
  if (!found && company !== undefined) throw new StartError(`there is no company ${company}`);
  const callee = found ?? (await makeCompany(ask));
  const id = await play(config, callee, name, scenario, caller);
  return tellOutcome(config, callee, id, name, scenario);
});

async function makeCompany(ask: Ask): Promise<Callee> {
  const callee = { companyId: SAMPLE_ID, trackingNumber: newPhoneNumber(), signingKey: randomBytes(8).toString('hex') };
  const { companyId: id, trackingNumber, signingKey } = callee;
  await ask('POST', '/companies', {
    id,
    name: 'Sample Home Services',
    is_demo: true,
    callrail_signing_keys: [signingKey],
  });
  await ask('POST', `/companies/${id}/tracking-numbers`, { phone_number: trackingNumber });
  return callee;
}

/** The signing key is in the database alone: the API never shows one. @returns undefined where there is no such company */
async function findCompany(config: Config, ask: Ask, companyId: string): Promise<Callee | undefined> {
  const { db, close } = openDatabase(config.databaseUrl, { max: 1 });
  try {
    const keys = { signingKeys: companies.callrailSigningKeys };
    const [row] = await db.select(keys).from(companies).where(eq(companies.id, companyId));
    if (!row) return undefined;
    const path = `/companies/${encodeURIComponent(companyId)}/tracking-numbers`;
    const [number] = (await ask('GET', path)).items;
    if (!number) throw new StartError(`${companyId} has no tracking number: POST /api/v1${path} adds one`);
    return { companyId, trackingNumber: number.phone_number, signingKey: row.signingKeys[0] ?? '' };
  } finally {
    await close();
  }
}

/** Sends the call's webhooks one after the other. @returns CallRail's id of the call */
async function play(config: Config, callee: Callee, name: string, scenario: Scenario, caller: string): Promise<string> {
  const { events, answered = true, voicemail = false } = scenario;
  const hasRecording = events.includes('completed');
  const words = voicemail ? 'voicemail-cold' : name;
  const durationSeconds = voicemail ? 31 : answered ? 184 : 0;
  const call = simulateCall({
    trackingNumber: callee.trackingNumber,
    customerNumber: caller,
    answered,
    voicemail,
    durationSeconds,
    // It has ended just now.
    startedAt: new Date(Date.now() - durationSeconds * 1000),
    recording: hasRecording ? sampleRecording(config, randomBytes(4).toString('hex'), `${words}.wav`) : '',
  });
  const sender = createCallRailSender({ baseUrl: apiUrl(config), signingKey: callee.signingKey });
  print(`${caller} calls ${callee.trackingNumber} of company ${callee.companyId}`);
  for (const event of events) {
    const { status, body } = await sender.send(event, callRailPayload(event, call));
    const word = (body as Answer)?.status ?? (body as Answer)?.code;
    if (status !== 200 || word !== 'accepted')
      throw new StartError(`call.${event} was answered ${status} ${word}: the company's signing key may differ`);
  }
  print(`  webhooks     ${events.join(', ')}: accepted`);
  return call.id;
}

async function tellOutcome(
  config: Config,
  { companyId }: Callee,
  providerCallId: string,
  name: string,
  scenario: Scenario,
) {
  // An admin sees no calls.
  const ask = await askAs(config, { userId: USER, role: 'manager', companyId });
  const workflow = `/pipelines/${encodeURIComponent(`call:${companyId}:${providerCallId}`)}`;
  let pipeline: Answer;
  const isOver = async () => {
    pipeline = await ask('GET', workflow).catch((error: Error) => {
      if (/ answered 404 /.test(error.message)) return undefined;
      throw error;
    });
    return isFinalStage(pipeline?.stage);
  };
  const inTime = await waitUntil(isOver, WAIT_SECONDS);
  if (!pipeline) throw new StartError(`no call after ${WAIT_SECONDS} s: npm run doctor says what is wrong`);
  const call = await ask('GET', `/calls/${pipeline.subject_id}`);
  const { items: appointments } = call.lead_id
    ? await ask('GET', `/appointments?lead_id=${call.lead_id}`)
    : { items: [] };
  const appointment = appointments.find((each: Answer) => each.call_id === call.id);
  print(`  status       ${call.status}, pipeline ${pipeline.stage}${pipeline.reason ? ` (${pipeline.reason})` : ''}`);
  if (call.analysis) print(`  outcome      ${call.analysis.qualification}, ${call.analysis.call_outcome_category}`);
  if (appointment) print(`  appointment  ${appointment.scheduled_start} ${appointment.service_type ?? ''}`.trimEnd());
  if (call.has_recording && config.embedded.shunya) print(`  recording    ${await playSecond(ask, call.id)}`);
  print(`  API          ${apiUrl(config)}/api/v1/calls/${call.id}`);
  if (pipeline.temporal_url) print(`  Web UI       ${pipeline.temporal_url}`);
  const token = await mintToken(config, { userId: USER, role: 'manager', companyId });
  print(`  Console      ${apiUrl(config)}/calls/${call.id}#token=${token}`);
  print(`  API docs     ${apiUrl(config)}/docs#token=${token}`);
  if (!inTime) print(`It was not over after ${WAIT_SECONDS} s; npm run stuck and npm run doctor say why.`);
  return inTime && pipeline.stage === scenario.stage && (name !== 'booked' || appointment !== undefined);
}

/** Asks for one second of the recording, as a player does. */
async function playSecond(ask: Ask, callId: string): Promise<string> {
  const { url } = await ask('GET', `/calls/${callId}/recording`);
  const init = { headers: { range: 'bytes=0-8043' }, signal: AbortSignal.timeout(20_000) };
  const answer = await fetch(url, init).catch(() => undefined);
  await answer?.body?.cancel();
  return answer?.status === 206 ? `plays (${answer.headers.get('content-type')})` : 'cannot be played here';
}
