/** Where the caller reaches us: what absolute links begin with. */
import { BlockList, isIP } from 'node:net';
import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context } from 'hono';
import type { Config } from '../../config/config.ts';
import type { ApiEnv } from '../env.ts';

/** A host as a proxy names it: a name or an address, perhaps with a port. */
const FORWARDED_HOST = /^([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/i;

/**
 * Makes the function that answers it: PUBLIC_URL; else what a proxy of TRUSTED_PROXIES says; else the request's own.
 * @returns scheme, host and, with PUBLIC_URL, a path; no slash at the end
 */
export function createPublicBase({
  publicUrl,
  trustedProxies,
}: Pick<Config, 'publicUrl' | 'trustedProxies'>): (c: Context<ApiEnv>) => string {
  const proxies = blockListOf(trustedProxies);
  return (c) => {
    if (publicUrl !== undefined) return publicUrl;
    const here = new URL(c.req.url);
    const peer = peerAddress(c);
    if (peer === undefined || !proxies.check(peer, isIP(peer) === 6 ? 'ipv6' : 'ipv4')) return here.origin;
    // With several proxies in a row, the first value is what the caller used.
    const forwarded = (name: string) => c.req.header(name)?.split(',')[0]?.trim().toLowerCase() ?? '';
    const [proto, host] = [forwarded('x-forwarded-proto'), forwarded('x-forwarded-host')];
    const scheme = proto === 'https' || proto === 'http' ? proto : here.protocol.slice(0, -1);
    return `${scheme}://${FORWARDED_HOST.test(host) ? host : here.host}`;
  };
}

function blockListOf(entries: readonly string[]): BlockList {
  const proxies = new BlockList();
  for (const entry of entries) {
    const [address = '', prefix] = entry.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (prefix === undefined) proxies.addAddress(address, family);
    else proxies.addSubnet(address, Number(prefix), family);
  }
  return proxies;
}

/** Of the connection, not of any header; undefined where there is none. */
function peerAddress(c: Context<ApiEnv>): string | undefined {
  try {
    return getConnInfo(c).remote.address;
  } catch {
    return undefined;
  }
}
