/** Which links to audio may be followed. Whoever names a link must not be able to point us at our own network. */
import { isIP } from 'node:net';

const DEFAULT_PORTS: Record<string, string> = { 'http:': '80', 'https:': '443' };

/** What parsers of links disagree on: whoever fetches it may read another host than we do. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be in it
const AMBIGUOUS = /[\\\s\u0000-\u001f\u007f]/;

/**
 * Whether a link leads to a host that may hold recordings: http or https, no credentials in it, and its host listed by
 * name, as `*.domain` (any depth below), or with a port. An address literal must be listed as it is.
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
    return listed.name.startsWith('*.')
      ? !isAddress(host) && host.endsWith(listed.name.slice(1))
      : host === listed.name;
  });
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
