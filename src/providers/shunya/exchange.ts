/** One request to Shunya and its answer, whatever that says. */
import { hintOfFailure, hintOfStatus } from '../networkHint.ts';
import { ShunyaError } from './errors.ts';
import { cleanJson } from './fields.ts';

const MAX_ANSWER_BYTES = 20 * 1024 * 1024;

export interface Exchanged {
  /** Status and host, for who reads how it failed. */
  hint: string;
  status: number;
  ok: boolean;
  retryAfter: string | null;
  /** Undefined when it is not JSON. */
  body: unknown;
}

/** One request. A refusal counts even when its body cannot be read. */
export async function exchange(url: string, init: RequestInit): Promise<Exchanged> {
  let response: Response | undefined;
  try {
    response = await fetch(url, init);
    const text = await readLimited(response);
    const hint = hintOfStatus(response.status, url);
    const head = { hint, status: response.status, ok: response.ok, retryAfter: response.headers.get('retry-after') };
    return { ...head, body: text === null ? undefined : parseJson(text) };
  } catch (error) {
    const { status, ok, headers } = response ?? {};
    if (status !== undefined && !ok) {
      return {
        hint: hintOfStatus(status, url),
        status,
        ok: false,
        retryAfter: headers?.get('retry-after') ?? null,
        body: undefined,
      };
    }
    const code = error instanceof Error && error.name === 'TimeoutError' ? 'timeout' : 'network';
    throw new ShunyaError({ code, status, permanent: false, hint: hintOfFailure(error, url) });
  }
}

/** The body as text; null when it is larger than any real answer. */
async function readLimited(response: Response): Promise<string | null> {
  if (!response.body) return '';
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop cancels the rest of the stream.
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > MAX_ANSWER_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return cleanJson(JSON.parse(text));
  } catch {
    return undefined;
  }
}
