/** How the text of a variable is read. Messages follow the variable's name and never hold its value: it may be a secret. */
import { accessSync, constants } from 'node:fs';
import { isIP } from 'node:net';
import { z } from 'zod';

/** A missing or malformed setting. Its message is one line that names the variable; composition roots print it and exit 1. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** What is read of a group of variables. */
export type Values<Variables extends z.ZodRawShape> = z.output<z.ZodObject<Variables>>;

export const text = z.string();

export const portNumber = z
  .string()
  .regex(/^\d{1,5}$/, 'must be a port number')
  .transform(Number)
  .refine((value) => value <= 65_535, 'must be a port number');
export const port = (fallback: number) => portNumber.default(fallback);

export const positive = (fallback: number) => {
  const message = 'must be a number above 0';
  return z.coerce.number(message).positive(message).default(fallback);
};

export const positiveInteger = (fallback: number) => {
  const message = 'must be a whole number above 0';
  return z.coerce.number(message).int(message).positive(message).default(fallback);
};

export const boolean = z.stringbool({ truthy: ['true', '1'], falsy: ['false', '0'], error: 'must be true or false' });

/** Without slashes at its end, so that paths can be put behind it. */
export const httpUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .transform((value) => value.replace(/\/+$/, ''));

/** A secret that an attacker could guess offline, with one signed message, must be long. */
export const secret = (bytes: number) =>
  z.string().refine((value) => Buffer.byteLength(value) >= bytes, `must have at least ${bytes} bytes`);

export const readableFile = z.string().refine((file) => {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}, 'names a file that cannot be read');

export const hostName = z
  .string()
  .refine(
    (host) => isIP(host) !== 0 || /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(host),
    'must be an address or a host name',
  );

/** Values with commas between them. */
export const list = z.string().transform((value) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);

export const nonEmptyList = list.refine((items) => items.length > 0, 'must name at least one value');

export const secondsList = (fallback: readonly number[]) =>
  nonEmptyList
    .transform((items) => items.map(Number))
    .refine((values) => values.every((value) => value > 0), 'must be numbers above 0, with commas')
    .default([...fallback]);

/** Browsers' Origin headers: scheme, host and port, nothing behind. */
export const originList = list
  .refine((items) => items.every((item) => isOrigin(item)), 'must be origins like https://app.example.com, with commas')
  .transform((items) => items.map((item) => new URL(item).origin));

const isOrigin = (value: string): boolean => {
  if (!URL.canParse(value)) return false;
  const { protocol, origin, href } = new URL(value);
  return (protocol === 'http:' || protocol === 'https:') && href === `${origin}/`;
};

/** Names, `*.names`, addresses; each may have a port. */
const HOST_ENTRY = /^((\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:\d{1,5})?$/i;

export const hostList = nonEmptyList.refine(
  (items) => items.every((item) => HOST_ENTRY.test(item) || isIP(item) !== 0),
  'must be host names, with commas; no scheme and no path',
);

/** Addresses and ranges. */
export const addressList = list.refine(
  (items) => items.every((item) => isAddressOrRange(item)),
  'must be addresses or ranges like 10.0.0.0/8, with commas',
);

const isAddressOrRange = (value: string): boolean => {
  const [address = '', prefix, ...rest] = value.split('/');
  const bits = isIP(address) === 6 ? 128 : 32;
  return (
    isIP(address) !== 0 && rest.length === 0 && (prefix === undefined || (/^\d+$/.test(prefix) && +prefix <= bits))
  );
};
