/** Longer ones are rare, and no sender shall fill the memory. */
const LENGTH_MAX = 64;
const KEPT_MAX = 5000;

/** Remembers what a pure function makes of short texts, where the same few come all day. Beyond the bound it forgets all. */
export function remembering<Result>(make: (text: string) => Result): (text: string) => Result {
  const made = new Map<string, Result>();
  return (text) => {
    const known = made.get(text);
    if (known !== undefined || made.has(text)) return known as Result;
    const result = make(text);
    if (text.length > LENGTH_MAX) return result;
    if (made.size >= KEPT_MAX) made.clear();
    made.set(text, result);
    return result;
  };
}
