/**
 * Those who attack the API, in a process of their own, so that what they do does not slow the one who measures: started
 * with an attack, an address and what they may know, they go on until they are ended.
 */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** What an attacker may know: addresses, a public number, and tokens of another company's people. */
export interface Known {
  port: number;
  trackingNumber: string;
  tokens: string[];
}

type Attack = (known: Known) => Promise<unknown>;

const CALLRAIL = '/api/v1/callrail/call.completed';

/** Opens a socket, sends this, and answers when the server has closed it; `read: false` never reads. */
function send(port: number, text: string, { read = true, closeAfterMs = 0 } = {}): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => {});
    socket.once('close', () => resolve());
    socket.once('connect', () => {
      socket.write(text);
      if (read) socket.resume();
      else socket.pause();
      if (closeAfterMs > 0) setTimeout(() => socket.destroy(), closeAfterMs);
    });
  });
}

const head = (line: string, headers: Record<string, string | number>): string =>
  `${line} HTTP/1.1\r\nHost: a\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`;

/** So many at a time, each again as soon as it has ended. */
const keepUp = (atOnce: number, work: (turn: number) => Promise<unknown>) =>
  Promise.all(
    Array.from({ length: atOnce }, async (_, index) => {
      for (let turn = index; ; turn += atOnce) {
        await work(turn).catch(() => delay(50));
      }
    }),
  );

const post = (port: number, path: string, body: string | Buffer, headers: Record<string, string> = {}) =>
  fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', body: body as string, headers }).then((answer) =>
    answer.arrayBuffer(),
  );

const get = async ({ port, tokens }: Known, path: string, turn: number) => {
  const headers = { authorization: `Bearer ${tokens[turn % tokens.length]}` };
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
  await answer.arrayBuffer();
  // As a client does that was told to wait.
  if (answer.status === 429 || answer.status === 503) await delay(1000);
};

const junk = (bytes: number) => randomBytes(bytes / 2).toString('hex');

/** Each by its name; what they send is unsigned or signed by nobody. */
export const ATTACKS: Record<string, Attack> = {
  'slow bodies': ({ port }) =>
    keepUp(520, () => send(port, `${head(`POST ${CALLRAIL}`, { 'Content-Length': 1000 })}{`, { closeAfterMs: 11_500 })),
  'slow bodies in chunks': ({ port }) =>
    keepUp(520, () => send(port, `${head(`POST ${CALLRAIL}`, { 'Transfer-Encoding': 'chunked' })}1\r\n{\r\n`)),
  'large bodies that stop before their end': ({ port }) =>
    keepUp(100, () => send(port, head(`POST ${CALLRAIL}`, { 'Content-Length': 1_000_000 }) + ' '.repeat(900_000))),
  'slow headers and silent connections': ({ port }) =>
    keepUp(1000, (turn) => send(port, turn % 2 === 0 ? `POST ${CALLRAIL} HTTP/1.1\r\nX: ` : '')),
  'unrouted events of a few call ids': ({ port }) =>
    keepUp(8, async (turn) => {
      await post(port, CALLRAIL, JSON.stringify({ call_id: `JUNK${turn % 40}`, n: turn }));
      await delay(100);
    }),
  'large events that name nobody': ({ port }) =>
    keepUp(4, async () => {
      await post(port, CALLRAIL, JSON.stringify({ f: junk(900_000) }));
      await delay(400);
    }),
  'unsigned events that name the number': ({ port, trackingNumber }) =>
    keepUp(8, async (turn) => {
      await post(port, CALLRAIL, JSON.stringify({ call_id: `FAKE${turn}`, tracking_number: trackingNumber }));
      await delay(100);
    }),
  'a hundred signatures over a large body': ({ port, trackingNumber }) =>
    keepUp(4, async (turn) => {
      const body = JSON.stringify({ call_id: `SIG${turn}`, tracking_number: trackingNumber, f: junk(900_000) });
      await post(port, CALLRAIL, body, { signature: 'AAAAAAAAAAAAAAAAAAAAAAAAAAA= '.repeat(100).trim() });
      await delay(400);
    }),
  '60 people who search all calls': (known) =>
    keepUp(60, (turn) => get(known, `/api/v1/calls?q=roof${turn % 7}`, turn)),
  '60 searches of one person': (known) =>
    keepUp(60, (turn) => get({ ...known, tokens: known.tokens.slice(0, 1) }, `/api/v1/calls?q=roof${turn % 7}`, turn)),
  '60 readers of forty years of metrics': (known) =>
    keepUp(60, (turn) => get(known, '/api/v1/metrics/exec/csr/overview?date_from=1990-01-01&date_to=2029-12-31', turn)),
  '60 scrapers of metrics and readiness': (known) =>
    keepUp(60, async (turn) => {
      await get(known, turn % 2 === 0 ? '/metrics' : '/readyz', turn);
      await delay(500);
    }),
  '150 exports whose readers stall': ({ port, tokens }) =>
    keepUp(150, (turn) => {
      const authorization = `Bearer ${tokens[turn % tokens.length]}`;
      return send(port, head('GET /api/v1/exports/calls', { Authorization: authorization }), { read: false });
    }),
};

process.once('message', ({ attack, known }: { attack: string; known: Known }) => {
  process.on('disconnect', () => process.exit(0));
  void ATTACKS[attack]?.(known);
});
