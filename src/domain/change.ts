/** The change feed: what of a company changed, told to those who watch. */
export const CHANGE_KINDS = ['call', 'lead', 'appointment', 'visit', 'pipeline', 'follow_up'] as const;
export type ChangeKind = (typeof CHANGE_KINDS)[number];
