/** Tickets for the event stream: a browser's EventSource can send no bearer, and a bearer does not belong in a URL. */
import { createLinkTokens } from '../http/linkTokens.ts';
import type { Actor } from '../http/permissions.ts';

/** Enough to connect with. */
const PURPOSE = { name: 'callwright:event-ticket', seconds: 60 };

export interface EventTickets {
  issue(actor: Actor): Promise<{ ticket: string; expiresAt: Date }>;
  /** Whom it was issued to; undefined where it is forged, garbled or expired. */
  redeem(ticket: string): Promise<{ id: string; actor: Actor } | undefined>;
}

interface TicketContent {
  actor: Omit<Actor, 'expiresAt'>;
  /** Of the bearer it was issued for: a stream must not outlive that. */
  bearerExpiresAtMs: number;
}

/** @param key the key that all API processes of this installation share */
export function createEventTickets(key: () => Promise<Uint8Array>): EventTickets {
  const tokens = createLinkTokens<TicketContent>(key, PURPOSE);
  return {
    async issue({ expiresAt: bearerExpiresAt, ...actor }) {
      const { token, expiresAt } = await tokens.sign({ actor, bearerExpiresAtMs: bearerExpiresAt.getTime() });
      return { ticket: token, expiresAt };
    },
    async redeem(ticket) {
      const link = await tokens.verify(ticket);
      if (!link || link.isExpired || link.content.bearerExpiresAtMs <= Date.now()) return undefined;
      const { actor, bearerExpiresAtMs } = link.content;
      return { id: link.id, actor: { ...actor, expiresAt: new Date(bearerExpiresAtMs) } };
    },
  };
}
