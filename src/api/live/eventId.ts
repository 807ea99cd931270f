/** The id of a live event: its place in the change feed, and when that was, so that an id from too long ago is known. */
import { CHANGES_KEPT_HOURS, type ChangePosition } from '../../db/queries/changes.ts';

/** Well before what is kept ends. */
const RESUMABLE_MS = (CHANGES_KEPT_HOURS - 12) * 3_600_000;

export const encodeEventId = ({ xid, id }: ChangePosition, now = Date.now()): string =>
  `${xid}-${id}-${Math.floor(now / 1000)}`;

/** The place an id names; undefined where it is none of ours, or so old that changes after it may be deleted. */
export function parseEventId(text: string, now = Date.now()): ChangePosition | undefined {
  const [, xid = '', id = '', seconds = ''] = /^(\d{1,19})-(\d{1,18})-(\d{1,12})$/.exec(text) ?? [];
  if (xid === '' || now - Number(seconds) * 1000 > RESUMABLE_MS) return undefined;
  return { xid: BigInt(xid), id: BigInt(id) };
}
