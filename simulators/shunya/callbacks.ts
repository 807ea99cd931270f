import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

/** Signed webhooks to the service, each tried a few times. */

const BACK_OFF_MS = [250, 500, 1000, 2000, 4000, 8000];
const ANSWER_TIMEOUT_MS = 10_000;

export interface SimulatorLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface Outgoing {
  body: Record<string, unknown>;
  /** Signed with a secret nobody has. */
  badSignature?: boolean;
}

export class CallbackSender {
  counts = noCounts();
  targets: string[];
  secret: string;
  private readonly logger: SimulatorLogger | undefined;
  private stopping = new AbortController();
  private held: { message: Outgoing; timer: NodeJS.Timeout; done: () => void }[] = [];

  constructor(targets: string[], secret: string, logger: SimulatorLogger | undefined) {
    this.targets = targets;
    this.secret = secret;
    this.logger = logger;
  }

  /** To every target; settles once each has taken it or was given up. */
  async send(message: Outgoing): Promise<void> {
    const text = JSON.stringify(message.body);
    await Promise.all(this.targets.map((target) => this.deliver(target, text, message.badSignature ?? false)));
  }

  /** Collects messages and sends them in reverse order, when there are enough or none came in time. */
  sendReversed(message: Outgoing, count: number, waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => void this.releaseHeld(), waitMs);
      this.held.push({ message, timer, done: resolve });
      if (this.held.length >= count) void this.releaseHeld();
    });
  }

  /** Gives up everything under way, and what is held. */
  cancel(): void {
    this.stopping.abort();
    this.stopping = new AbortController();
    for (const { timer, done } of this.held.splice(0)) {
      clearTimeout(timer);
      done();
    }
  }

  resetCounts(): void {
    this.counts = noCounts();
  }

  private async releaseHeld(): Promise<void> {
    for (const { message, timer, done } of this.held.splice(0).reverse()) {
      clearTimeout(timer);
      await this.send(message);
      done();
    }
  }

  private async deliver(target: string, text: string, badSignature: boolean): Promise<void> {
    const { signal } = this.stopping;
    for (const waitMs of [...BACK_OFF_MS, null]) {
      if (signal.aborted) return;
      const status = await this.post(target, text, badSignature, signal);
      if (signal.aborted) return;
      this.counts.sent += 1;
      this.counts.by_status[status] = (this.counts.by_status[status] ?? 0) + 1;
      if (typeof status === 'number' && status >= 200 && status < 300) {
        this.counts.delivered += 1;
        return;
      }
      this.counts.refused += 1;
      // A signature that is meant to be wrong will not be right the next time.
      if (waitMs === null || badSignature) break;
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
    this.counts.gave_up += 1;
    this.logger?.warn({ target }, 'shunya simulator: callback given up');
  }

  private async post(
    target: string,
    text: string,
    badSignature: boolean,
    signal: AbortSignal,
  ): Promise<number | 'unreachable'> {
    const timestamp = String(Date.now());
    const secret = badSignature ? `not-${this.secret}` : this.secret;
    try {
      const response = await fetch(target, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'x-shunya-timestamp': timestamp,
          'x-shunya-signature': createHmac('sha256', secret).update(`${timestamp}.${text}`).digest('hex'),
        },
        body: text,
        signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
      });
      await response.arrayBuffer();
      return response.status;
    } catch {
      return 'unreachable';
    }
  }
}

const noCounts = () => ({ sent: 0, delivered: 0, refused: 0, gave_up: 0, by_status: {} as Record<string, number> });
