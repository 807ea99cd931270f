/** Streams a recording from where the provider keeps it, so that the provider's lasting link never leaves. */
import { fileTypeFromBuffer } from 'file-type';
import { LRUCache } from 'lru-cache';
import { isRecordingHostAllowed } from '../../domain/recordingHosts.ts';

const SINGLE_RANGE = /^bytes=(?=.*\d)(\d*)-(\d*)$/;
const IS_MEDIA = /^(audio|video)\/[\w.+-]+/i;
const FALLBACK_TYPE = 'audio/mpeg';
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

/** Beginning of a file that tells its type. */
const SNIFF_BYTES = 4100;
/** What storage did not say about a link and had to be found out; a player asks for many ranges of one file. */
const found = new LRUCache<string, { size?: number; type?: string }>({ max: 1000, ttl: 600_000 });

/**
 * Opens a recording and hands its bytes through; part of it where a range is asked for, also when the storage knows no
 * ranges or tells no length. Storage is only ever asked by GET: signed links often allow nothing else.
 * @throws {RecordingUnavailableError}
 */
export async function streamRecording(request: StreamRequest): Promise<Response> {
  if (request.method === 'HEAD') return describeRecording(request);
  // Several ranges would come back as parts of a multipart body; whoever asks for them may be sent all of it.
  const range = SINGLE_RANGE.test(request.range?.trim() ?? '') ? request.range?.trim() : undefined;
  const upstream = await openUpstream({ ...request, range });
  if (upstream.status === 416) {
    await upstream.body?.cancel();
    return new Response(null, { status: 416, headers: safeHeaders(upstream.headers, FALLBACK_TYPE) });
  }
  const { body, type } = await typed(request, upstream);
  const headers = safeHeaders(upstream.headers, type);
  if (upstream.status === 206 || range === undefined) return new Response(body, { status: upstream.status, headers });

  const size = lengthOf(upstream) ?? (await countBytes(request));
  const part = parseRange(range, size);
  if (!part) return new Response(body, { status: 200, headers });
  if (part.start > part.end) {
    await body?.cancel();
    headers.delete('content-length');
    headers.set('content-range', `bytes */${size}`);
    return new Response(null, { status: 416, headers });
  }
  headers.set('content-length', String(part.end - part.start + 1));
  headers.set('content-range', `bytes ${part.start}-${part.end}/${size}`);
  return new Response(body?.pipeThrough(slice(part.start, part.end)) ?? null, { status: 206, headers });
}

/** What a HEAD is answered: as the GET of the whole file, without its bytes. */
async function describeRecording(request: StreamRequest): Promise<Response> {
  const upstream = await openUpstream({ ...request, range: `bytes=0-${SNIFF_BYTES - 1}` });
  const { body, type } = await typed(request, upstream);
  await body?.cancel();
  const [, total] = /\/(\d+)$/.exec(upstream.headers.get('content-range') ?? '') ?? [];
  const size = total === undefined ? (lengthOf(upstream) ?? (await countBytes(request))) : Number(total);
  const headers = safeHeaders(upstream.headers, type);
  headers.delete('content-range');
  headers.set('content-length', String(size));
  return new Response(null, { status: 200, headers });
}

/** The type of the audio: as storage says, or as its first bytes do where storage says something else. */
async function typed(request: StreamRequest, upstream: Response) {
  const said = upstream.headers.get('content-type') ?? '';
  if (IS_MEDIA.test(said)) return { body: upstream.body, type: said };
  const known = found.get(request.url)?.type;
  if (known !== undefined) return { body: upstream.body, type: known };
  const startsAtZero = upstream.status === 200 || /^bytes 0-/.test(upstream.headers.get('content-range') ?? '');
  const [head, body] =
    startsAtZero && upstream.body
      ? await peek(upstream.body, SNIFF_BYTES)
      : [await readHead(request), upstream.body ?? undefined];
  const mime = (await fileTypeFromBuffer(head))?.mime ?? '';
  const type = IS_MEDIA.test(mime) ? mime : FALLBACK_TYPE;
  // A player's first range is two bytes long: they tell nothing yet.
  if (head.byteLength > 16) found.set(request.url, { ...found.get(request.url), type });
  return { body: body ?? null, type };
}

async function readHead(request: StreamRequest): Promise<Uint8Array> {
  const answer = await openUpstream({ ...request, range: `bytes=0-${SNIFF_BYTES - 1}` });
  if (!answer.body) return new Uint8Array();
  const [head, rest] = await peek(answer.body, SNIFF_BYTES);
  await rest.cancel();
  return head;
}

/** The first bytes of a stream, and the stream as if nobody had read them. */
async function peek(stream: ReadableStream<Uint8Array>, bytes: number) {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  let done = false;
  while (size < bytes && !done) {
    const next = await reader.read();
    done = next.done;
    if (next.value) chunks.push(next.value);
    size += next.value?.byteLength ?? 0;
  }
  const whole = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const chunk = chunks.shift() ?? (await reader.read()).value;
      if (chunk) controller.enqueue(chunk);
      else controller.close();
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return [Buffer.concat(chunks), whole] as const;
}

const lengthOf = (upstream: Response): number | undefined => {
  const size = Number(upstream.headers.get('content-length') ?? Number.NaN);
  return Number.isSafeInteger(size) ? size : undefined;
};

/** Reads a file to its end to know its size, where storage tells none; holds no more than a piece of it. */
async function countBytes(request: StreamRequest): Promise<number> {
  const known = found.get(request.url)?.size;
  if (known !== undefined) return known;
  const { body } = await openUpstream({ ...request, range: undefined });
  let size = 0;
  for await (const chunk of body ?? []) size += chunk.byteLength;
  found.set(request.url, { ...found.get(request.url), size });
  return size;
}

async function openUpstream({ url, allowedHosts, range, signal }: Omit<StreamRequest, 'method'>): Promise<Response> {
  let link = url;
  for (let hop = 0; hop <= REDIRECTS_MAX; hop += 1) {
    if (!isRecordingHostAllowed(link, allowedHosts)) throw new RecordingUnavailableError('recording_host_not_allowed');
    const answer = await fetchHeaders(link, { range, signal });
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

async function fetchHeaders(link: string, { range, signal }: Pick<StreamRequest, 'range' | 'signal'>) {
  const tooSlow = new AbortController();
  const timer = setTimeout(() => tooSlow.abort(), HEADERS_TIMEOUT_MS);
  try {
    return await fetch(link, {
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
function safeHeaders(upstream: Headers, type: string): Headers {
  const headers = new Headers({
    'accept-ranges': 'bytes',
    'cache-control': 'private, no-store',
    'content-security-policy': "sandbox; default-src 'none'",
    'x-content-type-options': 'nosniff',
  });
  headers.set('content-type', type);
  for (const name of ['content-length', 'content-range', 'etag', 'last-modified']) {
    const value = upstream.get(name);
    if (value !== null) headers.set(name, value);
  }
  return headers;
}

/** One range of bytes of a file; undefined asks for all of it. Outside of it, start is above end. */
function parseRange(header: string, size: number) {
  const [, first = '', last = ''] = SINGLE_RANGE.exec(header) ?? [];
  if (first === '') return { start: Math.max(0, size - Number(last)), end: size - 1 };
  // Turned around it is no range at all, which counts as none.
  if (last !== '' && Number(last) < Number(first)) return undefined;
  return { start: Number(first), end: last === '' ? size - 1 : Math.min(Number(last), size - 1) };
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
