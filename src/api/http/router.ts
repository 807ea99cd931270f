/**
 * The only way a route with data gets into the API. Around each handler: token, permission, input, one transaction for a
 * write, Idempotency-Key, answer. A route without a permission cannot be written down.
 */
import { type OpenAPIHono, OpenAPIHono as Router, type z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Database, Transaction } from '../../db/client.ts';
import { isDeadlock } from '../../db/errors.ts';
import { recordTicketUse } from '../../services/links/openLink.ts';
import type { ApiDeps } from '../deps.ts';
import type { ApiEnv } from '../env.ts';
import { ApiError, invalidField, invalidRequest, notFound } from './errors.ts';
import { type Answer, answerOnce } from './idempotency.ts';
import { describeRoute } from './openapi.ts';
import { type Access, type AccessOf, type Actor, accessFor, type Permission, whoMay } from './permissions.ts';
import type { AnySpec, Method, RouteSpec, SuccessStatus } from './spec.ts';
import { untilRead } from './untilRead.ts';

export type ApiRouter = OpenAPIHono<ApiEnv>;

/** The names in the braces of a path. */
type ParamsOf<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? { [K in Name]: string } & ParamsOf<Rest>
  : unknown;

interface ReadInput {
  db: Database;
}

interface WriteInput {
  /** The one transaction of this request: committed before the answer is sent, rolled back when the handler throws. */
  tx: Transaction;
  /** Runs after the commit and before the answer; its failure does not fail the request. */
  afterCommit: (action: () => unknown) => void;
}

export type Input<
  M extends Method,
  Path extends string,
  P extends Permission,
  Query extends z.ZodType,
  Body extends z.ZodType,
> = {
  c: Context<ApiEnv>;
  params: ParamsOf<Path>;
  query: z.output<Query>;
  body: z.output<Body>;
  access: AccessOf<P>;
} & (M extends 'get' ? ReadInput : WriteInput);

/** An answer with another status than the route's own, or with an ETag. */
export class Reply<T> {
  readonly data: T;
  readonly options: { status?: SuccessStatus; etag?: string };

  constructor(data: T, options: { status?: SuccessStatus; etag?: string }) {
    this.data = data;
    this.options = options;
  }
}
export const reply = <T>(data: T, options: { status?: SuccessStatus; etag?: string }) => new Reply(data, options);

/** Where route modules add their routes. */
export interface Routes {
  app: ApiRouter;
  add<
    M extends Method,
    Path extends `/${string}`,
    P extends Permission,
    Query extends z.ZodType = z.ZodUndefined,
    Body extends z.ZodType = z.ZodUndefined,
    Data extends z.ZodType = z.ZodVoid,
  >(
    spec: RouteSpec<M, Path, P, Query, Body, Data>,
    handler: (
      input: Input<M, Path, P, Query, Body>,
    ) => Promise<z.input<Data> | Reply<z.input<Data>> | (M extends 'get' ? Response : never)>,
  ): void;
}

const TRIES_AFTER_DEADLOCK = 3;

// biome-ignore lint/suspicious/noExplicitAny: `add` checks the types; inside they are erased.
type AnyHandler = (input: any) => Promise<unknown>;

/** Makes an empty set of routes; a route module fills it and returns its `app`. */
export function createRoutes(deps: ApiDeps): Routes {
  const app: ApiRouter = new Router<ApiEnv>();

  const identify = async (c: Context<ApiEnv>, spec: AnySpec): Promise<Actor> => {
    const ticket = spec.acceptsTicket ? c.req.query('ticket') : undefined;
    const authorization = c.req.header('authorization');
    if (ticket === undefined || authorization !== undefined) return deps.authenticate(authorization);
    const redeemed = await deps.tickets.redeem(ticket);
    if (redeemed) {
      await recordTicketUse(deps.pools.writes, redeemed);
      return redeemed.actor;
    }
    const headers = { 'WWW-Authenticate': 'Bearer error="invalid_token"' };
    throw new ApiError('unauthenticated', { detail: 'The ticket is not valid any more.', headers });
  };

  const register = (spec: AnySpec, handler: AnyHandler): void => {
    app.openAPIRegistry.registerPath(describeRoute(spec));
    app.on(spec.method.toUpperCase(), spec.path.replaceAll(/{(.+?)}/g, ':$1'), async (c) => {
      const actor = await identify(c, spec);
      const access = accessFor(spec.permission, actor);
      if (!access) throw new ApiError('forbidden', { detail: whoMay(spec.permission, actor) });
      c.set('access', access);
      const leave = deps.admission.request(actor);
      try {
        return await (spec.method === 'get' ? read : write)(c, spec, handler, access);
      } finally {
        leave();
      }
    });
  };

  const read = async (c: Context<ApiEnv>, spec: AnySpec, handler: AnyHandler, access: Access) => {
    const { params, query } = await readInput(c, spec);
    const run = async () => toResponse(c, toAnswer(await handler({ c, params, query, access, db: deps.db }), spec));
    // A stream of events goes on for hours; it has limits of its own.
    if (spec.text?.type === 'text/event-stream') return run();
    if (spec.text) return untilRead(deps.admission.exportFile(access.actor), deps.admission.nextPiece, run);
    const giveBack = await deps.admission.read(access.actor);
    try {
      return await run();
    } finally {
      giveBack();
    }
  };

  const write = async (c: Context<ApiEnv>, spec: AnySpec, handler: AnyHandler, access: Access) => {
    const { rawBody, ...given } = await readInput(c, spec);
    const db = deps.pools.writes;
    const actions: (() => unknown)[] = [];
    const afterCommit = (action: () => unknown) => actions.push(action);
    const run = async (tx: Transaction) =>
      toAnswer(await handler({ c, ...given, access, tx, afterCommit }), spec) as Answer;
    const answer = await runAgainAfterDeadlock(() => {
      actions.length = 0;
      return spec.creates ? answerOnce(db, { c, actor: access.actor, rawBody }, run) : db.transaction(run);
    });
    for (const action of actions) await runAction(deps, c, action);
    return toResponse(c, answer);
  };
  return { app, add: register as Routes['add'] };
}

/** A transaction that Postgres ended in favour of another has done nothing; the other is over when it runs again. */
async function runAgainAfterDeadlock<T>(run: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await run();
    } catch (error) {
      if (tries === TRIES_AFTER_DEADLOCK || !isDeadlock(error)) throw error;
    }
  }
}

async function runAction(deps: ApiDeps, c: Context<ApiEnv>, action: () => unknown): Promise<void> {
  try {
    await action();
  } catch (error) {
    deps.logger.warn({ requestId: c.get('requestId'), err: error }, 'an action after the commit failed');
  }
}

function toAnswer(result: unknown, spec: AnySpec): Answer | Response {
  if (result instanceof Response) return result;
  const { data, options } = result instanceof Reply ? result : { data: result, options: {} };
  const status = options.status ?? spec.status ?? 200;
  return { status, body: status === 204 ? null : { data }, etag: options.etag ?? null };
}

function toResponse(c: Context<ApiEnv>, answer: Answer | Response): Response {
  if (answer instanceof Response) return answer;
  if (answer.etag !== null) c.header('ETag', answer.etag);
  if (answer.status === 204) return c.body(null, 204);
  const isProblem = answer.status >= 400;
  return c.body(JSON.stringify(answer.body), answer.status as 200, {
    'Content-Type': isProblem ? 'application/problem+json' : 'application/json',
  });
}

async function readInput(c: Context<ApiEnv>, spec: AnySpec) {
  const params = c.req.param() as Record<string, string>;
  // No id is like this, so there is no such thing; Postgres would refuse it.
  for (const value of Object.values(params)) if (value.length > 600 || findUnstorable(value)) throw notFound();
  assertKnownParameters(c, spec);
  const query = spec.query ? parse(spec.query, readQuery(c)) : undefined;
  if (!spec.body) return { params, query, body: undefined, rawBody: '' };
  const rawBody = (await c.get('readBody')()).toString();
  return { params, query, body: parse(spec.body, parseJson(rawBody)), rawBody };
}

/** Added by browsers, proxies and campaigns; means nothing to a route. */
const IGNORED_PARAMETER = /^(_|utm_)/;

/** A mistyped filter would be a list of everything. */
function assertKnownParameters(c: Context<ApiEnv>, spec: AnySpec): void {
  const known = new Set<string>(Object.keys((spec.query as z.ZodObject | undefined)?.shape ?? {}));
  if (spec.acceptsTicket) known.add('ticket');
  const unknown = Object.keys(c.req.queries()).filter((name) => !known.has(name) && !IGNORED_PARAMETER.test(name));
  if (unknown.length === 0) return;
  const message =
    known.size === 0 ? 'this operation takes no query parameters' : `must be one of ${[...known].join(', ')}`;
  throw new ApiError('invalid_request', { errors: unknown.map((path) => ({ path, message })) });
}

/** Query values by name; one that is empty counts as not given, several of one name as a list with commas. */
const readQuery = (c: Context<ApiEnv>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(c.req.queries())
      .map(([name, values]) => [name, values.filter((value) => value !== '').join(',')] as const)
      .filter(([, value]) => value !== ''),
  );

function parse(schema: z.ZodType, value: unknown): unknown {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw invalidRequest(parsed.error);
  const unstorable = findUnstorable(parsed.data);
  if (unstorable) throw invalidField(unstorable.path, 'holds a character that cannot be stored');
  return parsed.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError('invalid_json');
  }
}

/** Where a value holds NUL or half a character, which Postgres refuses. Not recursive: the nesting is the sender's. */
export function findUnstorable(value: unknown): { path: string } | undefined {
  const stack: { path: string; value: unknown }[] = [{ path: '', value }];
  for (let item = stack.pop(); item; item = stack.pop()) {
    if (typeof item.value === 'string' && /[\0\p{Surrogate}]/u.test(item.value)) return { path: item.path };
    if (typeof item.value !== 'object' || item.value === null) continue;
    for (const [key, nested] of Object.entries(item.value))
      stack.push({ path: item.path === '' ? key : `${item.path}.${key}`, value: nested });
  }
  return undefined;
}
