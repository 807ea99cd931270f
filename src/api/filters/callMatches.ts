/** Where a search found each call of a page, for people to see. */
import type { Queryable } from '../../db/client.ts';
import type { CallRow } from '../../db/queries/calls.ts';
import { findMatchedParts, findTranscriptTexts } from '../../db/queries/search.ts';
import { digitsPattern, excerptOf, partsPattern, wordsPattern } from '../../domain/excerpt.ts';

export const MATCHED_FIELDS = ['name', 'phone_number', 'summary', 'transcript'] as const;
type Match = { field: (typeof MATCHED_FIELDS)[number]; excerpt: string };

/** By the ids of the calls; one that has changed in this moment may have none. */
export async function describeMatches(
  db: Queryable,
  companyId: string,
  text: string,
  rows: CallRow[],
): Promise<Map<string, Match>> {
  const found = rows.map(({ call }) => call);
  const parts = new Set(
    (await findMatchedParts(db, { companyId, text }, found)).map((row) => `${row.callId} ${row.part}`),
  );
  const has = (id: string, part: 'caller' | 'summary' | 'transcript') => parts.has(`${id} ${part}`);
  const inTranscript = found.filter(({ id }) => !has(id, 'caller') && !has(id, 'summary') && has(id, 'transcript'));
  const transcripts = await findTranscriptTexts(
    db,
    inTranscript.map(({ id }) => id),
  );
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
  return new Map(
    rows.flatMap((row) => {
      const match = matchOf(row);
      return match ? [[row.call.id, match] as const] : [];
    }),
  );
}
