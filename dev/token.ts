import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SignJWT } from 'jose';
import { type Config, ConfigError, loadConfigOrExit } from '../src/config/config.ts';

const ROLES = ['csr', 'sales_rep', 'manager', 'executive', 'admin'] as const;

export interface TokenRequest {
  userId: string;
  role: (typeof ROLES)[number];
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
  const { role, company, user, expires } = readArguments();
  if (!ROLES.includes(role as TokenRequest['role'])) return usage(`--role must be one of ${ROLES.join(', ')}`);
  if (!user) return usage('--user is missing');
  if (!company && role !== 'admin') return usage('--company is missing (only admin needs none)');
  const config = loadConfigOrExit({ needs: ['auth'] });
  try {
    const request = { userId: user, role: role as TokenRequest['role'], companyId: company, expiresIn: expires };
    process.stdout.write(`${await mintToken(config, request)}\n`);
  } catch (error) {
    usage((error as Error).message);
  }
}

function readArguments() {
  const option = { type: 'string' } as const;
  try {
    return parseArgs({ options: { role: option, company: option, user: option, expires: option } }).values;
  } catch (error) {
    usage((error as Error).message);
    process.exit(1);
  }
}

function usage(problem: string): void {
  process.stderr.write(`${problem}\nusage: npm run token -- --role ROLE --company ID --user ID [--expires 12h]\n`);
  process.exitCode = 1;
}

if (path.resolve(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) await main();
