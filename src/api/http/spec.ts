/** What a route module writes down about a route: the input of both the router and the OpenAPI document. */
import type { z } from '@hono/zod-openapi';
import type { ErrorCode } from './errors.ts';
import type { Permission } from './permissions.ts';

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
export type SuccessStatus = 200 | 201 | 202 | 204;

export interface RouteSpec<
  M extends Method,
  Path extends string,
  P extends Permission,
  Query extends z.ZodType,
  Body extends z.ZodType,
  Data extends z.ZodType,
> {
  method: M;
  /** Below /api/v1, with `{id}` for parameters. */
  path: Path;
  permission: P;
  summary: string;
  description?: string;
  tag: string;
  query?: Query;
  body?: Body;
  /** Of success; 200 unless said. Others that a `reply` may give stand in `alsoStatus`. */
  status?: SuccessStatus;
  alsoStatus?: SuccessStatus;
  /** The schema of `data` in the answer; none for 204. */
  data?: Data;
  /** Of a GET that answers a Response with something else than JSON. */
  text?: { type: string; example: string };
  /** Codes this route answers beside the usual ones; for the OpenAPI document. */
  errors?: ErrorCode[];
  /** A POST that creates honours Idempotency-Key. */
  creates?: boolean;
  /** Takes `?ticket=` in place of the bearer, for clients that cannot send headers. */
  acceptsTicket?: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: `add` checks the types; inside they are erased.
export type AnySpec = RouteSpec<Method, string, Permission, any, any, any>;
