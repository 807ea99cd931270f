/** What an operator needs beside an error's code: which host it was, and how it failed. Never a path, a key or an answer's text. */
import { causesOf } from '../domain/causes.ts';

const WORDS: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'name not resolved',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'no connection in time',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  UND_ERR_SOCKET: 'connection closed',
};

/** How a request failed that had no answer: `connection refused 127.0.0.1:3499`. */
export function hintOfFailure(error: unknown, url: string | URL): string {
  const host = new URL(url).host;
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer in time ${host}`;
  for (const cause of causesOf(error).reverse()) {
    const { code } = cause as { code?: unknown };
    if (typeof code === 'string' && /^[A-Z0-9_]{3,40}$/.test(code)) return `${WORDS[code] ?? code} ${host}`;
  }
  return `no answer ${host}`;
}

/** What a refusal came with: `HTTP 503 127.0.0.1:3499`. */
export const hintOfStatus = (status: number, url: string | URL): string => `HTTP ${status} ${new URL(url).host}`;
