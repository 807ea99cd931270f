/** Which links to audio may be followed. Whoever names a link must not be able to point us at our own network. */
import { isIP } from 'node:net';

const DEFAULT_PORTS: Record<string, string> = { 'http:': '80', 'https:': '443' };

/** What parsers of links disagree on: whoever fetches it may read another host than we do. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be in it
const AMBIGUOUS = /[\\\s\u0000-\u001f\u007f]/;

/** The link with spaces encoded, as file names of voice recorders have them; anything else stays. */
export const tidyLink = (url: string): string => url.trim().replaceAll(' ', '%20');

/** Whether two links name the same object: host and path. Query and fragment are signatures that come anew each time. */
export function isSameObject(one: string, other: string): boolean {
  if (!URL.canParse(one) || !URL.canParse(other)) return one === other;
  const [a, b] = [new URL(one), new URL(other)];
  return a.protocol === b.protocol && a.host === b.host && decoded(a.pathname) === decoded(b.pathname);
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/**
 * Whether a link leads to a host that may hold recordings: http or https, no credentials in it, and its host listed by
 * name, as `*.domain` (any depth below), with `*` for one label in the middle, or with a port. An address literal must be listed as it is.
 * @param hosts RECORDING_HOSTS
 */
export function isRecordingHostAllowed(url: string, hosts: readonly string[]): boolean {
  if (!URL.canParse(url) || AMBIGUOUS.test(url)) return false;
  const { protocol, username, password, hostname, port } = new URL(url);
  const defaultPort = DEFAULT_PORTS[protocol];
  if (defaultPort === undefined || username !== '' || password !== '') return false;
  // A final dot names the same host.
  const host = hostname.toLowerCase().replace(/\.$/, '');
  return hosts.map(readEntry).some((listed) => {
    if (listed.port !== undefined && listed.port !== (port || defaultPort)) return false;
    return listed.name.includes('*') ? !isAddress(host) && patternOf(listed.name).test(host) : host === listed.name;
  });
}

/** `*.` in front stands for one or more labels, a `*` elsewhere for exactly one. */
function patternOf(name: string): RegExp {
  const labels = name.split('.').map((label, index) => {
    if (label === '*') return index === 0 ? '[a-z0-9_-]+(?:\\.[a-z0-9_-]+)*' : '[a-z0-9-]+';
    return label.replace(/[^a-z0-9-]/g, '\\$&');
  });
  return new RegExp(`^${labels.join('\\.')}$`);
}

function readEntry(entry: string): { name: string; port: string | undefined } {
  const lower = entry.trim().toLowerCase();
  const bracketed = /^(\[[^\]]+\])(?::(\d+))?$/.exec(lower);
  if (bracketed?.[1]) return { name: bracketed[1], port: bracketed[2] };
  if (isIP(lower) === 6) return { name: `[${lower}]`, port: undefined };
  const [name = '', port] = lower.split(':');
  return { name, port };
}

const isAddress = (host: string): boolean => host.startsWith('[') || isIP(host) !== 0;
