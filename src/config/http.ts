/** The API's HTTP server: where it listens, how callers reach it, and which pages may call it. */
import { addressList, hostName, httpUrl, originList, port, portNumber, positive, text, type Values } from './values.ts';

export const httpVariables = {
  PORT: port(3000),
  HOST: hostName.default('127.0.0.1'),
  HTTP_KEEP_ALIVE_SECONDS: positive(620),
  OPS_PORT: portNumber.optional(),
  OPS_TOKEN: text.regex(/^\S{16,}$/, 'must have 16 characters or more, without spaces').optional(),
  PUBLIC_URL: httpUrl.optional(),
  TRUSTED_PROXIES: addressList.default([]),
  CORS_ORIGINS: originList.default([]),
};

export const httpConfig = (env: Values<typeof httpVariables>) => ({
  port: env.PORT,
  host: env.HOST,
  /** Longer than any balancer in front keeps an idle connection, so that it never sends into one that closes. */
  httpKeepAliveSeconds: env.HTTP_KEEP_ALIVE_SECONDS,
  /** Where /readyz and /metrics are answered instead of on the API's port, and the bearer they want. */
  opsPort: env.OPS_PORT,
  opsToken: env.OPS_TOKEN,
  /** Where callers reach the API, for absolute links. */
  publicUrl: env.PUBLIC_URL,
  /** Addresses and ranges whose X-Forwarded-Proto and X-Forwarded-Host count. */
  trustedProxies: env.TRUSTED_PROXIES,
  corsOrigins: env.CORS_ORIGINS,
});
