/** How bodies are read: of bounded size, within a bounded time, and all of them together within a bounded memory. */
import type { Context, MiddlewareHandler } from 'hono';
import type { ApiEnv } from '../env.ts';
import { ApiError } from './errors.ts';

const BODY_BYTES_MAX = 1024 * 1024;
/** From the head of the request to the last byte of its body. */
const BODY_WITHIN_MS = 10_000;
/** A real event has a few kilobytes. What is larger shares a smaller part of the memory, so that it cannot take all. */
const SMALL_BYTES = 256 * 1024;
const LARGE_HELD_MAX = 64 * 1024 * 1024;
const ALL_HELD_MAX = 256 * 1024 * 1024;

export interface BodyLimits {
  withinMs: number;
  largeHeldMax: number;
}

/** Gives each request `readBody`, and keeps account of what bodies hold until their requests are answered. */
export function boundBodies(limits: Partial<BodyLimits> = {}): MiddlewareHandler<ApiEnv> {
  const { withinMs, largeHeldMax } = { withinMs: BODY_WITHIN_MS, largeHeldMax: LARGE_HELD_MAX, ...limits };
  let held = 0;
  return async (c, next) => {
    const declared = declaredBytes(c);
    if (declared !== undefined && declared > BODY_BYTES_MAX) throw tooLarge();
    let own = 0;
    const hold = (bytes: number) => {
      const isLarge = own + bytes > SMALL_BYTES;
      if (held + bytes > (isLarge ? largeHeldMax : ALL_HELD_MAX)) throw busy();
      own += bytes;
      held += bytes;
    };
    let reading: Promise<Buffer> | undefined;
    c.set('readBody', () => {
      reading ??= within(withinMs, declared === undefined ? readChunks(c, hold) : readDeclared(c, declared, hold));
      return reading;
    });
    try {
      await next();
    } finally {
      held -= own;
    }
  };
}

/** The length that the head names; undefined where only the end of the body tells. */
function declaredBytes(c: Context<ApiEnv>): number | undefined {
  const { headers } = c.req.raw;
  const length = headers.get('content-length');
  return length === null || headers.has('transfer-encoding') ? undefined : Number(length);
}

async function readDeclared(c: Context<ApiEnv>, bytes: number, hold: (bytes: number) => void): Promise<Buffer> {
  hold(bytes);
  return Buffer.from(await c.req.arrayBuffer().catch(cutOff));
}

async function readChunks(c: Context<ApiEnv>, hold: (bytes: number) => void): Promise<Buffer> {
  const reader = c.req.raw.body?.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = (await reader?.read().catch(cutOff)) ?? { done: true };
    if (done || !value) break;
    size += value.length;
    if (size > BODY_BYTES_MAX) throw tooLarge();
    hold(value.length);
    chunks.push(value);
  }
  return Buffer.concat(chunks);
}

async function within<T>(ms: number, reading: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ApiError('request_timeout', { headers: CLOSE })), ms);
  });
  try {
    return await Promise.race([reading, late]);
  } finally {
    clearTimeout(timer);
    // Once it is late nobody waits for it any more.
    reading.catch(() => {});
  }
}

/** The rest of the body is never read, so nothing else can follow on this connection. */
const CLOSE = { Connection: 'close' };

const tooLarge = () => new ApiError('body_too_large', { detail: 'A body may have 1 MiB.', headers: CLOSE });

const busy = () =>
  new ApiError('unavailable', {
    detail: 'Too many large bodies are under way. Please try again.',
    headers: { 'Retry-After': '5', ...CLOSE },
  });

/** The sender is gone, or broke off: no fault of ours, and nobody is left to answer. */
function cutOff(error: unknown): never {
  throw new ApiError('body_cut_off', { headers: CLOSE, cause: error });
}
