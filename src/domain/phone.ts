import { parsePhoneNumberFromString } from 'libphonenumber-js/min';

/**
 * A phone number in E.164, or undefined where there is none to read (`anonymous`, `Restricted`, garbage). Without a
 * `+` it is read as US. Any number of a possible length counts: fictional 555 numbers are possible, though not valid.
 */
export function parsePhone(raw: unknown): string | undefined {
  const text = typeof raw === 'number' && Number.isSafeInteger(raw) ? String(raw) : raw;
  if (typeof text !== 'string') return undefined;
  // `extract: false`: a number must be the whole text, not found somewhere in a sentence.
  const parsed = parsePhoneNumberFromString(text.trim(), { defaultCountry: 'US', extract: false });
  return parsed?.isPossible() ? parsed.number : undefined;
}
