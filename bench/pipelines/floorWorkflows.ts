/** The engine's floor: two workflows with the waits of a call and its analysis, and local activities that do nothing. */
import { condition, defineSignal, proxyLocalActivities, setHandler } from '@temporalio/workflow';

const { nothing } = proxyLocalActivities<{ nothing(): Promise<void> }>({ startToCloseTimeout: '10 s' });

export const ring = defineSignal('ring');

/** Ends after so many rings, with a local activity after each. */
export async function barest(rings: number): Promise<void> {
  let rung = 0;
  setHandler(ring, () => {
    rung += 1;
  });
  for (let taken = 1; taken <= rings; taken += 1) {
    await condition(() => rung >= taken);
    await nothing();
  }
}
