/** The identity provider's keys: fetched on first use, fetched anew beside the requests, kept while the provider is away. */
import { createRemoteJWKSet, errors, type JWTVerifyGetKey } from 'jose';
import { errorFields, type Logger } from '../../runtime/telemetry.ts';
import { ApiError } from './errors.ts';

/** A key id we do not know makes us look again, at most this often: a rotated key works at once. */
const COOLDOWN_MS = 1000;
/** Keys are fetched anew this often; one that the provider has withdrawn counts no longer than this. */
const REFRESH_MS = 10 * 60_000;
/** While the provider is away … */
const RETRY_MS = 30_000;
/** … known keys are good for this long. */
const KEEP_MS = 12 * 3_600_000;

/** Makes the look-up of a token's key. It throws 503 while there are no keys at all, or an unknown one cannot be asked for. */
export function createProviderKeys(url: string, logger: Logger): JWTVerifyGetKey {
  const jwks = createRemoteJWKSet(new URL(url), { cooldownDuration: COOLDOWN_MS, cacheMaxAge: KEEP_MS });
  let refreshAt = Number.POSITIVE_INFINITY;

  const refresh = async () => {
    refreshAt = Date.now() + RETRY_MS;
    try {
      await jwks.reload();
      refreshAt = Date.now() + REFRESH_MS;
    } catch (error) {
      logger.warn(errorFields(error), 'the keys of the identity provider cannot be fetched; known keys stay in use');
    }
  };

  return async (header, token) => {
    if (jwks.fresh && Date.now() >= refreshAt) void refresh();
    try {
      const key = await jwks(header, token);
      if (refreshAt === Number.POSITIVE_INFINITY) refreshAt = Date.now() + REFRESH_MS;
      return key;
    } catch (error) {
      throw isBadToken(error) ? error : outage(error);
    }
  };
}

/** A key that is not among them is a bad token; keys that cannot be fetched are an outage. */
const isBadToken = (error: unknown): boolean =>
  error instanceof errors.JWKSNoMatchingKey ||
  error instanceof errors.JWKSMultipleMatchingKeys ||
  error instanceof errors.JOSENotSupported;

function outage(cause: unknown): ApiError {
  const detail = 'The keys of the identity provider cannot be fetched.';
  return new ApiError('unavailable', { detail, headers: { 'Retry-After': '5' }, cause });
}
