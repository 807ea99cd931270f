/** How routes stand in the OpenAPI document. */
import { type OpenAPIHono, type RouteConfig, z } from '@hono/zod-openapi';
import { IDEMPOTENCY_KEPT_DAYS } from '../../services/idempotency.ts';
import { EXAMPLE } from '../../views/examples.ts';
import type { ApiEnv } from '../env.ts';
import { ERROR_CODES, type ErrorCode } from './errors.ts';
import { completeExamples, examplePath, parameterExample } from './examples.ts';
import { IDEMPOTENCY_KEY } from './idempotency.ts';
import { problemSchema } from './schemas.ts';
import type { AnySpec } from './spec.ts';

const API_INFO = {
  title: 'Callwright',
  version: '1',
  license: { name: 'MIT', identifier: 'MIT' },
  description:
    'From a phone call to an appointment and its outcome. One thing is `{"data": {…}}`, a list `{"data": {"items": […], ' +
    '"total": N, "next_cursor": "…"}}`, an error `application/problem+json`. Times are ISO 8601 in UTC, phone ' +
    'numbers E.164, ids opaque.',
};

const TAGS = [
  { name: 'Me', description: 'Who one is.' },
  { name: 'Set-up', description: 'Companies, the numbers callers dial, people. For admins.' },
  { name: 'Calls', description: 'What was said, what it was judged to be, and what people say about that.' },
  { name: 'Leads', description: 'What a call may become; moved by analyses and by people.' },
  { name: 'Follow-ups', description: 'Callers whom somebody should call.' },
  { name: 'Contacts', description: 'Who called, with all that hangs on them.' },
  { name: 'Appointments', description: 'Made by booked calls and by people.' },
  { name: 'Visits', description: 'The recording of an appointment, and what it was judged to be.' },
  { name: 'Exports', description: 'Lists as CSV, all of their rows.' },
  { name: 'Metrics', description: 'The dashboards’ numbers, in days of the company’s time zone.' },
  { name: 'Live', description: 'What changes, as it changes.' },
  { name: 'Operators', description: 'What is stuck and why, and what to do about it.' },
  { name: 'Webhooks in', description: 'From CallRail and Shunya; authenticated by signature.' },
  { name: 'Outgoing webhooks', description: 'To your own systems, signed as Standard Webhooks has it.' },
  { name: 'System', description: 'For load balancers, start-up scripts and operators.' },
];

type Document = ReturnType<OpenAPIHono<ApiEnv>['getOpenAPI31Document']>;
type Operation = NonNullable<NonNullable<Document['paths']>[string]['get']>;

/** The whole document of an app whose routes are registered. */
export function describeApi(app: OpenAPIHono<ApiEnv>) {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'Claims: `sub` (user id), `company_id` or `org_id`, `role`; other names by configuration.',
  });
  app.openAPIRegistry.registerComponent('securitySchemes', 'ticket', {
    type: 'apiKey',
    in: 'query',
    name: 'ticket',
    description: 'From `POST /events/ticket`, for clients that cannot send headers.',
  });
  const document = app.getOpenAPI31Document({ openapi: '3.1.0', info: API_INFO, servers: [{ url: '/' }] });
  const operations = Object.values(document.paths ?? {}).flatMap((item) => Object.values(item) as Operation[]);
  // One that is empty counts as not given; a form sends those.
  for (const { parameters = [] } of operations)
    for (const parameter of parameters)
      if ('in' in parameter && parameter.in === 'query') parameter.allowEmptyValue = true;
  const used = new Set(operations.flatMap(({ tags }) => tags));
  document.tags = TAGS.filter(({ name }) => used.has(name));
  completeExamples(document);
  return document;
}

/** On every answer. */
export const REQUEST_ID = { 'X-Request-Id': { schema: { type: 'string' }, description: 'Tell us this one.' } } as const;
const ETAG = { ETag: { schema: { type: 'string' }, description: 'For If-Match of a PATCH.' } } as const;

/** Puts a route with a permission into the document. */
export function describeRoute(spec: AnySpec): RouteConfig {
  const names = [...spec.path.matchAll(/{(.+?)}/g)].map((match) => match[1] ?? '');
  const isWrite = spec.method !== 'get';
  const codes: ErrorCode[] = [
    'unauthenticated',
    'forbidden',
    'too_many_requests',
    // Any operation refuses a query parameter that it does not know.
    'invalid_request',
    'internal',
    'unavailable',
    'took_too_long',
  ];
  codes.push(...(spec.errors ?? []));
  if (names.length > 0) codes.push('not_found');
  if (isWrite) codes.push('body_too_large');
  if (spec.text?.type === 'text/csv') codes.push('too_many_exports');
  if (spec.body) codes.push('invalid_json', 'body_cut_off', 'request_timeout');
  if (spec.method === 'patch') codes.push('stale');
  if (spec.creates) codes.push('idempotency_key_reused', 'idempotency_in_progress');

  const headers: Record<string, z.ZodType> = {};
  if (spec.creates)
    headers['Idempotency-Key'] = z
      .string()
      .regex(IDEMPOTENCY_KEY)
      .optional()
      .openapi({
        description: `Same key and body: the same answer, and no second effect, for ${IDEMPOTENCY_KEPT_DAYS} days.`,
      });
  if (spec.method === 'patch')
    headers['If-Match'] = z
      .string()
      .optional()
      .openapi({ description: 'The ETag as it was read; 412 when it changed.' });
  const params = names.map((name) => [name, z.string().openapi({ example: parameterExample(spec.path, name) })]);
  const success = { description: 'Success', headers: successHeaders(spec), ...describeContent(spec) };
  const statuses = [spec.status ?? 200, ...(spec.alsoStatus ? [spec.alsoStatus] : [])];

  return {
    method: spec.method,
    path: spec.path,
    operationId: operationId(spec),
    summary: spec.summary,
    description: spec.description,
    tags: [spec.tag],
    security: [{ bearer: [] }, ...(spec.acceptsTicket ? [{ ticket: [] }] : [])],
    request: {
      ...(names.length > 0 && { params: z.object(Object.fromEntries(params)) }),
      ...(spec.query && { query: spec.query }),
      ...(spec.body && { body: { required: true, content: { 'application/json': { schema: spec.body } } } }),
      ...(Object.keys(headers).length > 0 && { headers: z.object(headers) }),
    },
    responses: {
      ...Object.fromEntries(statuses.map((status) => [status, success])),
      ...describeErrors(codes, examplePath(spec.path)),
    },
  };
}

function successHeaders(spec: AnySpec) {
  const isVersioned = spec.method === 'patch' || (spec.method === 'get' && spec.path.endsWith('}'));
  return { ...REQUEST_ID, ...(isVersioned && ETAG) };
}

function describeContent({ data, text }: AnySpec) {
  if (text) return { content: { [text.type]: { schema: z.string(), example: text.example } } };
  return data ? { content: { 'application/json': { schema: z.object({ data }) } } } : {};
}

/**
 * The answers of errors, each with an example.
 * @param instance the path they are about, below /api/v1
 */
export function describeErrors(codes: Iterable<ErrorCode>, instance: string) {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set(codes)) {
    const { status } = ERROR_CODES[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, ofStatus]) => [
      status,
      {
        description: ofStatus.map((code) => `\`${code}\`: ${ERROR_CODES[code].title}`).join('; '),
        headers: { ...REQUEST_ID, ...ERROR_HEADERS[status] },
        content: {
          'application/problem+json': {
            schema: problemSchema,
            examples: Object.fromEntries(ofStatus.map((code) => [code, { value: problemExample(code, instance) }])),
          },
        },
      },
    ]),
  );
}

const ERROR_HEADERS: Record<number, Record<string, { schema: { type: 'string' }; description: string }>> = {
  401: { 'WWW-Authenticate': { schema: { type: 'string' }, description: 'Bearer, or nothing for webhooks.' } },
  503: { 'Retry-After': { schema: { type: 'string' }, description: 'Seconds.' } },
};

function problemExample(code: ErrorCode, instance: string) {
  const { title, status, detail } = ERROR_CODES[code];
  return {
    type: `urn:callwright:error:${code}`,
    title,
    status,
    detail,
    instance: `/api/v1${instance}`,
    code,
    request_id: EXAMPLE.requestId,
    ...(code === 'invalid_request' && { errors: [{ path: 'limit', message: 'Too big: expected number to be <=200' }] }),
  };
}

/** get /leads/{id} → get_leads_by_id */
const operationId = (spec: AnySpec): string =>
  `${spec.method}${spec.path.replaceAll(/\/{(.+?)}/g, '_by_$1').replaceAll(/[/.-]/g, '_')}`;
