/** Names as carriers send them: a person's, a company's, or words that stand where none is known. */

/** Each says by itself that no name is known; beside them only filler words may stand. */
const TELLING = new Set(
  (
    'wireless cell cellular cellphone mobile landline voip payphone toll tollfree incoming inbound caller call phone ' +
    'number name unknown available unavailable unassigned unlisted anonymous private restricted blocked withheld undefined null ' +
    'none spam scam telemarketer robocall robocaller subscriber'
  ).split(' '),
);
const FILLER = new Set(
  'free pay no not out of area id user likely risk suspected potential possible international'.split(' '),
);
const STATES = new Set(
  (
    'al ak az ar ca co ct de dc fl ga hi id il in ia ks ky la me md ma mi mn ms mo mt ne nv nh nj nm ny nc nd oh ok or ' +
    'pa pr ri sc sd tn tx ut vt va wa wv wi wy ab bc mb nb nl ns nt nu on pe qc sk yt'
  ).split(' '),
);

/** States that also end names of people and companies: Pat Ma, Ford Motor Co, Ada Brook MD. */
const AMBIGUOUS_STATES = new Set('al co de hi id in la ma md me oh ok on or pa'.split(' '));

/** Where a number is from, as far as the provider tells. */
export interface NumberPlace {
  city?: string;
  state?: string;
}

/**
 * Whether it is no name but what a carrier puts in its place: WIRELESS CALLER, UNAVAILABLE, a number, or a town with its
 * state, DALLAS TX.
 */
export function isCarrierLabel(name: string, place: NumberPlace = {}): boolean {
  const words = wordsOf(name);
  // A number, or V and a number, as some carriers sign calls of machines.
  if (!/\p{L}/u.test(name) || /^v?\d{7,}$/.test(words.join(''))) return true;
  if (isTown(words, place)) return true;
  const known = words.length > 1 && STATES.has(words.at(-1) ?? '') ? words.slice(0, -1) : words;
  return known.some((word) => TELLING.has(word)) && known.every((word) => TELLING.has(word) || FILLER.has(word));
}

function isTown(words: string[], { city, state }: NumberPlace): boolean {
  const last = words.at(-1) ?? '';
  const town = words.slice(0, -1).join('');
  if (town === '' || !STATES.has(last)) return false;
  if (state === undefined) return !AMBIGUOUS_STATES.has(last);
  if (state.toLowerCase() !== last) return false;
  const known = wordsOf(city ?? '').join('');
  // Carriers cut names to 15 characters.
  return known === '' ? !AMBIGUOUS_STATES.has(last) : known.startsWith(town) || town.startsWith(known);
}

const wordsOf = (text: string): string[] =>
  text
    .toLowerCase()
    .replace(/['’.]/g, '')
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
