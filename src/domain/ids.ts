import { randomBytes } from 'node:crypto';

/** A random integer in [2^40, 2^53): the id Shunya knows one generation of one call or visit by. */
export function randomShunyaCallId(): number {
  const value = Number(randomBytes(8).readBigUInt64BE() >> 11n);
  return value >= 2 ** 40 ? value : randomShunyaCallId();
}
