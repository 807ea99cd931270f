import type { Config } from '../../src/config/config.ts';

const TIMEOUT_MS = 5000;

/**
 * Whether Shunya is there and takes our key, by asking for a job that cannot exist.
 * @returns undefined if so, else what is wrong
 */
export async function shunyaProblem({ shunya }: Config): Promise<string | undefined> {
  let status: number;
  try {
    const answer = await fetch(`${shunya.baseUrl}/api/v1/transcription/status/0`, {
      headers: { authorization: `Bearer ${shunya.apiKey}`, 'x-company-id': 'doctor' },
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await answer.body?.cancel();
    status = answer.status;
  } catch {
    return 'does not answer: see SHUNYA_BASE_URL; calls wait until it does';
  }
  if (status === 401 || status === 403) return `refuses the key (HTTP ${status}): see SHUNYA_API_KEY`;
  return status >= 500 || status === 429 ? `answers HTTP ${status}: calls wait until it is well` : undefined;
}
