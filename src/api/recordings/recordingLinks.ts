/** Short-lived links to recordings: they need no bearer, so that `<audio>` can play them, and name only a call. */
import { createLinkTokens, type LinkToken, type LinkTokens } from '../http/linkTokens.ts';

/** Long enough to press play, too short to pass around. */
const PURPOSE = { name: 'callwright:recording', seconds: 300 };

interface RecordingLinkContent {
  companyId: string;
  callId: string;
  /** Whom it was issued to; opening it is written down under this name. */
  userId: string;
  role: string;
}

export type RecordingLink = LinkToken<RecordingLinkContent>;
export type RecordingLinks = LinkTokens<RecordingLinkContent>;

/** @param key the key that all API processes of this installation share */
export const createRecordingLinks = (key: () => Promise<Uint8Array>, now?: () => number): RecordingLinks =>
  createLinkTokens(key, PURPOSE, now);
