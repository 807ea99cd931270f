import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeJwt, SignJWT, UnsecuredJWT } from 'jose';
import { readCommandLine, refuseCommandLine } from '../src/config/commandLine.ts';
import { type Config, ConfigError, loadConfigOrExit } from '../src/config/config.ts';
import { ROLES, type Role } from '../src/domain/user.ts';

const USAGE = 'usage: npm run token -- --role ROLE --company ID [--user ID] [--expires 12h]';
/** jose's `1y` is 365.25 days. */
const YEAR_SECONDS = 366 * 86_400;

export interface TokenRequest {
  userId: string;
  role: Role;
  /** Needed by every role but admin. */
  companyId?: string;
  /** As jose reads it: `12h`, `30 days`. */
  expiresIn?: string;
}

/** A bearer token signed with AUTH_JWT_SECRET, as the API verifies it. */
export async function mintToken(config: Config, request: TokenRequest): Promise<string> {
  const { jwtSecret, issuer, audience, claims, roleMap } = config.auth;
  if (!jwtSecret)
    throw new ConfigError('AUTH_JWT_SECRET is not set: tokens for AUTH_JWKS_URL come from whoever holds its keys');
  // Said as the identity provider would: claim names and role names as they are configured.
  const role = roleMap ? Object.keys(roleMap).find((name) => roleMap[name] === request.role) : request.role;
  if (role === undefined) throw new ConfigError(`AUTH_ROLE_MAP has no name for ${request.role}`);
  const jwt = new SignJWT({
    [claims.role ?? 'role']: role,
    ...(request.companyId && { [claims.company ?? 'company_id']: request.companyId }),
    ...(claims.user && { [claims.user]: request.userId }),
  })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(request.userId)
    .setIssuedAt()
    .setExpirationTime(request.expiresIn ?? '12h');
  if (issuer) jwt.setIssuer(issuer);
  if (audience) jwt.setAudience(audience);
  return jwt.sign(new TextEncoder().encode(jwtSecret));
}

async function main(): Promise<void> {
  const option = { type: 'string' } as const;
  const options = { role: option, company: option, user: option, expires: option };
  const { values, positionals } = readCommandLine(USAGE, options);
  const { role, company, user, expires } = values;
  if (positionals.length > 0) refuseCommandLine(USAGE, `${positionals[0]} belongs to no option`);
  if (!ROLES.includes(role as Role)) refuseCommandLine(USAGE, `--role must be one of ${ROLES.join(', ')}`);
  if (!company && role !== 'admin') refuseCommandLine(USAGE, '--company is missing (only admin needs none)');
  if (expires !== undefined) requireExpiry(expires);
  const config = loadConfigOrExit({ needs: ['auth'], secrets: 'require' });
  try {
    const request = { userId: user ?? `local_${role}`, role: role as Role, companyId: company, expiresIn: expires };
    process.stdout.write(`${await mintToken(config, request)}\n`);
  } catch (error) {
    refuseCommandLine(USAGE, (error as Error).message);
  }
}

/** Nobody can take a token back: one that outlives a year is a mistake. */
function requireExpiry(expiresIn: string): void {
  const now = new Date();
  let seconds: number;
  try {
    const unsigned = new UnsecuredJWT({}).setIssuedAt(now).setExpirationTime(expiresIn).encode();
    const { iat = 0, exp = 0 } = decodeJwt(unsigned);
    seconds = exp - iat;
  } catch {
    refuseCommandLine(USAGE, '--expires must be a time like 30m, 12h or "30 days"');
  }
  if (seconds <= 0) refuseCommandLine(USAGE, '--expires lies in the past');
  if (seconds > YEAR_SECONDS) refuseCommandLine(USAGE, '--expires must be a year at most');
}

if (path.resolve(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) await main();
