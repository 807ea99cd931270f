/** Every error the API answers, as `application/problem+json` (RFC 9457). */
import type { Context, ErrorHandler, NotFoundHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { z } from 'zod';
import { isDatabaseUnavailable, isStatementTimeout } from '../../db/errors.ts';
import { errorFields, type Logger } from '../../runtime/telemetry.ts';
import { Refusal, type RefusalCode } from '../../services/refusal.ts';
import type { ApiEnv } from '../env.ts';

/** The closed list of codes: what each means and the status it is answered with. */
export const ERROR_CODES = {
  invalid_json: { status: 400, title: 'The body is not JSON' },
  bad_request: { status: 400, title: 'The request cannot be understood' },
  body_cut_off: { status: 400, title: 'The connection ended before the body did' },
  unauthenticated: { status: 401, title: 'A valid bearer token is needed' },
  invalid_signature: { status: 401, title: 'The signature does not verify' },
  forbidden: { status: 403, title: 'Your role may not do this' },
  link_expired: { status: 403, title: 'The link is not valid any more' },
  not_found: { status: 404, title: 'There is no such thing' },
  method_not_allowed: { status: 405, title: 'This path does not know the method' },
  request_timeout: { status: 408, title: 'The body did not come in time' },
  conflict: { status: 409, title: 'The request contradicts the current state' },
  already_exists: { status: 409, title: 'It exists already' },
  phone_number_taken: { status: 409, title: 'The number belongs to a company already' },
  appointment_over: { status: 409, title: 'The appointment is over: completed, cancelled, rescheduled or a no-show' },
  rep_double_booked: { status: 409, title: 'The rep has another appointment at that time' },
  session_already_stopped: { status: 409, title: 'The session was stopped with another recording' },
  analysis_running: { status: 409, title: 'An analysis is under way' },
  no_recording: { status: 409, title: 'There is no recording' },
  nothing_to_retry: { status: 409, title: 'Nothing is blocked' },
  already_applied: { status: 409, title: 'The event has taken effect already' },
  idempotency_key_reused: { status: 409, title: 'The Idempotency-Key was used with another body' },
  idempotency_in_progress: { status: 409, title: 'The first request with this Idempotency-Key is still under way' },
  stale: { status: 412, title: 'It was changed since you read it' },
  body_too_large: { status: 413, title: 'The body is too large' },
  range_not_satisfiable: { status: 416, title: 'The range lies outside of the recording' },
  invalid_request: { status: 422, title: 'The request is not valid' },
  too_many_streams: { status: 429, title: 'Too many event streams are open' },
  too_many_requests: { status: 429, title: 'Too many requests of yours are under way' },
  too_many_exports: { status: 429, title: 'Too many exports are under way' },
  internal: { status: 500, title: 'Something went wrong on our side' },
  bad_gateway: { status: 502, title: 'A service we depend on failed' },
  unavailable: { status: 503, title: 'The service cannot answer right now' },
  took_too_long: { status: 503, title: 'The query takes too long' },
} as const satisfies Record<string, { status: number; title: string }> & Record<RefusalCode, unknown>;
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
  const { title } = ERROR_CODES[error.code];
  return {
    type: `urn:callwright:error:${error.code}`,
    title,
    status: error.status,
    detail: error.detail ?? `${title}.`,
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
    return new ApiError('unavailable', { headers: { 'Retry-After': '5' }, detail: 'Please try again.', cause: error });
  if (error instanceof HTTPException) {
    if (error.status === 413) return new ApiError('body_too_large', { cause: error });
    if (error.status < 500) return new ApiError('bad_request', { cause: error });
  }
  return new ApiError('internal', { detail: 'Please tell us the request_id.', cause: error });
}

/** The one place where errors become answers. Unknown ones are logged under the request's id. */
export function createErrorHandler(logger: Logger): ErrorHandler<ApiEnv> {
  return (error, c) => {
    const apiError = toApiError(error);
    if (apiError.code === 'body_cut_off')
      logger.debug({ requestId: c.get('requestId') }, 'the sender hung up before its body had come');
    if (apiError.status >= 500) {
      const fields = errorFields(apiError.cause ?? error);
      logger.error({ requestId: c.get('requestId'), status: apiError.status, ...fields }, 'request failed');
    }
    return problemResponse(apiError, c);
  };
}

/** Answers paths that no route has. */
export const notFoundHandler: NotFoundHandler<ApiEnv> = (c) =>
  problemResponse(new ApiError('not_found', { detail: 'There is no such path.' }), c);

/** Answers a path that exists, but not with this method. */
export const methodNotAllowedResponse = (c: Context<ApiEnv>, methods: string[]): Response =>
  problemResponse(new ApiError('method_not_allowed', { headers: { Allow: methods.join(', ') } }), c);
