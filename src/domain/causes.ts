/**
 * An error and what caused it, outermost first. Libraries hide the telling error in `cause`, and a socket that failed on
 * every address of a host hides it in an AggregateError.
 */
export function causesOf(error: unknown): Error[] {
  const chain: Error[] = [];
  const visit = (next: unknown) => {
    if (!(next instanceof Error) || chain.includes(next)) return;
    chain.push(next);
    visit(next.cause);
    if (next instanceof AggregateError) next.errors.forEach(visit);
  };
  visit(error);
  return chain;
}
