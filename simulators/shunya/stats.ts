import type { JobKind } from './jobs.ts';

/** What the simulator has seen since it started or was reset. */
export class RequestStats {
  conflicts = 0;
  private repeats = new Map<string, number>();
  private requests: Record<string, number> = {};
  private faults: Record<string, number> = {};
  private recentSubmits: number[] = [];
  private peakPerSecond = 0;

  sawRequest(template: string): void {
    this.requests[template] = (this.requests[template] ?? 0) + 1;
  }

  sawFault(type: string): void {
    this.faults[type] = (this.faults[type] ?? 0) + 1;
  }

  /** Any submit counts, refused and repeated ones too: that is what a rate limit counts. */
  sawSubmit(nowMs: number): void {
    this.recentSubmits.push(nowMs);
    while ((this.recentSubmits[0] ?? nowMs) <= nowMs - 1000) this.recentSubmits.shift();
    this.peakPerSecond = Math.max(this.peakPerSecond, this.recentSubmits.length);
  }

  sawRepeat(companyId: string, callId: number, kind: JobKind): void {
    const key = JSON.stringify([companyId, callId, kind]);
    this.repeats.set(key, (this.repeats.get(key) ?? 0) + 1);
  }

  repeatsOf(companyId: string, callId: number, kind: JobKind): number {
    return this.repeats.get(JSON.stringify([companyId, callId, kind])) ?? 0;
  }

  body(): object {
    return {
      repeats: [...this.repeats.values()].reduce((sum, count) => sum + count, 0),
      conflicts: this.conflicts,
      requests: this.requests,
      faults: this.faults,
      peak_submits_per_second: this.peakPerSecond,
    };
  }

  reset(): void {
    this.conflicts = 0;
    this.repeats = new Map();
    this.requests = {};
    this.faults = {};
    this.recentSubmits = [];
    this.peakPerSecond = 0;
  }
}
