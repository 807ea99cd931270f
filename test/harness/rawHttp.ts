/** HTTP as senders with faults of their own speak it: bytes on a socket. */
import { connect, type Socket } from 'node:net';

export interface RawConnection {
  socket: Socket;
  send(text: string | Buffer): void;
  /** Everything that came until the server closed the connection. */
  closed: Promise<string>;
  /** What came so far. */
  received(): string;
}

/** Opens a connection; one that the server resets is closed like any other. */
export async function openRaw(port: number): Promise<RawConnection> {
  const socket = connect({ port, host: '127.0.0.1' });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => {});
  const received = () => Buffer.concat(chunks).toString('latin1');
  const closed = new Promise<string>((resolve) => {
    socket.once('close', () => resolve(received()));
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return {
    socket,
    send: (text) => {
      if (!socket.destroyed) socket.write(text);
    },
    closed,
    received,
  };
}

/** Sends these bytes, and answers all that comes back until the server closes: the last request has to ask for that. */
export async function exchangeRaw(port: number, text: string | Buffer): Promise<string> {
  const connection = await openRaw(port);
  connection.send(text);
  return connection.closed;
}

/** The statuses in what a connection received, in order. */
export const statusesOf = (received: string): number[] =>
  [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));

/** A request as text; `Content-Length` is that of the body unless given. */
export function rawRequest(
  line: string,
  { headers = {}, body = '' }: { headers?: Record<string, string | number>; body?: string } = {},
): string {
  const all = { Host: 'api.test', ...(body === '' ? {} : { 'Content-Length': Buffer.byteLength(body) }), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${line} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}
