import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { streamRecording } from '../src/api/recordings/recordingStream.ts';
import { loadConfig } from '../src/config/config.ts';
import { sampleRecording } from '../src/config/sampleRecordings.ts';
import { createShunyaClient, type ShunyaError } from '../src/providers/shunya/client.ts';
import { normalizeCallAnalysis, normalizeTranscript, readShunyaCallback } from '../src/providers/shunya/payload.ts';
import { verifyShunyaSignature } from '../src/providers/shunya/signature.ts';
import { type ShunyaSimulator, startShunyaSimulator } from './shunya.ts';

// Our client and the simulator of Shunya, over HTTP: each is what holds the other to the contract.

const apiKey = 'test-key';
const webhookSecret = 'test-secret';
const companyId = 'company-1';

let receiver: Server;
let received: { body: Record<string, unknown>; verdict: string }[] = [];
let receiverStatus = 200;
let webhookUrl: string;
let simulator: ShunyaSimulator;

beforeAll(async () => {
  receiver = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const rawBody = Buffer.concat(chunks);
    const verdict = verifyShunyaSignature({
      rawBody,
      timestamp: request.headers['x-shunya-timestamp'] as string,
      signature: request.headers['x-shunya-signature'] as string,
      secrets: [webhookSecret],
      nowMs: Date.now(),
    });
    if (receiverStatus === 200) received.push({ body: JSON.parse(rawBody.toString()), verdict });
    response.writeHead(receiverStatus).end();
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  webhookUrl = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  simulator = await startShunyaSimulator({
    port: 0,
    apiKey,
    webhookUrl,
    webhookSecret,
    delaysMs: { transcription: 20, analysis: 20 },
  });
});

afterAll(async () => {
  await simulator.stop();
  receiver.closeAllConnections();
  receiver.close();
});

beforeEach(() => {
  received = [];
  receiverStatus = 200;
});

afterEach(() => control('POST', 'reset'));

// biome-ignore lint/suspicious/noExplicitAny: each control answers its own shape, and the tests check it
async function control(method: string, path: string, body?: object): Promise<any> {
  const response = await fetch(`${simulator.url}/_control/${path}`, { method, body: JSON.stringify(body) });
  expect(response.status).toBeLessThan(300);
  return response.json();
}

const fault = (body: object) => control('POST', 'faults', body);
const client = (timeoutSeconds = 5) => createShunyaClient({ baseUrl: `${simulator.url}/`, apiKey, timeoutSeconds });

function transcription(name: string, changes: object = {}) {
  const audioUrl = `https://recordings.example/${name}.mp3`;
  return { shunyaCallId: 1001, companyId, audioUrl, callType: 'csr_call' as const, idempotencyKey: 'k1', ...changes };
}

const failureOf = (promise: Promise<unknown>): Promise<ShunyaError> =>
  promise.then(
    () => expect.fail('it did not fail'),
    (error) => error,
  );

const statusOf = async (kind: 'transcription' | 'analysis', shunyaCallId = 1001) =>
  (await client().getStatus(kind, { shunyaCallId, companyId })).status;

async function transcribed(name: string, changes: object = {}) {
  const answer = await client().startTranscription(transcription(name, changes));
  await vi.waitFor(async () => expect(await statusOf('transcription')).toBe('completed'));
  return answer;
}

describe('the main path', () => {
  it('transcribes, analyzes and calls back, signed', async () => {
    const { taskId, transcript } = await transcribed('booked');
    expect(transcript).toBeNull();
    const call = { shunyaCallId: 1001, companyId };
    const text = normalizeTranscript(await client().getTranscript(call));
    expect(text?.turns.length).toBeGreaterThan(3);

    const analysis = await client().startAnalysis({ ...call, idempotencyKey: 'k2' });
    await vi.waitFor(() => expect(received).toHaveLength(2));
    expect(received.map(({ verdict }) => verdict)).toEqual(['ok', 'ok']);
    const callbacks = received.map(({ body }) => readShunyaCallback(body));
    expect(callbacks).toMatchObject([
      { jobId: taskId, jobType: 'transcription', outcome: 'completed', companyId, shunyaCallId: 1001 },
      { jobId: analysis.taskId, jobType: 'analysis', outcome: 'completed', companyId, shunyaCallId: 1001 },
    ]);

    const fetched = await client().getAnalysis(call);
    expect(callbacks[1]?.result).toEqual(fetched);
    expect(normalizeCallAnalysis(fetched)).toMatchObject({
      qualification: 'hot',
      bookingStatus: 'booked',
      callOutcomeCategory: 'qualified_and_booked',
      appointmentDate: expect.stringMatching(/^\d{4}-\d\d-\d\dT10:00:00$/),
      objections: [{ category: 'Price', overcome: true }],
    });
  });

  it.each([
    ['warm-lead', { qualification: 'warm', bookingStatus: 'not_booked', objections: [{ overcome: false }] }],
    ['not-booked', { qualification: 'warm', bookingStatus: 'not_booked' }],
    ['unqualified', { qualification: 'unqualified', callOutcomeCategory: 'unqualified' }],
    ['service_not_offered', { bookingStatus: 'service_not_offered' }],
    ['booked', { assignedRepId: 'rep-7', appointmentDate: expect.stringMatching(/T14:30:00$/) }],
  ])('hears %s in the link', async (name, expected) => {
    await transcribed(name, { audioUrl: `https://recordings.example/${name}.mp3?rep=rep-7&days=2&at=14:30` });
    await client().startAnalysis({ shunyaCallId: 1001, companyId, idempotencyKey: 'k2' });
    await vi.waitFor(async () => expect(await statusOf('analysis')).toBe('completed'));
    const analysis = normalizeCallAnalysis(await client().getAnalysis({ shunyaCallId: 1001, companyId }));
    expect(analysis).toMatchObject(expected);
  });

  it('hears no speech in silence', async () => {
    await transcribed('silence');
    expect(normalizeTranscript(await client().getTranscript({ shunyaCallId: 1001, companyId }))?.text).toBe('');
  });

  it('answers with the transcript where there is no job to wait for', async () => {
    const { transcript } = await client().startTranscription(transcription('booked-inline'));
    expect(transcript?.text).toContain('Thank you for calling');
    expect(await statusOf('transcription')).toBe('completed');
    await client().startAnalysis({ shunyaCallId: 1001, companyId, idempotencyKey: 'k2' });
    await vi.waitFor(() => expect(received).toHaveLength(1));
    expect(received[0]?.body.job_type).toBe('analysis');
  });

  it('takes results a test has set', async () => {
    await control('POST', 'results', { match: 'odd', analysis: { qualification: 'HOT', sentiment_score: 9 } });
    await transcribed('odd');
    await client().startAnalysis({ shunyaCallId: 1001, companyId, idempotencyKey: 'k2' });
    await vi.waitFor(async () => expect(await statusOf('analysis')).toBe('completed'));
    const analysis = await client().getAnalysis({ shunyaCallId: 1001, companyId });
    expect(normalizeCallAnalysis(analysis)).toMatchObject({ qualification: 'hot', sentimentScore: null });
  });
});

describe('keys', () => {
  it('answers a repeat with the first answer and another body with 409', async () => {
    const first = await client().startTranscription(transcription('booked'));
    expect(await client().startTranscription(transcription('booked'))).toEqual(first);
    const error = await failureOf(client().startTranscription(transcription('warm')));
    expect(error).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED', status: 409, permanent: false });
    expect(await control('GET', 'stats')).toMatchObject({
      accepted: 1,
      duplicates: 0,
      repeats: 1,
      conflicts: 1,
      submits: [
        { company_id: companyId, call_id: 1001, kind: 'transcription', accepted: 1, repeats: 1, duplicates: 0 },
      ],
    });
  });

  it('remembers only what it accepted, also when the answer was lost', async () => {
    await fault({ type: 'error', status: 503, on: 'submit', times: 1 });
    await fault({ type: 'disconnect', on: 'submit', when: 'after', times: 1 });
    expect(await failureOf(client().startTranscription(transcription('booked')))).toMatchObject({ status: 503 });
    expect(await failureOf(client().startTranscription(transcription('booked')))).toMatchObject({ code: 'network' });
    const { taskId } = await client().startTranscription(transcription('booked'));
    const { jobs } = await control('GET', 'jobs?call_id=1001');
    expect(jobs).toMatchObject([{ task_id: taskId, attempt: 1 }]);
  });

  it('counts a second job for a step that has not failed as a duplicate', async () => {
    await fault({ type: 'job_fails', first_attempts: 1, retryable: true });
    await client().startTranscription(transcription('booked'));
    await vi.waitFor(async () => expect(await statusOf('transcription')).toBe('failed'));
    await client().startTranscription(transcription('booked', { idempotencyKey: 'k2' }));
    expect(await control('GET', 'stats')).toMatchObject({ accepted: 2, duplicates: 0 });
    await client().startTranscription(transcription('booked', { idempotencyKey: 'k3' }));
    expect(await control('GET', 'stats')).toMatchObject({ accepted: 3, duplicates: 1 });
  });
});

describe('failures, as the client tells them apart', () => {
  const submit = (timeoutSeconds?: number) => client(timeoutSeconds).startTranscription(transcription('booked'));

  it.each([
    [{ status: 500 }, { code: 'SIMULATED_FAILURE', status: 500, permanent: false }],
    [{ status: 401 }, { status: 401, permanent: false }],
    [{ status: 404 }, { status: 404, permanent: false }],
    [{ status: 408 }, { status: 408, permanent: false }],
    [{ status: 400 }, { status: 400, permanent: true }],
    [{ status: 413 }, { status: 413, permanent: true }],
    [{ status: 415 }, { status: 415, permanent: true }],
    [{ status: 422 }, { status: 422, permanent: true }],
    [{ status: 500, retryable: false }, { permanent: true }],
    [{ status: 200 }, { status: 200, permanent: false }],
    [
      { status: 200, retryable: true },
      { status: 200, permanent: false },
    ],
    [
      { status: 200, retryable: false, error_code: 'BAD_AUDIO' },
      { code: 'BAD_AUDIO', permanent: true },
    ],
    [{ status: 200, error_code: 'call +15550100 now' }, { code: 'unknown' }],
    [
      { status: 429, retry_after_seconds: 7 },
      { status: 429, permanent: false, retryAfterSeconds: 7 },
    ],
    [
      { status: 503, retry_after_seconds: 9, retry_after_in: 'details' },
      { permanent: false, retryAfterSeconds: 9 },
    ],
  ])('%j', async (answer, expected) => {
    await fault({ type: 'error', on: 'submit', times: 1, ...answer });
    const error = await failureOf(submit());
    expect(error).toMatchObject(expected);
    expect(error.message).toMatch(/^Shunya: [A-Za-z]\w* \(HTTP \d{3} 127\.0\.0\.1:\d+\)$/);
    await submit();
  });

  it('reads Retry-After as a date', async () => {
    await fault({ type: 'error', status: 429, retry_after_seconds: 60, retry_after_in: 'date', times: 1 });
    const { retryAfterSeconds } = await failureOf(submit());
    expect(retryAfterSeconds).toBeGreaterThan(55);
    expect(retryAfterSeconds).toBeLessThanOrEqual(60);
  });

  it('400 or 422 is permanent on a submit only', async () => {
    await transcribed('booked');
    await fault({ type: 'error', status: 422, on: 'status', times: 1 });
    const error = await failureOf(client().getStatus('transcription', { shunyaCallId: 1001, companyId }));
    expect(error).toMatchObject({ status: 422, permanent: false });
  });

  it('gives a silent server up in time, and a network that is down at once', async () => {
    await fault({ type: 'hang', times: 1 });
    expect(await failureOf(submit(0.1))).toMatchObject({ code: 'timeout', permanent: false });
    await fault({ type: 'disconnect', times: 1 });
    const lost = await failureOf(submit());
    expect(lost).toMatchObject({ code: 'network', permanent: false });
    expect(lost.cause).toBeUndefined();
    const nobody = createShunyaClient({ baseUrl: 'http://127.0.0.1:1', apiKey });
    expect(await failureOf(nobody.startTranscription(transcription('booked')))).toMatchObject({ code: 'network' });
  });

  it.each([['<html>'], [''], ['[]'], ['"text"'], ['{"success":true}'], ['{"success":true,"task_id":{}}']])(
    'cannot read %j',
    async (body) => {
      await fault({ type: 'garbage', times: 1, body });
      expect(await failureOf(submit())).toMatchObject({ code: 'unreadable_answer', permanent: false });
    },
  );

  it('a refusal counts when its body cannot be read', async () => {
    await fault({ type: 'garbage', times: 1, status: 413, body: '<html>' });
    expect(await failureOf(submit())).toMatchObject({ code: 'http_413', permanent: true });
  });

  it('does not follow redirects', async () => {
    await fault({ type: 'garbage', times: 1, status: 307 });
    expect(await failureOf(submit())).toMatchObject({ code: 'http_307', permanent: false });
  });

  it('does not take an answer larger than any real one', async () => {
    const huge = createServer((_request, response) => {
      response.on('error', () => undefined);
      response.end(`{"task_id":"t","filler":"${'x'.repeat(21 * 1024 * 1024)}"}`);
    }).listen(0, '127.0.0.1');
    await once(huge, 'listening');
    const baseUrl = `http://127.0.0.1:${(huge.address() as AddressInfo).port}`;
    const error = await failureOf(createShunyaClient({ baseUrl, apiKey }).startTranscription(transcription('booked')));
    huge.closeAllConnections();
    huge.close();
    expect(error).toMatchObject({ code: 'unreadable_answer', permanent: false });
  });

  it('a wrong key is worth another try, once it was mended', async () => {
    const stranger = createShunyaClient({ baseUrl: simulator.url, apiKey: 'wrong' });
    const error = await failureOf(stranger.startTranscription(transcription('booked')));
    expect(error).toMatchObject({ code: 'UNAUTHORIZED', status: 401, permanent: false });
  });

  it('refuses the result of another call', async () => {
    await fault({ type: 'other_result', times: 1 });
    await transcribed('booked');
    const call = { shunyaCallId: 1001, companyId };
    const error = await failureOf(client().getTranscript(call));
    expect(error).toMatchObject({ code: 'result_of_another_call', permanent: false });
    expect(normalizeTranscript(await client().getTranscript(call))).not.toBeNull();
  });

  it('a result that is not there yet is no empty result', async () => {
    await fault({ type: 'job_never_answers' });
    await client().startTranscription(transcription('booked'));
    const call = { shunyaCallId: 1001, companyId };
    expect(await failureOf(client().getTranscript(call))).toMatchObject({ code: 'NOT_READY', permanent: false });
    await fault({ type: 'garbage', times: 1, body: '{"status":"processing"}' });
    expect(await failureOf(client().getAnalysis(call))).toMatchObject({ code: 'not_ready', permanent: false });
    expect(await failureOf(client().getAnalysis({ ...call, companyId: 'other' }))).toMatchObject({ status: 404 });
  });
});

describe('job states', () => {
  const call = { shunyaCallId: 1001, companyId };

  it.each([
    [
      { retryable: true, error_code: 'BUSY' },
      { code: 'BUSY', retryable: true },
    ],
    [{ retryable: false }, { code: 'SIMULATED_FAILURE', retryable: false }],
    [{}, { code: 'SIMULATED_FAILURE' }],
  ])('tells why a job has failed: %j', async (plan, error) => {
    await fault({ type: 'job_fails', ...plan });
    await client().startTranscription(transcription('booked'));
    await vi.waitFor(() => expect(received).toHaveLength(1));
    expect(await client().getStatus('transcription', call)).toEqual({ status: 'failed', error });
    expect(readShunyaCallback(received[0]?.body)).toMatchObject({ outcome: 'failed', error });
  });

  it.each([
    ['{"status":"In Progress"}', { status: 'processing' }],
    ['{"data":{"status":"pending"}}', { status: 'queued' }],
    ['{"success":true,"status":"success"}', { status: 'completed' }],
    ['{"status":"odd"}', { status: 'processing' }],
    ['{"success":false,"status":"failed","error":"BAD_AUDIO"}', { status: 'failed', error: { code: 'BAD_AUDIO' } }],
  ])('reads %s', async (body, expected) => {
    await fault({ type: 'garbage', times: 1, body });
    expect(await client().getStatus('analysis', call)).toEqual(expected);
  });
});

describe('callbacks', () => {
  const start = (name = 'booked') => client().startTranscription(transcription(name));

  it('come again until they are taken', async () => {
    receiverStatus = 503;
    await start();
    await vi.waitFor(async () => expect((await control('GET', 'stats')).callbacks.refused).toBeGreaterThan(0));
    receiverStatus = 200;
    await vi.waitFor(() => expect(received).toHaveLength(1), 3000);
  });

  it('may be lost', async () => {
    await fault({ type: 'callback_lost', times: 1 });
    await start();
    await vi.waitFor(async () => expect(await statusOf('transcription')).toBe('completed'));
    await vi.waitFor(async () => expect((await control('GET', 'stats')).faults).toEqual({ callback_lost: 1 }));
    expect(received).toEqual([]);
  });

  it('may overtake the answer', async () => {
    await fault({ type: 'callback_early', times: 1 });
    const { taskId } = await start();
    expect(received.map(({ body }) => body.job_id)).toEqual([taskId]);
  });

  it.each([
    ['callback_without_result', { result: undefined }],
    ['callback_wrong_company', { companyId: `not-${companyId}` }],
    ['callback_contradicting_id', { shunyaCallId: 1002 }],
    ['callback_unknown_job', { jobId: expect.stringMatching(/^unknown-/) }],
    ['callback_without_job_id', { jobId: undefined, shunyaCallId: 1001, jobType: 'transcription' }],
    ['callback_other_result', { shunyaCallId: 1001, result: undefined }],
    ['callback_event_type_form', { jobType: 'transcription', outcome: 'completed', result: expect.anything() }],
    ['callback_delayed', { outcome: 'completed' }],
  ])('%s', async (type, expected) => {
    await fault({ type, delay_ms: 50 });
    await start();
    await vi.waitFor(() => expect(received).toHaveLength(1));
    expect(received[0]?.verdict).toBe('ok');
    expect({ result: undefined, ...readShunyaCallback(received[0]?.body) }).toMatchObject(expected);
  });

  it('may be forged, doubled, or followed by the right one', async () => {
    await fault({ type: 'callback_bad_signature', times: 1, then_correct: true });
    await start();
    await vi.waitFor(() => expect(received.map(({ verdict }) => verdict)).toEqual(['mismatch', 'ok']));
    await fault({ type: 'callback_duplicate', times: 1, count: 3 });
    await client().startTranscription(transcription('booked', { shunyaCallId: 7, idempotencyKey: 'k7' }));
    await vi.waitFor(() => expect(received).toHaveLength(5));
    expect(received[2]?.body).toEqual(received[4]?.body);
  });

  it('may change places', async () => {
    await fault({ type: 'callback_reordered' });
    await start();
    await client().startTranscription(transcription('booked', { shunyaCallId: 7, idempotencyKey: 'k7' }));
    await vi.waitFor(() => expect(received.map(({ body }) => body.call_id)).toEqual([7, 1001]));
  });

  it('come when a job that never answers is ended by hand', async () => {
    await fault({ type: 'job_never_answers' });
    const { taskId } = await start();
    expect(await control('GET', 'stats')).toMatchObject({ in_flight: { [companyId]: 1 } });
    await control('POST', `jobs/${taskId}/finish`, { outcome: 'completed' });
    await vi.waitFor(() => expect(received).toHaveLength(1));
    await control('POST', `jobs/${taskId}/callback`);
    await vi.waitFor(() => expect(received).toHaveLength(2));
    expect(await control('GET', 'stats')).toMatchObject({
      in_flight: { [companyId]: 0 },
      max_in_flight: { [companyId]: 1 },
    });
  });
});

describe('switches', () => {
  it('are limited to a recording, a kind and a number of times', async () => {
    await fault({ faults: [{ type: 'error', match: 'warm', kind: 'transcription', on: 'submit', times: 2 }] });
    await client().startTranscription(transcription('booked'));
    const warm = () => client().startTranscription(transcription('warm', { shunyaCallId: 7, idempotencyKey: 'k7' }));
    await failureOf(warm());
    await failureOf(warm());
    await warm();
    expect(await control('GET', 'faults')).toMatchObject({
      faults: [{ id: expect.anything(), fired: 2, remaining: 0 }],
    });
    expect(await control('GET', 'stats')).toMatchObject({
      requests: { 'POST /api/v1/transcription/transcribe': 4 },
      peak_submits_per_second: 4,
    });
    expect(await control('DELETE', 'faults')).toEqual({ faults: [] });
  });

  it('with a seed give the same run', async () => {
    const run = async () => {
      await fault({ type: 'error', probability: 0.5, seed: 4 });
      const seen: boolean[] = [];
      for (let call = 0; call < 12; call++) {
        const submit = client().startTranscription(
          transcription('x', { shunyaCallId: call, idempotencyKey: `${call}` }),
        );
        seen.push(
          await submit.then(
            () => true,
            () => false,
          ),
        );
      }
      await control('POST', 'reset');
      return seen;
    };
    const first = await run();
    expect(new Set(first).size).toBe(2);
    expect(await run()).toEqual(first);
  });
});

it('remembers its jobs and keys after a restart, and calls back then', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'shunya-'));
  const options = { port: 0, apiKey, webhookSecret, dataDir, webhookUrl };
  const first = await startShunyaSimulator({ ...options, delaysMs: { transcription: 300 } });
  const before = createShunyaClient({ baseUrl: first.url, apiKey });
  const answer = await before.startTranscription(transcription('booked'));
  await first.stop();

  const second = await startShunyaSimulator(options);
  const after = createShunyaClient({ baseUrl: second.url, apiKey });
  expect(await after.startTranscription(transcription('booked'))).toEqual(answer);
  await vi.waitFor(() => expect(received.map(({ body }) => body.job_id)).toEqual([answer.taskId]));
  expect(await after.getStatus('transcription', { shunyaCallId: 1001, companyId })).toEqual({ status: 'completed' });
  await second.stop();

  const third = await startShunyaSimulator(options);
  await third.stop();
  expect(received).toHaveLength(1);
  await rm(dataDir, { recursive: true });
});

describe('its recordings', () => {
  const dataDir = join(tmpdir(), 'callwright-nowhere');
  const config = () =>
    loadConfig({ env: { DATA_DIR: dataDir, SHUNYA_SIM_PORT: String(simulator.port) }, secrets: 'omit' });
  const play = (words: string, request: { method?: 'GET' | 'HEAD'; range?: string } = {}) => {
    const url = sampleRecording(config(), 'run1', words);
    const { recordingHosts: allowedHosts } = config();
    return streamRecording({ url, allowedHosts, method: 'GET', signal: AbortSignal.timeout(5000), ...request });
  };

  it('play as those of a store do: whole, by parts, and described', async () => {
    const whole = await play('booked.wav');
    expect(whole.status).toBe(200);
    expect(whole.headers.get('content-type')).toMatch(/^audio\/(x-|vnd\.)?wav/);
    const bytes = Buffer.from(await whole.arrayBuffer());
    expect(bytes.toString('latin1', 0, 4)).toBe('RIFF');
    const head = await play('booked.wav', { method: 'HEAD' });
    expect(head.headers.get('content-length')).toBe(String(bytes.length));

    const part = await play('booked.wav', { range: 'bytes=44-8043' });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 44-8043/${bytes.length}`]);
    expect(Buffer.from(await part.arrayBuffer())).toEqual(bytes.subarray(44, 8044));
    const end = await play('booked.wav', { range: 'bytes=-10' });
    expect(Buffer.from(await end.arrayBuffer())).toEqual(bytes.subarray(-10));
    expect((await play('booked.wav', { range: `bytes=${bytes.length}-` })).status).toBe(416);
    expect((await fetch(sampleRecording(config(), 'run1', 'booked.wav'), { method: 'DELETE' })).status).toBe(405);
  });

  it('are as long as what is heard in them, and silent where nobody speaks', async () => {
    const audioUrl = sampleRecording(config(), 'run1', 'warm.wav');
    await transcribed('warm', { audioUrl });
    const transcript = normalizeTranscript(await client().getTranscript({ shunyaCallId: 1001, companyId }));
    const bytes = Buffer.from(await (await play('warm.wav')).arrayBuffer());
    const seconds = (bytes.length - 44) / bytes.readUInt32LE(28);
    expect(seconds - (transcript?.turns.at(-1)?.endSeconds ?? 0)).toBeCloseTo(0.5, 1);

    const silence = Buffer.from(await (await play('silence.wav')).arrayBuffer()).subarray(44);
    expect(new Set(silence)).toEqual(new Set([128]));
  });
});
