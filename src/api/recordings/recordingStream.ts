/** Streams a recording from where the provider keeps it, so that the provider's lasting link never leaves. */
import { isRecordingHostAllowed } from '../../domain/recordingHosts.ts';

const REDIRECTS_MAX = 5;
/** For the headers of each hop; the audio itself may take as long as somebody listens. */
const HEADERS_TIMEOUT_MS = 15_000;

/** Why there is no audio: the link leads to a host that is not allowed, or its storage does not answer with audio. */
export class RecordingUnavailableError extends Error {
  override readonly name = 'RecordingUnavailableError';
  readonly code: 'recording_host_not_allowed' | 'recording_not_found' | 'recording_storage_failed';

  constructor(code: RecordingUnavailableError['code']) {
    super(code);
    this.code = code;
  }
}

export interface StreamRequest {
  url: string;
  allowedHosts: readonly string[];
  method: 'GET' | 'HEAD';
  /** The listener's Range header. */
  range?: string;
  /** Aborted when the listener goes away. */
  signal: AbortSignal;
}

/**
 * Opens a recording and hands its bytes through; part of it where a range is asked for, also when the storage knows no
 * ranges.
 * @throws {RecordingUnavailableError}
 */
export async function streamRecording(request: StreamRequest): Promise<Response> {
  const upstream = await openUpstream(request);
  const headers = safeHeaders(upstream.headers);
  if (upstream.status === 416) {
    await upstream.body?.cancel();
    return new Response(null, { status: 416, headers });
  }
  const range = upstream.status === 200 ? parseRange(request.range, upstream.headers.get('content-length')) : undefined;
  if (!range) return new Response(upstream.body, { status: upstream.status, headers });
  if (range.start > range.end) {
    await upstream.body?.cancel();
    headers.delete('content-length');
    headers.set('content-range', `bytes */${range.size}`);
    return new Response(null, { status: 416, headers });
  }
  headers.set('content-length', String(range.end - range.start + 1));
  headers.set('content-range', `bytes ${range.start}-${range.end}/${range.size}`);
  const part = upstream.body?.pipeThrough(slice(range.start, range.end)) ?? null;
  return new Response(part, { status: 206, headers });
}

async function openUpstream({ url, allowedHosts, method, range, signal }: StreamRequest): Promise<Response> {
  let link = url;
  for (let hop = 0; hop <= REDIRECTS_MAX; hop += 1) {
    if (!isRecordingHostAllowed(link, allowedHosts)) throw new RecordingUnavailableError('recording_host_not_allowed');
    const answer = await fetchHeaders(link, { method, range, signal });
    if ([200, 206, 416].includes(answer.status)) return answer;
    await answer.body?.cancel();
    const location = answer.headers.get('location');
    if (answer.status < 300 || answer.status >= 400 || !location || !URL.canParse(location, link)) {
      const isGone = [401, 403, 404, 410].includes(answer.status);
      throw new RecordingUnavailableError(isGone ? 'recording_not_found' : 'recording_storage_failed');
    }
    link = new URL(location, link).href;
  }
  throw new RecordingUnavailableError('recording_storage_failed');
}

async function fetchHeaders(
  link: string,
  { method, range, signal }: Pick<StreamRequest, 'method' | 'range' | 'signal'>,
) {
  const tooSlow = new AbortController();
  const timer = setTimeout(() => tooSlow.abort(), HEADERS_TIMEOUT_MS);
  try {
    return await fetch(link, {
      method,
      // Each hop is checked before it is followed. Compressed bytes would have no use for a range.
      redirect: 'manual',
      headers: { 'accept-encoding': 'identity', ...(range === undefined ? {} : { range }) },
      signal: AbortSignal.any([signal, tooSlow.signal]),
    });
  } catch {
    throw new RecordingUnavailableError('recording_storage_failed');
  } finally {
    clearTimeout(timer);
  }
}

/** Only what playing needs, and never a type that a browser would run as a page of ours. */
function safeHeaders(upstream: Headers): Headers {
  const headers = new Headers({
    'accept-ranges': 'bytes',
    'cache-control': 'private, no-store',
    'content-security-policy': "sandbox; default-src 'none'",
    'x-content-type-options': 'nosniff',
  });
  const type = upstream.get('content-type') ?? '';
  headers.set('content-type', /^(audio|video)\/[\w.+-]+/i.test(type) ? type : 'audio/mpeg');
  for (const name of ['content-length', 'content-range', 'etag', 'last-modified']) {
    const value = upstream.get(name);
    if (value !== null) headers.set(name, value);
  }
  return headers;
}

/** One range of bytes of a body whose size is known; undefined asks for all of it. Outside of it, start is above end. */
function parseRange(header: string | undefined, contentLength: string | null) {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '') ?? [];
  const size = Number(contentLength ?? Number.NaN);
  if (!Number.isSafeInteger(size) || first === undefined || last === undefined || first + last === '') return undefined;
  if (first === '') return { start: Math.max(0, size - Number(last)), end: size - 1, size };
  // Turned around it is no range at all, which counts as none.
  if (last !== '' && Number(last) < Number(first)) return undefined;
  return { start: Number(first), end: last === '' ? size - 1 : Math.min(Number(last), size - 1), size };
}

/** Lets the bytes from `start` to `end` through, both included. */
function slice(start: number, end: number): TransformStream<Uint8Array, Uint8Array> {
  let offset = 0;
  return new TransformStream({
    transform(chunk, controller) {
      const part = chunk.subarray(Math.max(0, start - offset), Math.max(0, end + 1 - offset));
      offset += chunk.byteLength;
      if (part.byteLength > 0) controller.enqueue(part);
      if (offset > end) controller.terminate();
    },
  });
}
