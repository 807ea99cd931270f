/** Tickets for the event stream: a browser's EventSource can send no bearer, and a bearer does not belong into a URL. */
import type { Actor } from '../http/permissions.ts';
import { createSignedTokens } from '../http/signedTokens.ts';

/** Enough to connect with. */
const TICKET_SECONDS = 60;

export interface EventTickets {
  issue(actor: Actor): { ticket: string; expiresAt: Date };
  /** Who bought it; undefined where it is forged, garbled or expired. */
  redeem(ticket: string): Actor | undefined;
}

interface TicketContent {
  actor: Omit<Actor, 'expiresAt'>;
  /** Of the bearer it was bought with: a stream must not outlive that. */
  bearerExpiresAtMs: number | null;
}

/** @param secrets secrets of this installation that all API processes share; the first signs, any verifies */
export function createEventTickets(secrets: readonly string[]): EventTickets {
  const tokens = createSignedTokens<TicketContent>(secrets, 'callwright event ticket');
  return {
    issue({ expiresAt: bearerExpiresAt, ...actor }) {
      const expiresAt = new Date(Math.floor(Date.now() / 1000 + TICKET_SECONDS) * 1000);
      const content = { actor, bearerExpiresAtMs: bearerExpiresAt?.getTime() ?? null };
      return { ticket: tokens.sign(content, expiresAt), expiresAt };
    },
    redeem(ticket) {
      const content = tokens.verify(ticket);
      if (!content) return undefined;
      const { actor, bearerExpiresAtMs } = content;
      if (bearerExpiresAtMs === null) return actor;
      return bearerExpiresAtMs > Date.now() ? { ...actor, expiresAt: new Date(bearerExpiresAtMs) } : undefined;
    },
  };
}
