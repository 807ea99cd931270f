import { randomInt } from 'node:crypto';
import type { Config } from '../../src/config/config.ts';

/** Eight million numbers with the exchange 555, which is nobody's. */
export const newPhoneNumber = (): string => `+1${randomInt(200, 1000)}555${String(randomInt(10_000)).padStart(4, '0')}`;

/** A link to a recording on an allowed host; the simulator hears what the words say. `run` makes it unique. */
export function recordingLink({ recordingHosts }: Config, run: string, words: string): string {
  const host = recordingHosts.find((name) => !name.includes('callrail')) ?? 's3.amazonaws.com';
  return `https://${host.replace('*', run)}/callwright-demo/${run}/${words}`;
}
