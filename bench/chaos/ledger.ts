/** Who sent us what, and what we answered: the outside's memory, which the invariants hold the database against. */
import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exchange } from '../cluster.ts';

export type Outcome =
  /** 2xx: the event is ours for good. */
  | { kind: 'acknowledged'; eventId: string; status: string; duplicate: boolean }
  /** Any other answer: CallRail never sends it again. */
  | { kind: 'refused'; status: number }
  /** No answer: it may have been committed or not. */
  | { kind: 'unanswered' };

export interface Sent {
  source: 'callrail' | 'shunya';
  route: string;
  body: string;
  bodySha256: string;
  outcome: Outcome;
  tookMs: number;
}

export type Ledger = ReturnType<typeof createLedger>;

const SENDER_TIMEOUT_MS = 20_000;

export function createLedger() {
  const sent: Sent[] = [];

  /** Posts a body once and writes down what came of it. */
  async function post(
    event: Pick<Sent, 'source' | 'route' | 'body'>,
    url: string,
    headers: Record<string, string>,
  ): Promise<Sent> {
    const startedAt = Date.now();
    const outcome = await exchange(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: event.body,
      signal: AbortSignal.timeout(SENDER_TIMEOUT_MS),
    }).then(
      ({ status, body }): Outcome =>
        status >= 200 && status < 300
          ? { kind: 'acknowledged', eventId: body.event_id, status: body.status, duplicate: body.duplicate }
          : { kind: 'refused', status },
      (): Outcome => ({ kind: 'unanswered' }),
    );
    const bodySha256 = createHash('sha256').update(event.body).digest('hex');
    const entry = { ...event, bodySha256, outcome, tookMs: Date.now() - startedAt };
    sent.push(entry);
    return entry;
  }

  return { sent, post };
}

/**
 * Stands between Shunya's callbacks and the APIs: passes them on in turn, signed by a clock that is off, and writes the
 * answers down. @returns its address and how to stop it
 */
export async function startCallbackProxy(options: {
  ledger: Ledger;
  /** Asked for each callback: the APIs may not be started yet. */
  targets(): readonly string[];
  secret(): string;
  skewMs: number;
}): Promise<{ url: string; stop(): Promise<void> }> {
  let turn = 0;
  const server = createServer(async (request, response) => {
    const body = await readText(request);
    const targets = options.targets();
    turn += 1;
    const target = targets[turn % targets.length];
    const event = { source: 'shunya', route: 'job', body } as const;
    const headers = resign(request, body, options);
    const { outcome } = await options.ledger.post(event, `${target}/api/v1/shunya/webhook`, headers);
    // Where we did not answer Shunya has none either, and sends it again.
    if (outcome.kind === 'unanswered') return response.destroy();
    response.writeHead(outcome.kind === 'acknowledged' ? 200 : outcome.status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The same signature by another clock; one that was wrong stays wrong. */
function resign(
  request: IncomingMessage,
  body: string,
  { secret, skewMs }: { secret(): string; skewMs: number },
): Record<string, string> {
  const given = String(request.headers['x-shunya-timestamp']);
  const isRight = request.headers['x-shunya-signature'] === hmac(secret(), `${given}.${body}`);
  const timestamp = String(Number(given) + skewMs);
  const key = isRight ? secret() : `not ${secret()}`;
  return { 'x-shunya-timestamp': timestamp, 'x-shunya-signature': hmac(key, `${timestamp}.${body}`) };
}

const hmac = (key: string, text: string): string => createHmac('sha256', key).update(text).digest('hex');

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
