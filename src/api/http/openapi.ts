/** How routes stand in the OpenAPI document. */
import { type OpenAPIHono, type RouteConfig, z } from '@hono/zod-openapi';
import { IDEMPOTENCY_KEPT_DAYS } from '../../services/idempotency.ts';
import { EXAMPLE } from '../../views/examples.ts';
import type { ApiEnv } from '../env.ts';
import { completeDescriptions } from './descriptions.ts';
import { ERROR_CODES, type ErrorCode } from './errors.ts';
import { completeExamples, examplePath, parameterExample } from './examples.ts';
import { FRONT_PAGE } from './frontPage.ts';
import { IDEMPOTENCY_KEY } from './idempotency.ts';
import { describeRoles } from './permissions.ts';
import { problemSchema } from './schemas.ts';
import type { AnySpec } from './spec.ts';

const API_INFO = {
  title: 'Callwright',
  version: '1',
  license: { name: 'MIT', identifier: 'MIT' },
  description: FRONT_PAGE,
};

const TAGS = [
  { name: 'Me', description: 'The signed-in user.' },
  { name: 'Set-up', description: 'Companies, their tracking numbers and their users.' },
  { name: 'Calls', description: 'Calls with their transcripts, analyses and recordings.' },
  { name: 'Leads', description: 'What a contact may buy. Analyses and users move a lead from status to status.' },
  { name: 'Follow-ups', description: 'Callers whom somebody should call back.' },
  { name: 'Contacts', description: 'The people on the other side of the calls.' },
  { name: 'Appointments', description: 'Appointments that calls booked or users created.' },
  { name: 'Visits', description: 'Recordings of appointments, and their analyses.' },
  { name: 'Exports', description: 'Calls, leads and appointments as CSV.' },
  { name: 'Metrics', description: 'The figures of the dashboards, by days of the company’s time zone.' },
  { name: 'Live', description: 'A stream of changes for dashboards.' },
  { name: 'Operators', description: 'Blocked pipelines, received events and the audit log.' },
  { name: 'Webhooks in', description: 'Events from CallRail and Shunya, authenticated by signature.' },
  { name: 'Outgoing webhooks', description: 'Events to your own systems, signed according to Standard Webhooks.' },
  { name: 'System', description: 'Health, readiness and metrics.' },
];

type Document = ReturnType<OpenAPIHono<ApiEnv>['getOpenAPI31Document']>;
type Operation = NonNullable<NonNullable<Document['paths']>[string]['get']>;

/** The whole document of an app whose routes are registered. */
export function describeApi(app: OpenAPIHono<ApiEnv>) {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description:
      '`npm run token -- --role manager --company acme --user me` prints a token for your own installation. In production your ' +
      'identity provider issues it, with the claims `sub` (user id), `role`, and `company_id` or `org_id`.',
  });
  app.openAPIRegistry.registerComponent('securitySchemes', 'ticket', {
    type: 'apiKey',
    in: 'query',
    name: 'ticket',
    description: 'A ticket of `POST /events/ticket`, for clients that cannot send headers. Only for `GET /events`.',
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
  completeDescriptions(document);
  return document;
}

/** On every answer. */
export const REQUEST_ID = {
  'X-Request-Id': { schema: { type: 'string' }, description: 'Quote this id when you ask for help.' },
} as const;
const ETAG = {
  ETag: { schema: { type: 'string' }, description: 'The version that was read; send it as `If-Match` with a PATCH.' },
} as const;

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
        description: `A key of your choice. A repeated request with the same key and body has no second effect and gets the first answer, for ${IDEMPOTENCY_KEPT_DAYS} days.`,
      });
  if (spec.method === 'patch')
    headers['If-Match'] = z
      .string()
      .optional()
      .openapi({ description: 'The `ETag` that was read. The answer is 412 if the resource changed since.' });
  const params = names.map((name) => [name, z.string().openapi({ example: parameterExample(spec.path, name) })]);
  const success = { description: 'Success', headers: successHeaders(spec), ...describeContent(spec) };
  const statuses = [spec.status ?? 200, ...(spec.alsoStatus ? [spec.alsoStatus] : [])];

  return {
    method: spec.method,
    path: spec.path,
    operationId: operationId(spec),
    summary: spec.summary,
    description: [spec.description, describeRoles(spec.permission)].filter(Boolean).join(' '),
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
  401: {
    'WWW-Authenticate': {
      schema: { type: 'string' },
      description: 'How to authenticate: `Bearer`. Absent for webhooks.',
    },
  },
  503: { 'Retry-After': { schema: { type: 'string' }, description: 'After how many seconds to try again.' } },
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
