/**
 * Follow-ups: callers whom somebody should call. A contact has at most one that is open: for the newest missed call since
 * the last conversation, or for a qualified caller whose last conversation ended without a booking.
 */
export const FOLLOW_UP_KINDS = ['missed', 'abandoned', 'voicemail', 'unbooked'] as const;
export type FollowUpKind = (typeof FOLLOW_UP_KINDS)[number];

/** open: nobody has it · claimed: somebody works on it · done: called back, or spoken to since · dismissed: not needed. */
export const FOLLOW_UP_STATUSES = ['open', 'claimed', 'done', 'dismissed'] as const;
export type FollowUpStatus = (typeof FOLLOW_UP_STATUSES)[number];

/** Still to be done. */
export const ACTIVE_FOLLOW_UP_STATUSES = ['open', 'claimed'] as const satisfies readonly FollowUpStatus[];

/** A call that is not followed up within this time is overdue. */
export const FOLLOW_UP_DUE_HOURS = 24;

/** What to do about a follow-up, in words. @param objection the category of what kept the caller from booking */
export function suggestStep(kind: FollowUpKind, { hasNumber, objection }: { hasNumber: boolean; objection?: string }) {
  if (kind === 'voicemail')
    return hasNumber
      ? 'Listen to the voicemail, then call back.'
      : 'Listen to the voicemail: the caller gave no number.';
  if (kind === 'unbooked')
    return objection === undefined
      ? 'Call and offer an appointment.'
      : `Call and offer an appointment. What kept them from booking: ${objection.replaceAll('_', ' ')}.`;
  return kind === 'abandoned' ? 'Call back: the end of the call was never reported.' : 'Call back.';
}
