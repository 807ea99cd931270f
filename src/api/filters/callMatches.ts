/** Where a search found each call of a page, for people to see. */
import type { Queryable } from '../../db/client.ts';
import type { CallPage, CallRow } from '../../db/queries/calls.ts';
import { findTranscriptTexts, type SearchPart } from '../../db/queries/search.ts';
import { digitsPattern, excerptOf, partsPattern, wordsPattern } from '../../domain/excerpt.ts';

export const MATCHED_FIELDS = ['name', 'phone_number', 'summary', 'transcript'] as const;
export type Match = { field: (typeof MATCHED_FIELDS)[number]; excerpt: string };

/** By the ids of the calls; one that has changed in this moment may have none. */
export async function describeMatches(
  db: Queryable,
  text: string,
  { rows, parts }: CallPage,
  matches: Map<string, Match>,
): Promise<void> {
  const has = (id: string, part: SearchPart) => parts?.get(id)?.includes(part) === true;
  const inTranscript = rows
    .map(({ call }) => call.id)
    .filter((id) => !has(id, 'caller') && !has(id, 'summary') && has(id, 'transcript'));
  const transcripts = await findTranscriptTexts(db, inTranscript);
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
      ['transcript', excerpt(transcripts.get(call.id), words)],
    ];
    const first = candidates.find(([, each]) => each);
    return first && { field: first[0], excerpt: first[1] as string };
  };
  for (const row of rows) {
    const match = matchOf(row);
    if (match) matches.set(row.call.id, match);
  }
}
