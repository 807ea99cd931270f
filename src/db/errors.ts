/** What a database error means, whoever wrapped it: Drizzle hides the driver's error in `cause`. */

import { causesOf } from '../domain/causes.ts';

/** Codes of the driver and of sockets: there is no connection. */
const CONNECTION_CODES = new Set([
  'CONNECT_TIMEOUT',
  'CONNECTION_CLOSED',
  'CONNECTION_DESTROYED',
  'CONNECTION_ENDED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);

/** Connection, insufficient resources, operator intervention, system error; a statement or lock time-out, a deadlock. */
const UNAVAILABLE_STATES = /^(08|53|57|58)|^(40001|40P01|55P03|25006)$/;

const LOCK_TIMEOUT = '55P03';
const DEADLOCK = '40P01';
const QUERY_CANCELED = '57014';
const UNIQUE_VIOLATION = '23505';

/** Whether the database could not be asked, or could not commit; the same request may work later. */
export function isDatabaseUnavailable(error: unknown): boolean {
  return causes(error).some(
    ({ code }) => code !== undefined && (CONNECTION_CODES.has(code) || UNAVAILABLE_STATES.test(code)),
  );
}

/** A connection that worked and is gone: its socket closed or failed, or the server said that it closes it. */
const LOST = /^(CONNECTION_CLOSED|ECONNRESET|EPIPE|ETIMEDOUT|57P0[1-5])$/;

/** Whether the connection was lost while it was in use. */
export function isConnectionLost(error: unknown): boolean {
  return causes(error).some(({ code }) => code !== undefined && LOST.test(code));
}

/** Whether a row stayed locked by another transaction for too long. */
export function isLockTimeout(error: unknown): boolean {
  return causes(error).some(({ code }) => code === LOCK_TIMEOUT);
}

/** Why nothing can be written although the server answers: in words, without what was to be written. */
export function writeFailure(error: unknown): string {
  const codes = causes(error).map(({ code }) => code ?? '');
  if (codes.includes('53100')) return 'the disk is full';
  if (codes.includes('25006')) return 'the server only reads';
  const state = codes.find((code) => /^[0-9A-Z]{5}$/.test(code));
  return state ? `a write fails with SQLSTATE ${state}` : 'a write fails';
}

/** Whether Postgres ended a transaction because it and another waited for each other; it may be run again. */
export function isDeadlock(error: unknown): boolean {
  return causes(error).some(({ code }) => code === DEADLOCK);
}

/** Whether a statement was cancelled for taking too long. */
export function isStatementTimeout(error: unknown): boolean {
  return causes(error).some(({ code }) => code === QUERY_CANCELED);
}

/** The constraint or unique index that an insert or update would have broken. */
export function violatedUniqueConstraint(error: unknown): string | undefined {
  const violation = causes(error).find(({ code }) => code === UNIQUE_VIOLATION);
  return violation && (violation.constraint_name ?? '');
}

type DriverError = { code?: string; constraint_name?: string };

function causes(error: unknown): DriverError[] {
  return causesOf(error).map((item) => {
    const { code, constraint_name } = item as { code?: unknown; constraint_name?: unknown };
    return {
      code: typeof code === 'string' ? code : undefined,
      constraint_name: typeof constraint_name === 'string' ? constraint_name : undefined,
    };
  });
}
