/** The Shunya simulator of one suite, steered over its control endpoints. */
import { createHmac } from 'node:crypto';
import { startShunyaSimulator } from '../../simulators/shunya.ts';
import { type Answer, exchange } from './http.ts';

export const SHUNYA_API_KEY = 'the key of the tests';
export const SHUNYA_WEBHOOK_SECRET = 'the webhook secret of the tests';

/** One step as Shunya saw it: `duplicates` are jobs accepted although the one before had not failed. */
export interface SubmitRow {
  company_id: string;
  call_id: number;
  kind: 'transcription' | 'analysis';
  accepted: number;
  duplicates: number;
  repeats: number;
}

export type TestShunya = Awaited<ReturnType<typeof startTestShunya>>;

/** Starts it. Callbacks go to `webhookUrl`, after short delays. */
export async function startTestShunya(webhookUrl: string) {
  const simulator = await startShunyaSimulator({
    port: 0,
    apiKey: SHUNYA_API_KEY,
    webhookUrl,
    webhookSecret: SHUNYA_WEBHOOK_SECRET,
    delaysMs: { transcription: 150, analysis: 150 },
  });
  const control = async (method: string, path: string, body?: unknown) => {
    const init = { method, body: body === undefined ? undefined : JSON.stringify(body) };
    const answer = await exchange(`${simulator.url}/_control/${path}`, init);
    if (answer.status >= 300) throw new Error(`simulator: ${method} ${path}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  };

  return {
    url: simulator.url,
    stop: () => simulator.stop(),
    config: (body: Record<string, unknown>) => control('POST', 'config', body),

    /** Arms a fault; the answer removes it. `match` is part of the audio link it is for. */
    async fault(fault: { type: string; match: string } & Record<string, unknown>): Promise<() => Promise<void>> {
      const { faults } = await control('POST', 'faults', fault);
      return async () => {
        await control('DELETE', `faults/${faults[0].id}`);
      };
    },
    /** What recordings whose link holds `match` are heard and judged to be. */
    results: (match: string, results: { transcription?: unknown; analysis?: unknown }) =>
      control('POST', 'results', { match, ...results }),
    async stats(): Promise<{ submits: SubmitRow[]; conflicts: number; repeats: number; accepted: number }> {
      return control('GET', 'stats');
    },
    /** Both steps of one call or visit. */
    async submitsOf(shunyaCallId: number): Promise<SubmitRow[]> {
      return (await control('GET', `stats?call_id=${shunyaCallId}`)).submits;
    },
    async jobsOf(shunyaCallId: number): Promise<{ task_id: string; kind: string; status: string; attempt: number }[]> {
      return (await control('GET', `jobs?call_id=${shunyaCallId}`)).jobs;
    },
    finish: (taskId: string, outcome: Record<string, unknown> = {}) =>
      control('POST', `jobs/${encodeURIComponent(taskId)}/finish`, outcome),
    sendCallback: (taskId: string) => control('POST', `jobs/${encodeURIComponent(taskId)}/callback`),

    /** Posts a callback of the test's own, signed now unless said otherwise. */
    post(body: unknown, options: { timestamp?: string; secret?: string; signature?: string } = {}): Promise<Answer> {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const timestamp = options.timestamp ?? String(Date.now());
      const signature =
        options.signature ??
        createHmac('sha256', options.secret ?? SHUNYA_WEBHOOK_SECRET)
          .update(`${timestamp}.${text}`)
          .digest('hex');
      const headers = {
        'content-type': 'application/json',
        'x-shunya-timestamp': timestamp,
        'x-shunya-signature': signature,
      };
      return exchange(webhookUrl, { method: 'POST', headers, body: text });
    },
  };
}
