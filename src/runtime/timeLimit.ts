/** A time limit that much work has and hardly any reaches: one timer serves all of it. */

export interface TimeLimit {
  /** Counts from now. @returns ends it; work that ended in time is never late */
  start(onLate: () => void): () => void;
}

/** Makes the limit of one kind of work. */
export function createTimeLimit(ms: number): TimeLimit {
  // In order of their start, and so of their end.
  const open = new Set<{ until: number; onLate: () => void }>();
  let isTimed = false;

  const endOverdue = () => {
    isTimed = false;
    const now = performance.now();
    for (const work of open) {
      if (work.until > now) return wakeIn(work.until - now);
      open.delete(work);
      work.onLate();
    }
  };
  const wakeIn = (waitMs: number) => {
    if (isTimed) return;
    isTimed = true;
    setTimeout(endOverdue, Math.ceil(waitMs)).unref();
  };

  return {
    start(onLate) {
      const work = { until: performance.now() + ms, onLate };
      open.add(work);
      wakeIn(ms);
      return () => void open.delete(work);
    },
  };
}

/** Waits for work within a limit. @param late makes the error of what takes longer; nobody waits for its end then */
export function within<T>(limit: TimeLimit, work: Promise<T>, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = limit.start(() => reject(late()));
    work.then(
      (result) => {
        end();
        resolve(result);
      },
      (error: unknown) => {
        end();
        reject(error);
      },
    );
  });
}
