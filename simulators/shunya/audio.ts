import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type CallType, scenarioOf, type Turn, turnsOf } from './scenarios.ts';

/** Recordings that sound like the conversation the simulator hears in them: two voices that hum, with its pauses. */

const SAMPLES_PER_SECOND = 8000;
const HEADER_BYTES = 44;
const SILENT = 128;
const SYLLABLES_PER_SECOND = 4.5;
const PITCH_HZ = { agent: 118, customer: 196 };
const HARMONICS = [1, 0.55, 0.35, 0.2, 0.12];
/** After the last word, and where nobody speaks. */
const TAIL_SECONDS = 0.5;
const SILENCE_SECONDS = 5;
const KEPT_MAX = 20;

const kept = new Map<string, Buffer>();

/** The recording behind a path below `/recordings/`: 8-bit WAV, the same bytes each time. */
export function audioOf(path: string): Buffer {
  const known = kept.get(path);
  if (known) return known;
  const audioUrl = `http://simulator${path}`;
  const callType: CallType = /visit/.test(path) ? 'sales_call' : 'csr_call';
  const isSilent = scenarioOf({ audioUrl, callType }) === 'silence';
  // Dates in it are spoken, so that its length depends on the day; nobody compares recordings of two days.
  const turns = isSilent ? [] : turnsOf({ callId: 0, audioUrl, callType, receivedAtMs: Date.now() });
  const audio = toWav(turns);
  kept.set(path, audio);
  const [oldest] = kept.keys();
  if (kept.size > KEPT_MAX && oldest !== undefined) kept.delete(oldest);
  return audio;
}

function toWav(turns: readonly Turn[]): Buffer {
  const seconds = (turns.at(-1)?.end ?? SILENCE_SECONDS - TAIL_SECONDS) + TAIL_SECONDS;
  const samples = Math.round(seconds * SAMPLES_PER_SECOND);
  const wav = Buffer.alloc(HEADER_BYTES + samples, SILENT);
  wav.write('RIFF', 0, 'latin1');
  wav.writeUInt32LE(HEADER_BYTES - 8 + samples, 4);
  wav.write('WAVEfmt ', 8, 'latin1');
  wav.writeUInt32LE(16, 16);
  // PCM, mono, a byte a sample.
  wav.writeUInt16LE(1, 20);
  wav.writeUInt16LE(1, 22);
  wav.writeUInt32LE(SAMPLES_PER_SECOND, 24);
  wav.writeUInt32LE(SAMPLES_PER_SECOND, 28);
  wav.writeUInt16LE(1, 32);
  wav.writeUInt16LE(8, 34);
  wav.write('data', 36, 'latin1');
  wav.writeUInt32LE(samples, 40);
  for (const { speaker, start, end } of turns) {
    const last = Math.min(samples, Math.round(end * SAMPLES_PER_SECOND));
    for (let at = Math.round(start * SAMPLES_PER_SECOND); at < last; at += 1)
      wav[HEADER_BYTES + at] = SILENT + Math.round(42 * voice(PITCH_HZ[speaker], at / SAMPLES_PER_SECOND));
  }
  return wav;
}

/** A hum whose pitch wanders and whose loudness rises and falls with each syllable. */
function voice(pitchHz: number, second: number): number {
  const phase = 2 * Math.PI * (pitchHz * second - 6 * Math.cos(1.7 * second));
  const loudness = Math.abs(Math.sin(Math.PI * SYLLABLES_PER_SECOND * second)) ** 0.7;
  return loudness * HARMONICS.reduce((sum, share, index) => sum + share * Math.sin((index + 1) * phase), 0);
}

const RANGE = /^bytes=(?=.*\d)(\d*)-(\d*)$/;

/** Answers GET and HEAD of a recording as object storage does: whole, or the range that was asked for. */
export function serveAudio(request: IncomingMessage, response: ServerResponse, path: string): void {
  const isHead = request.method === 'HEAD';
  if (request.method !== 'GET' && !isHead) {
    response.writeHead(405, { allow: 'GET, HEAD' }).end();
    return;
  }
  const audio = audioOf(path);
  const headers: Record<string, string> = {
    'accept-ranges': 'bytes',
    'content-type': 'audio/wav',
    etag: `"${createHash('sha256').update(audio).digest('hex').slice(0, 32)}"`,
  };
  const [isRange, first = '', final = ''] = RANGE.exec(request.headers.range ?? '') ?? [];
  const start = first === '' ? Math.max(0, audio.length - Number(final)) : Number(first);
  const end = first === '' || final === '' ? audio.length - 1 : Math.min(Number(final), audio.length - 1);
  if (isRange && start > end) {
    response.writeHead(416, { ...headers, 'content-range': `bytes */${audio.length}` }).end();
    return;
  }
  const part = isRange ? audio.subarray(start, end + 1) : audio;
  headers['content-length'] = String(part.length);
  if (isRange) headers['content-range'] = `bytes ${start}-${end}/${audio.length}`;
  response.writeHead(isRange ? 206 : 200, headers).end(isHead ? undefined : part);
}
