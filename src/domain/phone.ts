import { type PhoneNumber, parsePhoneNumberFromString } from 'libphonenumber-js/min';

/**
 * A phone number in E.164, or undefined where there is none to read (`anonymous`, `Restricted`, garbage). Without a
 * `+` it is read as US. Any number of a possible length counts: fictional 555 numbers are possible, though not valid.
 */
export function parsePhone(raw: unknown): string | undefined {
  return parse(raw)?.number;
}

/**
 * The number of a caller. A number that carriers send in place of a withheld one is none: everybody who withholds
 * theirs would else be one person.
 */
export function parseCaller(raw: unknown): string | undefined {
  if (isKeypadWord(raw)) return undefined;
  const parsed = parse(raw);
  return parsed && !standsForNobody(parsed) ? parsed.number : undefined;
}

/**
 * All forms under which one phone may be known, the best first. Argentine mobiles are called with a 9 after the country
 * code, yet often shown without it; whether a number without it is a mobile does not show.
 */
export function phoneForms(phone: string): string[] {
  const argentine = /^\+549?([1-8]\d{9})$/.exec(phone)?.[1];
  return argentine ? [`+549${argentine}`, `+54${argentine}`] : [phone];
}

function parse(raw: unknown): PhoneNumber | undefined {
  const text = typeof raw === 'number' && Number.isSafeInteger(raw) ? String(raw) : raw;
  if (typeof text !== 'string') return undefined;
  // `extract: false`: a number must be the whole text, not found somewhere in a sentence.
  const options = { defaultCountry: 'US', extract: false } as const;
  let parsed = parsePhoneNumberFromString(text.trim(), options);
  const current = parsed && currentForm(parsed.number);
  if (current && current !== parsed?.number) parsed = parsePhoneNumberFromString(current, options);
  return parsed?.isPossible() ? parsed : undefined;
}

/**
 * The form a number has today: Mexico gave up the 1 before mobile numbers (2019), Brazil put a 9 before them (2016). Fixed
 * lines have neither, so nothing else is touched.
 */
const currentForm = (phone: string): string =>
  phone.replace(/^\+521(\d{10})$/, '+52$1').replace(/^\+55([1-9]\d)([689]\d{7})$/, '+55$19$2');

const KEYPAD = ['abc', 'def', 'ghi', 'jkl', 'mno', 'pqrs', 'tuv', 'wxyz'];
const onKeypad = (word: string): string =>
  [...word].map((letter) => KEYPAD.findIndex((key) => key.includes(letter)) + 2).join('');

/** What carriers spell on the keypad where a caller withholds the number: 7378742833 is RESTRICTED. */
const KEYPAD_WORDS = new Set(
  ['restricted', 'unavailable', 'anonymous', 'private', 'blocked', 'unknown', 'withheld', 'outofarea'].map(onKeypad),
);

function isKeypadWord(raw: unknown): boolean {
  const digits = String(raw).replace(/\D/g, '');
  return KEYPAD_WORDS.has(digits) || KEYPAD_WORDS.has(digits.replace(/^(00|011)?1?/, ''));
}

/** One digit over and over, or a North American number that cannot be given to anybody. */
function standsForNobody(parsed: PhoneNumber): boolean {
  const { number, nationalNumber, countryCallingCode } = parsed;
  const isNorthAmerican = countryCallingCode === '1';
  if (/^\+?(\d)\1*$/.test(number) || /^0+$/.test(nationalNumber)) return true;
  if (/^(\d)\1*$/.test(nationalNumber)) return isNorthAmerican || !parsed.isValid();
  if (!isNorthAmerican || nationalNumber.startsWith('555')) return false;
  // Area codes begin with 2..9; no number is seven zeros or ones.
  return /^[01]|^\d{3}([01])\1{6}$/.test(nationalNumber);
}
