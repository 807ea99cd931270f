/**
 * What the console offers in local mode only: a token of any role, and a test call. Refused in production, from other
 * machines, behind a proxy, and to pages of another origin.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { getConnInfo } from '@hono/node-server/conninfo';
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { SignJWT } from 'jose';
import { sampleRecording } from '../../config/sampleRecordings.ts';
import { findCompany, listCompanies } from '../../db/queries/companies.ts';
import { findRoutingDetails } from '../../db/queries/testCalls.ts';
import { listUserNames } from '../../db/queries/users.ts';
import { ROLES, type Role } from '../../domain/user.ts';
import type { ApiDeps } from '../deps.ts';
import type { ApiEnv } from '../env.ts';
import { ApiError, invalidRequest, notFound } from '../http/errors.ts';
import type { ApiRouter } from '../http/router.ts';

const COMPANIES_MAX = 50;
const TOKEN_LIFETIME = '12h';
const WEBHOOK_TIMEOUT_MS = 10_000;

const tokenInput = z.object({
  role: z.enum(ROLES),
  company_id: z.string().min(1).max(255).optional(),
  user_id: z.string().min(1).max(255).optional(),
});
const testCallInput = z.object({
  company_id: z.string().min(1).max(255),
  event: z.enum(['incoming', 'answered', 'completed', 'missed']),
  /** Of the first event's answer. */
  call: z
    .object({
      id: z.string().regex(/^TEST-[0-9a-f]{16}$/),
      caller: z.string().regex(/^\+1\d{10}$/),
      started_at: z.iso.datetime(),
    })
    .optional(),
});

/** Adds `/console/local/…` to the app, where it may be. */
export function addLocalHelpers(app: ApiRouter, deps: ApiDeps): void {
  const { config, db } = deps;
  if (config.isProduction || config.auth.jwtSecret === undefined) return;

  app.use('/console/local/*', async (c, next) => {
    if (!isOfThisMachine(c))
      throw new ApiError('forbidden', { detail: 'Only for a browser on this machine, in local mode.' });
    await next();
  });

  app.get('/console/local/people', async (c) => {
    const companies = await listCompanies(db, {}, { limit: COMPANIES_MAX });
    const withPeople = companies.map(async ({ id, name, isDemo }) => {
      const people = await listUserNames(db, id);
      return { id, name, is_demo: isDemo, people: people.map(({ id, name, role }) => ({ id, name, role })) };
    });
    return c.json({ data: { companies: await Promise.all(withPeople) } });
  });

  app.post('/console/local/token', async (c) => {
    const { role, company_id: companyId, user_id: userId } = await readBody(c, tokenInput);
    if (role !== 'admin' && (!companyId || !(await findCompany(db, companyId)))) throw notFound();
    return c.json({ data: { token: await signToken(deps, { role, companyId, userId: userId ?? `local_${role}` }) } });
  });

  app.post('/console/local/test-call', async (c) => {
    const { company_id: companyId, event, call: known } = await readBody(c, testCallInput);
    const details = await findRoutingDetails(db, companyId);
    if (!details?.trackingNumber)
      throw new ApiError('conflict', { detail: 'The company has no tracking number yet: add one first.' });
    const call = known ?? {
      id: `TEST-${randomBytes(8).toString('hex')}`,
      caller: `+1212555${String(100 + Math.floor(Math.random() * 9900)).padStart(4, '0')}`,
      started_at: new Date().toISOString(),
    };
    const recording = event === 'completed' ? sampleRecording(config, call.id, 'booked.wav') : '';
    const body = JSON.stringify(testPayload(event, call, { ...details, recording }));
    const signature = details.signingKey && createHmac('sha1', details.signingKey).update(body).digest('base64');
    // Over HTTP like any webhook, so that it shows the whole way.
    const answer = await fetch(`${new URL(c.req.url).origin}/api/v1/callrail/call.${event}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(signature && { signature }) },
      body,
      signal: AbortSignal.timeout(WEBHOOK_TIMEOUT_MS),
    });
    return c.json({ data: { call, answer: { status: answer.status, body: await answer.json() } } }, 201);
  });
}

/** A peer on this machine that asked for it by a name of this machine: no proxy, no rebound name, no other site's page. */
function isOfThisMachine(c: Context<ApiEnv>): boolean {
  const loopback = ['127.0.0.1', '::1', '::ffff:127.0.0.1'];
  const bindings = c.env as unknown as { incoming?: unknown } | undefined;
  const peer = bindings?.incoming ? getConnInfo(c).remote.address : undefined;
  const isProxied = ['x-forwarded-for', 'x-forwarded-host', 'forwarded', 'x-real-ip'].some(
    (name) => c.req.header(name) !== undefined,
  );
  const site = c.req.header('sec-fetch-site') ?? 'none';
  return (
    peer !== undefined &&
    loopback.includes(peer) &&
    !isProxied &&
    ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(c.req.url).hostname) &&
    ['same-origin', 'none'].includes(site)
  );
}

async function readBody<T extends z.ZodType>(c: Context<ApiEnv>, schema: T): Promise<z.output<T>> {
  const parsed = schema.safeParse(await c.req.json().catch(() => undefined));
  if (!parsed.success) throw invalidRequest(parsed.error);
  return parsed.data;
}

/** Said as the identity provider would: claim and role names as they are configured. */
async function signToken(
  { config }: ApiDeps,
  { role, companyId, userId }: { role: Role; companyId?: string; userId: string },
): Promise<string> {
  const { jwtSecret, issuer, audience, claims, roleMap } = config.auth;
  const roleName = roleMap ? Object.keys(roleMap).find((name) => roleMap[name] === role) : role;
  if (roleName === undefined) throw new ApiError('conflict', { detail: `AUTH_ROLE_MAP has no name for ${role}.` });
  const jwt = new SignJWT({
    [claims.role ?? 'role']: roleName,
    ...(companyId && { [claims.company ?? 'company_id']: companyId }),
    ...(claims.user && { [claims.user]: userId }),
  })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(userId)
    .setIssuedAt()
    .setExpirationTime(TOKEN_LIFETIME);
  if (issuer) jwt.setIssuer(issuer);
  if (audience) jwt.setAudience(audience);
  return jwt.sign(new TextEncoder().encode(jwtSecret));
}

function testPayload(
  event: z.output<typeof testCallInput>['event'],
  call: { id: string; caller: string; started_at: string },
  company: { trackingNumber: string | null; callrailCompanyId: string | null; recording: string },
): Record<string, unknown> {
  const isEnd = event === 'completed' || event === 'missed';
  const seconds = Math.max(1, Math.round((Date.now() - Date.parse(call.started_at)) / 1000));
  return {
    resource_id: call.id,
    company_resource_id: company.callrailCompanyId ?? '',
    customer_name: 'Test Caller',
    customer_phone_number: call.caller,
    tracking_phone_number: company.trackingNumber,
    start_time: call.started_at,
    direction: 'inbound',
    voicemail: false,
    answered: event === 'answered' || event === 'completed',
    call_type: event === 'completed' ? 'inbound' : event === 'answered' ? 'in_progress' : 'missed',
    duration: isEnd && event !== 'missed' ? String(seconds) : '0',
    recording: company.recording,
  };
}
