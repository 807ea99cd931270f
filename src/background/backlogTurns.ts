/** When a backlog gives way to what is new: a new call beside it should take about as long as alone, and the backlog must end. */
import type { BacklogTurn, Claim } from '../services/inbox/dispatch.ts';

/** Between two steps of a new call nothing of it is due or under way for about so long. */
const BETWEEN_STEPS_MS = 100;
/** So long a backlog gives way to what is new, then some of it is taken beside that. */
const YIELDS_MS = 500;

export interface BacklogTurns {
  /** How the next claim treats a backlog. */
  next(): BacklogTurn;
  /** What a claim found. */
  saw(claim: Pick<Claim, 'hasNew' | 'hasBacklog'>): void;
}

/** The turns of one relay. @param now milliseconds of a clock */
export function createBacklogTurns(now: () => number = () => performance.now()): BacklogTurns {
  let newSeenAt = Number.NEGATIVE_INFINITY;
  let yieldsSince = now();
  const sawNewLately = () => now() - newSeenAt < BETWEEN_STEPS_MS;
  return {
    next() {
      if (now() - yieldsSince >= YIELDS_MS) return 'goes on';
      return sawNewLately() ? 'waits' : 'yields';
    },
    saw({ hasNew, hasBacklog }) {
      if (hasNew) newSeenAt = now();
      if (hasBacklog || !sawNewLately()) yieldsSince = now();
    },
  };
}
