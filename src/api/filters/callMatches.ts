/** Where a search found each call of a page, for people to see. */
import type { CallPage, CallRow } from '../../db/queries/calls.ts';
import type { SearchedPart } from '../../db/schema/index.ts';
import { digitsPattern, excerptOf, partsPattern, wordsPattern } from '../../domain/excerpt.ts';

export const MATCHED_FIELDS = ['name', 'phone_number', 'summary', 'transcript'] as const;
export type Match = { field: (typeof MATCHED_FIELDS)[number]; excerpt: string };

/** By the ids of the calls. */
export function describeMatches(text: string, { rows, hits }: CallPage): Map<string, Match> {
  const has = (id: string, part: SearchedPart) => hits?.get(id)?.parts.includes(part) === true;
  const [words, names, digits] = [wordsPattern(text), partsPattern(text), digitsPattern(text)];

  const matchOf = ({ call, contact, analysis }: CallRow): Match | undefined => {
    const excerpt = (said: string | null | undefined, pattern: RegExp | undefined) =>
      said && pattern && excerptOf(said, pattern);
    const candidates: [Match['field'], string | undefined | null | ''][] = [
      ['name', has(call.id, 'caller') ? excerpt(contact.name, names) : undefined],
      [
        'phone_number',
        has(call.id, 'caller') ? excerpt(contact.phoneNumber ?? call.callerNumberRaw, digits ?? names) : undefined,
      ],
      ['summary', has(call.id, 'summary') ? excerpt(analysis?.summary, words) : undefined],
      ['transcript', excerpt(hits?.get(call.id)?.transcript, words)],
    ];
    const first = candidates.find(([, each]) => each);
    return first && { field: first[0], excerpt: first[1] as string };
  };
  return new Map(
    rows.flatMap((row) => {
      const match = matchOf(row);
      return match ? [[row.call.id, match]] : [];
    }),
  );
}
