/**
 * Does work at fixed intervals, one run at a time: while one takes longer, the next are left out.
 * @param work ends early once its signal is aborted
 * @param options.atOnce the first run need not wait for the first interval
 * @returns how to end it; waits for the run under way
 */
export function every(
  intervalMs: number,
  work: (stopping: AbortSignal) => Promise<void>,
  options: { onError: (error: unknown) => void; atOnce?: boolean },
): () => Promise<void> {
  const stopping = new AbortController();
  let underWay: Promise<void> | undefined;
  const run = () => {
    underWay ??= work(stopping.signal)
      .catch(options.onError)
      .finally(() => {
        underWay = undefined;
      });
  };
  if (options.atOnce) run();
  const timer = setInterval(run, intervalMs);
  return async () => {
    clearInterval(timer);
    stopping.abort();
    await underWay;
  };
}
