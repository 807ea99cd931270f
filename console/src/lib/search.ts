/** The address keeps filters as plain `name=value`, so that it can be read, sent and typed. */
export type Search = Record<string, string | undefined>;

export const parseSearch = (text: string): Search => Object.fromEntries(new URLSearchParams(text));

export function stringifySearch(search: Record<string, unknown>): string {
  const given = Object.entries(search).filter(([, value]) => value !== undefined && value !== null && value !== '');
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text && `?${text}`;
}

/** Keeps the parameters that a page knows. */
export const only =
  <const Name extends string>(names: readonly Name[]) =>
  (search: Record<string, unknown>): { [K in Name]?: string } =>
    Object.fromEntries(
      names.flatMap((name) =>
        search[name] === undefined || search[name] === '' ? [] : [[name, String(search[name])]],
      ),
    ) as { [K in Name]?: string };
