/**
 * Asks at most once in a while, whoever wants to know: all who ask meanwhile get the same answer. A failure is not kept.
 */
export function kept<T>(ms: number, ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  let until = 0;
  return () => {
    if (answer && Date.now() < until) return answer;
    const asked = ask();
    answer = asked;
    // Until it has answered everybody waits for this one.
    until = Number.POSITIVE_INFINITY;
    asked.then(
      () => {
        until = Date.now() + ms;
      },
      () => {
        answer = undefined;
      },
    );
    return asked;
  };
}
