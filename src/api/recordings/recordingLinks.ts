/** Short-lived links to recordings: they need no bearer, so that `<audio>` can play them, and name only a call. */
import { createSignedTokens } from '../http/signedTokens.ts';

/** Long enough to listen, too short to pass around. */
const LINK_SECONDS = 300;

interface Recording {
  companyId: string;
  callId: string;
}

export interface RecordingLinks {
  /** A token for one recording. */
  sign(recording: Recording): { token: string; expiresAt: Date };
  /** What a token stands for; undefined where it is forged, garbled or expired. */
  verify(token: string): Recording | undefined;
}

/** @param secrets secrets of this installation that all API processes share; the first signs, any verifies */
export function createRecordingLinks(secrets: readonly string[], now: () => number = Date.now): RecordingLinks {
  const tokens = createSignedTokens<[companyId: string, callId: string]>(secrets, 'callwright recording link', now);
  return {
    sign({ companyId, callId }) {
      const expiresAt = new Date(Math.floor(now() / 1000 + LINK_SECONDS) * 1000);
      return { token: tokens.sign([companyId, callId], expiresAt), expiresAt };
    },
    verify(token) {
      const content = tokens.verify(token);
      return content && { companyId: content[0], callId: content[1] };
    },
  };
}
