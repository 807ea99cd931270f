/** Whether a provider is there, for people who want to know; nothing depends on it. */
import { hintOfFailure } from './networkHint.ts';

/**
 * Asks Shunya for a job that cannot exist.
 * @returns undefined where it is there and takes our key, else what is wrong
 */
export async function shunyaProblem(
  shunya: { baseUrl: string; apiKey: string },
  ms = 3000,
): Promise<string | undefined> {
  const url = `${shunya.baseUrl}/api/v1/transcription/status/0`;
  const answer = await ask(url, ms, { authorization: `Bearer ${shunya.apiKey}`, 'x-company-id': 'doctor' });
  if (typeof answer === 'string') return `does not answer (${answer}): see SHUNYA_BASE_URL; calls wait until it does`;
  if (answer === 401 || answer === 403) return `refuses the key (HTTP ${answer}): see SHUNYA_API_KEY`;
  return answer >= 500 || answer === 429 ? `answers HTTP ${answer}: calls wait until it is well` : undefined;
}

/** Asks CallRail without a key. @returns undefined where it answers, else what is wrong */
export async function callrailProblem(baseUrl: string, ms = 3000): Promise<string | undefined> {
  const answer = await ask(`${baseUrl}/v3/a.json`, ms, {});
  if (typeof answer === 'string')
    return `does not answer (${answer}): see CALLRAIL_BASE_URL; webhooks come all the same`;
  return answer >= 500 ? `answers HTTP ${answer}; webhooks come all the same` : undefined;
}

/** @returns the status, or how there was none */
async function ask(url: string, ms: number, headers: Record<string, string>): Promise<number | string> {
  try {
    const answer = await fetch(url, { headers, redirect: 'manual', signal: AbortSignal.timeout(ms) });
    await answer.body?.cancel();
    return answer.status;
  } catch (error) {
    return hintOfFailure(error, url);
  }
}
