/** Sends a company's webhooks: one POST, one outcome. Nothing of the answer's body is read. */
import { type LookupAddress, type LookupAllOptions, lookup } from 'node:dns';
import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import { parseRetryAfter } from '../retryAfter.ts';
import { addressInUrl, isPublicAddress, refuseWebhookUrl } from './addresses.ts';
import { webhookHeaders } from './signature.ts';

const TIMEOUT_MS = 15_000;

export interface OutgoingMessage {
  /** The same for every attempt, so that receivers can tell repeats. */
  id: string;
  url: string;
  /** whsec_…, the newest first. */
  secrets: readonly string[];
  body: string;
}

/** `error` is a code: http_500, timeout, address_not_allowed, or the system's own in lower case, like econnrefused. */
export type SendOutcome =
  | { ok: true; status: number }
  | { ok: false; status: number | null; error: string; retryAfterSeconds?: number };

export type WebhookClient = ReturnType<typeof createWebhookClient>;

type Resolve = (
  hostname: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

class AddressNotAllowed extends Error {
  override readonly name = 'AddressNotAllowed';
}

/**
 * @param options.allowPrivate plain http and private addresses too: for local mode
 * @param options.resolve looks names up; for tests
 */
export function createWebhookClient(options: { allowPrivate: boolean; timeoutMs?: number; resolve?: Resolve }) {
  const { allowPrivate, timeoutMs = TIMEOUT_MS, resolve = lookup } = options;

  /** Checks the very addresses that are connected to: a name may resolve to another one a moment later. */
  const guardedLookup: LookupFunction = (hostname, lookupOptions, callback) =>
    resolve(hostname, { ...lookupOptions, all: true }, (error, addresses) => {
      if (error) return callback(error, []);
      const allowed = allowPrivate ? addresses : addresses.filter(({ address }) => isPublicAddress(address));
      const [first] = allowed;
      if (!first) return callback(new AddressNotAllowed('no public address'), []);
      if (lookupOptions.all) return callback(null, allowed);
      callback(null, first.address, first.family);
    });

  return {
    /** Sends one attempt. Redirects are not followed: they count as a failure. */
    async send(message: OutgoingMessage): Promise<SendOutcome> {
      if (refuseWebhookUrl(message.url, allowPrivate) !== undefined)
        return { ok: false, status: null, error: 'address_not_allowed' };
      const signal = AbortSignal.timeout(timeoutMs);
      try {
        return outcomeOf(await post(new URL(message.url), message, signal));
      } catch (error) {
        return { ok: false, status: null, error: signal.aborted ? 'timeout' : connectionErrorCode(error) };
      }
    },
  };

  function post(url: URL, { id, body, secrets }: OutgoingMessage, signal: AbortSignal): Promise<IncomingMessage> {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'user-agent': 'Callwright-Webhooks/1',
      ...webhookHeaders({ id, sentAt: new Date(), body }, secrets),
    };
    const request = url.protocol === 'https:' ? requestHttps : requestHttp;
    return new Promise((answered, failed) => {
      const sent: ClientRequest = request(url, {
        method: 'POST',
        headers,
        agent: false,
        signal,
        // A name is looked up; what is an address already was checked before.
        ...(addressInUrl(url) === undefined ? { lookup: guardedLookup } : {}),
      });
      sent.on('response', (response) => {
        response.on('error', () => {});
        // The status says all; the rest of the answer, however long, is not waited for.
        response.destroy();
        answered(response);
      });
      sent.on('error', failed);
      sent.end(body);
    });
  }
}

function outcomeOf(response: IncomingMessage): SendOutcome {
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return { ok: true, status };
  const retryAfterSeconds = parseRetryAfter(response.headers['retry-after']) ?? undefined;
  return { ok: false, status, error: `http_${status}`, retryAfterSeconds };
}

/** Never the message: it may name addresses. */
function connectionErrorCode(error: unknown): string {
  if (error instanceof AddressNotAllowed) return 'address_not_allowed';
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]{3,60}$/.test(code) ? code.toLowerCase() : 'connection_failed';
}
