/** Links to recordings for calls that are made up: by the demo, `npm run call`, and the console's test call. */
import type { Config } from './config.ts';

/**
 * A link on an allowed host. Where Shunya is the simulator there is audio behind it; what is heard in it, the words in
 * its path choose.
 * @param run makes it unique
 */
export function sampleRecording(
  { embedded, shunya, recordingHosts }: Pick<Config, 'embedded' | 'shunya' | 'recordingHosts'>,
  run: string,
  words: string,
): string {
  if (embedded.shunya) return `${shunya.baseUrl}/recordings/${run}/${words}`;
  const host = recordingHosts.find((name) => !name.includes('callrail')) ?? recordingHosts[0] ?? 's3.amazonaws.com';
  return `https://${host.replace('*', run).replaceAll('*', 'us-east-1')}/callwright-samples/${run}/${words}`;
}
