/** Every error the API answers, as `application/problem+json` (RFC 9457). */
import type { Context, ErrorHandler, NotFoundHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { z } from 'zod';
import { isDatabaseUnavailable, isStatementTimeout } from '../../db/errors.ts';
import { errorFields, type Logger } from '../../runtime/telemetry.ts';
import { Refusal, type RefusalCode } from '../../services/refusal.ts';
import type { ApiEnv } from '../env.ts';

/** The closed list of codes: the status each is answered with, what it means, and what to do where nothing more is known. */
export const ERROR_CODES = {
  invalid_json: { status: 400, title: 'The body is not JSON', detail: 'Send a JSON body in UTF-8.' },
  bad_request: { status: 400, title: 'The request is malformed', detail: 'Check the method, path and headers.' },
  body_cut_off: {
    status: 400,
    title: 'The connection ended before the body did',
    detail: 'Nothing was stored. Send the request again.',
  },
  unauthenticated: {
    status: 401,
    title: 'A valid bearer token is required',
    detail: 'Send `Authorization: Bearer` with a token that has not expired.',
  },
  invalid_signature: {
    status: 401,
    title: 'The signature does not verify',
    detail: 'The signature must be made over the raw body with a key of this company.',
  },
  forbidden: { status: 403, title: 'Your role does not allow this', detail: 'Ask somebody with another role.' },
  link_expired: {
    status: 403,
    title: 'The link has expired',
    detail: 'Ask for a new one with `GET /calls/{id}/recording`.',
  },
  not_found: { status: 404, title: 'Not found', detail: 'It does not exist, or your token does not reach it.' },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    detail: 'The header `Allow` lists the methods of this path.',
  },
  request_timeout: {
    status: 408,
    title: 'The body did not arrive in time',
    detail: 'Nothing was stored. Send the request again.',
  },
  conflict: {
    status: 409,
    title: 'The request contradicts the current state',
    detail: 'Read the resource again before you change it.',
  },
  already_exists: { status: 409, title: 'It already exists', detail: 'Choose another id, or change the existing one.' },
  phone_number_taken: {
    status: 409,
    title: 'The number already belongs to a company',
    detail: 'A tracking number belongs to one company. Remove it there first.',
  },
  appointment_over: {
    status: 409,
    title: 'The appointment is over',
    detail: 'It was completed, cancelled, rescheduled or marked no-show.',
  },
  rep_double_booked: {
    status: 409,
    title: 'The rep has another appointment at that time',
    detail: 'Choose another time, or send `force: true`.',
  },
  session_already_stopped: {
    status: 409,
    title: 'The session was stopped with another recording',
    detail: 'A session has one recording. Start a new session.',
  },
  analysis_running: {
    status: 409,
    title: 'An analysis is running',
    detail: 'Wait until its `pipeline.stage` is `done`, `not_analyzable` or `failed`.',
  },
  no_recording: {
    status: 409,
    title: 'The call has no recording',
    detail: 'Only a call with a recording can be analyzed.',
  },
  nothing_to_retry: {
    status: 409,
    title: 'Nothing is blocked',
    detail: 'The pipeline is not waiting for a failed step.',
  },
  already_applied: {
    status: 409,
    title: 'The event already took effect',
    detail: 'An applied event cannot be processed again.',
  },
  idempotency_key_reused: {
    status: 409,
    title: 'The Idempotency-Key was used with another body',
    detail: 'Use a new key for a new request.',
  },
  idempotency_in_progress: {
    status: 409,
    title: 'The first request with this Idempotency-Key is still running',
    detail: 'Repeat the request in a moment.',
  },
  stale: {
    status: 412,
    title: 'It changed since you read it',
    detail: 'Read it again and send its new `ETag` as `If-Match`.',
  },
  body_too_large: { status: 413, title: 'The body is too large', detail: 'A body may have at most 1 MiB.' },
  range_not_satisfiable: {
    status: 416,
    title: 'The range lies outside the recording',
    detail: 'The header `Content-Range` tells the size.',
  },
  invalid_request: {
    status: 422,
    title: 'The request is invalid',
    detail: 'See `errors` for the fields and what is wrong with them.',
  },
  too_many_streams: {
    status: 429,
    title: 'Too many event streams are open',
    detail: 'Close one of your streams first.',
  },
  too_many_requests: {
    status: 429,
    title: 'Too many of your requests are running',
    detail: 'Wait for an answer before you send the next request.',
  },
  too_many_exports: {
    status: 429,
    title: 'Too many exports are running',
    detail: 'Wait until one of your exports has finished.',
  },
  internal: { status: 500, title: 'Internal error', detail: 'Quote the `request_id` when you ask for help.' },
  bad_gateway: { status: 502, title: 'A service we depend on failed', detail: 'Try again later.' },
  unavailable: {
    status: 503,
    title: 'The service is temporarily unavailable',
    detail: 'Try again after the seconds in `Retry-After`.',
  },
  took_too_long: {
    status: 503,
    title: 'The query takes too long',
    detail: 'Ask for a shorter range of dates or fewer filters.',
  },
} as const satisfies Record<string, { status: number; title: string; detail: string }> & Record<RefusalCode, unknown>;
export type ErrorCode = keyof typeof ERROR_CODES;

/** One thing that is wrong with a body or query; `path` names the field, with dots. */
export interface FieldError {
  path: string;
  message: string;
}

interface ApiErrorOptions {
  detail?: string;
  errors?: FieldError[];
  /** The appointment to use instead. */
  appointmentId?: string;
  headers?: Record<string, string>;
  cause?: unknown;
}

/** An answer other than success; thrown by handlers. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ErrorCode;
  readonly status: number;
  readonly detail: string | undefined;
  readonly errors: FieldError[] | undefined;
  readonly appointmentId: string | undefined;
  readonly headers: Record<string, string>;

  constructor(code: ErrorCode, options: ApiErrorOptions = {}) {
    super(options.detail ?? ERROR_CODES[code].title, { cause: options.cause });
    this.code = code;
    this.status = ERROR_CODES[code].status;
    this.detail = options.detail;
    this.errors = options.errors;
    this.appointmentId = options.appointmentId;
    this.headers = options.headers ?? {};
  }
}

/** 404. The same words whether it never was, is another company's, or is not yours. */
export const notFound = () => new ApiError('not_found');

/** What was found. @throws {ApiError} 404 where it is nothing */
export async function mustFind<T>(found: Promise<T | undefined>): Promise<T> {
  const row = await found;
  if (row === undefined) throw notFound();
  return row;
}

/** 422 that names one field. */
export const invalidField = (path: string, message: string) =>
  new ApiError('invalid_request', { errors: [{ path, message }] });

/** 422 from what zod found wrong. */
export function invalidRequest(error: z.ZodError): ApiError {
  const errors = error.issues.flatMap((issue): FieldError[] => {
    const path = issue.path.map(String);
    // A strict object reports unknown keys at their parent.
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({ path: [...path, key].join('.'), message: 'is not a known field' }));
    return [{ path: path.join('.'), message: issue.message }];
  });
  return new ApiError('invalid_request', { errors });
}

/** The problem document of an error. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  code: ErrorCode;
  request_id: string;
  errors?: FieldError[];
  appointment_id?: string;
}

/** The body that an ApiError is answered with. */
export function problemOf(error: ApiError, c: Context<ApiEnv>): Problem {
  const { title, detail } = ERROR_CODES[error.code];
  return {
    type: `urn:callwright:error:${error.code}`,
    title,
    status: error.status,
    detail: error.detail ?? detail,
    // As it was sent: a path that is decoded is no URI.
    instance: new URL(c.req.url).pathname,
    code: error.code,
    request_id: c.get('requestId'),
    ...(error.errors && { errors: error.errors }),
    ...(error.appointmentId && { appointment_id: error.appointmentId }),
  };
}

function problemResponse(error: ApiError, c: Context<ApiEnv>): Response {
  const headers = { 'Content-Type': 'application/problem+json', ...error.headers };
  return c.body(JSON.stringify(problemOf(error, c)), error.status as 500, headers);
}

/** Maps whatever was thrown to an ApiError; what is unknown becomes a 500 that says nothing. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof Refusal) {
    const { code, detail, fields: errors, appointmentId, cause } = error;
    return new ApiError(code, { detail, errors, appointmentId, cause });
  }
  if (isStatementTimeout(error))
    return new ApiError('took_too_long', {
      headers: { 'Retry-After': '10' },
      detail: 'Ask for less at a time, for example by dates.',
      cause: error,
    });
  if (isDatabaseUnavailable(error))
    return new ApiError('unavailable', { headers: { 'Retry-After': '5' }, cause: error });
  if (error instanceof HTTPException) {
    if (error.status === 413) return new ApiError('body_too_large', { cause: error });
    if (error.status < 500) return new ApiError('bad_request', { cause: error });
  }
  return new ApiError('internal', { cause: error });
}

/** The one place where errors become answers. Unknown ones are logged under the request's id. */
export function createErrorHandler(logger: Logger): ErrorHandler<ApiEnv> {
  return (error, c) => {
    const apiError = toApiError(error);
    if (apiError.code === 'body_cut_off')
      logger.debug({ requestId: c.get('requestId') }, 'the sender closed the connection before its body arrived');
    if (apiError.status >= 500) {
      const fields = errorFields(apiError.cause ?? error);
      logger.error({ requestId: c.get('requestId'), status: apiError.status, ...fields }, 'request failed');
    }
    return problemResponse(apiError, c);
  };
}

/** Answers paths that no route has. */
export const notFoundHandler: NotFoundHandler<ApiEnv> = (c) =>
  problemResponse(new ApiError('not_found', { detail: 'The API has no such path.' }), c);

/** Answers a path that exists, but not with this method. */
export const methodNotAllowedResponse = (c: Context<ApiEnv>, methods: string[]): Response =>
  problemResponse(new ApiError('method_not_allowed', { headers: { Allow: methods.join(', ') } }), c);
