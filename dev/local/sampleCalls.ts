import { randomInt } from 'node:crypto';

/** Eight million numbers with the exchange 555, which is nobody's. */
export const newPhoneNumber = (): string => `+1${randomInt(200, 1000)}555${String(randomInt(10_000)).padStart(4, '0')}`;
