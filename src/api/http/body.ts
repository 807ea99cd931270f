/** How bodies are read: of bounded size, within a bounded time, and all of them together within a bounded memory. */
import type { IncomingMessage } from 'node:http';
import type { Context, MiddlewareHandler } from 'hono';
import { createTimeLimit, type TimeLimit, within } from '../../runtime/timeLimit.ts';
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

/** The bodies that are under way, and what they hold. */
export interface Bodies {
  /** One request's body. @throws {ApiError} body_too_large where its head says so */
  open(c: Context<ApiEnv>): OpenBody;
}

export interface OpenBody {
  /** Its bytes; read once. @throws {ApiError} where it is too large, too slow or cut off, or too many are held */
  read(): Promise<Buffer>;
  /** Its request is answered: what it held is free. */
  release(): void;
}

/** Keeps account of what bodies hold until their requests are answered. */
export function createBodies(limits: Partial<BodyLimits> = {}): Bodies {
  const { withinMs, largeHeldMax } = { withinMs: BODY_WITHIN_MS, largeHeldMax: LARGE_HELD_MAX, ...limits };
  const limit = createTimeLimit(withinMs);
  let held = 0;
  return {
    open(c) {
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
      return {
        read() {
          reading ??= readWithin(limit, c, declared, hold);
          return reading;
        },
        release() {
          held -= own;
        },
      };
    },
  };
}

/** Gives each request `readBody`. */
export function boundBodies(bodies: Bodies): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const body = bodies.open(c);
    c.set('readBody', body.read);
    try {
      await next();
    } finally {
      body.release();
    }
  };
}

/** The length that the head names; undefined where only the end of the body tells. */
function declaredBytes(c: Context<ApiEnv>): number | undefined {
  const length = c.req.header('content-length');
  return length === undefined || c.req.header('transfer-encoding') !== undefined ? undefined : Number(length);
}

async function readWithin(
  limit: TimeLimit,
  c: Context<ApiEnv>,
  declared: number | undefined,
  hold: (bytes: number) => void,
): Promise<Buffer> {
  if (declared !== undefined) hold(declared);
  const holdChunk = declared === undefined ? hold : () => {};
  const { incoming } = c.env ?? {};
  return within(limit, incoming ? readIncoming(incoming, holdChunk) : readStream(c, holdChunk), tooSlow);
}

/** Straight from Node's own request: a web Request and its stream cost more than all else of reading a webhook. */
function readIncoming(incoming: IncomingMessage, hold: (bytes: number) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const fail = (error: unknown) => {
      incoming.off('data', take).pause();
      reject(error);
    };
    const take = (chunk: Buffer) => {
      size += chunk.length;
      try {
        if (size > BODY_BYTES_MAX) throw tooLarge();
        hold(chunk.length);
        chunks.push(chunk);
      } catch (error) {
        fail(error);
      }
    };
    const end = () => {
      if (incoming.readableEnded) resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
      else fail(cutOff(incoming.errored));
    };
    if (incoming.destroyed) return end();
    incoming.on('data', take).on('end', end).on('error', end).on('close', end);
  });
}

/** Of a request that did not come over a socket. */
async function readStream(c: Context<ApiEnv>, hold: (bytes: number) => void): Promise<Buffer> {
  const reader = c.req.raw.body?.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true };
    if (done || !value) return Buffer.concat(chunks);
    size += value.length;
    if (size > BODY_BYTES_MAX) throw tooLarge();
    hold(value.length);
    chunks.push(value);
  }
}

/** The rest of the body is never read, so nothing else can follow on this connection. */
const CLOSE = { Connection: 'close' };

const tooSlow = () => new ApiError('request_timeout', { headers: CLOSE });

const tooLarge = () => new ApiError('body_too_large', { detail: 'A body may have 1 MiB.', headers: CLOSE });

const busy = () =>
  new ApiError('unavailable', {
    detail: 'Too many large bodies are under way. Please try again.',
    headers: { 'Retry-After': '5', ...CLOSE },
  });

/** The sender is gone, or broke off: no fault of ours, and nobody is left to answer. */
const cutOff = (cause: unknown) => new ApiError('body_cut_off', { headers: CLOSE, cause });
