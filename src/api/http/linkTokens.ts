/** Short-lived tokens of our own, for links that cannot carry a bearer: JWTs that only this installation can sign. */
import { randomUUID } from 'node:crypto';
import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose';

const ALGORITHM = 'HS256';
/** Between the clocks of our own processes. */
const CLOCK_TOLERANCE_SECONDS = 5;

/** What a kind of link is for, and how long one lives. */
export interface LinkPurpose {
  /** The audience: a token of one purpose is none for another. */
  name: string;
  seconds: number;
}

export interface LinkToken<T> {
  /** Of this one token. */
  id: string;
  content: T;
  expiresAt: Date;
  isExpired: boolean;
}

export interface LinkTokens<T> {
  sign(content: T): Promise<{ token: string; expiresAt: Date }>;
  /** What a token says, also when it has expired; undefined where it is forged, garbled or of another purpose. */
  verify(token: string): Promise<LinkToken<T> | undefined>;
}

/** @param key the key that all API processes of this installation share, and nobody else */
export function createLinkTokens<T extends object>(
  key: () => Promise<Uint8Array>,
  purpose: LinkPurpose,
  now: () => number = Date.now,
): LinkTokens<T> {
  const read = async (token: string): Promise<JWTPayload | undefined> => {
    try {
      const verified = await jwtVerify(token, await key(), {
        algorithms: [ALGORITHM],
        audience: purpose.name,
        requiredClaims: ['iat', 'exp', 'jti', 'content'],
        currentDate: new Date(now()),
      });
      return verified.payload;
    } catch (error) {
      // Its signature and its audience were right.
      if (error instanceof errors.JWTExpired) return error.payload;
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  };

  return {
    async sign(content) {
      const issuedAt = Math.floor(now() / 1000);
      const expiresAt = issuedAt + purpose.seconds;
      const token = await new SignJWT({ content })
        .setProtectedHeader({ alg: ALGORITHM })
        .setJti(randomUUID())
        .setAudience(purpose.name)
        .setIssuedAt(issuedAt)
        .setExpirationTime(expiresAt)
        .sign(await key());
      return { token, expiresAt: new Date(expiresAt * 1000) };
    },

    async verify(token) {
      const payload = await read(token);
      if (!payload) return undefined;
      const { iat = 0, exp = 0, jti = '', content } = payload;
      const nowSeconds = now() / 1000;
      // Whoever signs it: none may live longer than its purpose allows.
      if (exp - iat > purpose.seconds || iat > nowSeconds + CLOCK_TOLERANCE_SECONDS) return undefined;
      return { id: jti, content: content as T, expiresAt: new Date(exp * 1000), isExpired: exp <= nowSeconds };
    },
  };
}
