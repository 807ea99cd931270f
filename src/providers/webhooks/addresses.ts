/** Where webhooks may go. A customer's URL must not reach into our own network (SSRF). */
import { BlockList, isIP } from 'node:net';

/** IPv4 that is not the public internet (RFC 6890). */
const PRIVATE_IPV4 = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const;

/** Of IPv6 only global unicast is public, but for what carries an IPv4 address inside, or is for documents. */
const PUBLIC_IPV6 = ['2000::', 3] as const;
const PRIVATE_IPV6 = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const;

const refused = new BlockList();
for (const [net, prefix] of PRIVATE_IPV4) refused.addSubnet(net, prefix, 'ipv4');
for (const [net, prefix] of PRIVATE_IPV6) refused.addSubnet(net, prefix, 'ipv6');
const globalIpv6 = new BlockList();
globalIpv6.addSubnet(...PUBLIC_IPV6, 'ipv6');

/** Whether an address belongs to the public internet. */
export function isPublicAddress(address: string): boolean {
  const version = isIP(address);
  if (version === 4) return !refused.check(address, 'ipv4');
  return version === 6 && globalIpv6.check(address, 'ipv6') && !refused.check(address, 'ipv6');
}

/** The host of a URL where it is an address and no name, without the brackets of IPv6. */
export function addressInUrl(url: URL): string | undefined {
  const host = url.hostname.replace(/^\[(.*)]$/, '$1');
  return isIP(host) ? host : undefined;
}

/**
 * Why a webhook cannot be sent to this URL at all; undefined: it can. What its name resolves to is checked again when it
 * is sent.
 * @param allowPrivate plain http and private addresses too: for local mode
 */
export function refuseWebhookUrl(value: string, allowPrivate: boolean): string | undefined {
  // The parser drops them: what is stored and logged would be another URL than the one that is sent to.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  if (/[\u0000-\u0020\u007f]/.test(value)) return 'must hold no spaces or control characters';
  if (!URL.canParse(value)) return 'must be a URL';
  const url = new URL(value);
  if (url.username !== '' || url.password !== '') return 'must hold no credentials';
  const schemes = allowPrivate ? ['https:', 'http:'] : ['https:'];
  if (!schemes.includes(url.protocol)) return `must be ${allowPrivate ? 'an http or https' : 'an https'} URL`;
  if (allowPrivate) return undefined;
  const address = addressInUrl(url);
  if (address !== undefined) return isPublicAddress(address) ? undefined : 'must be an address of the public internet';
  return /(^|\.)(localhost|local|internal)\.?$/i.test(url.hostname) || !url.hostname.includes('.')
    ? 'must be a name of the public internet'
    : undefined;
}
