/** What a service may refuse; `src/api/http/errors.ts` gives each code a status and a title. */
export type RefusalCode =
  | 'already_applied'
  | 'already_exists'
  | 'analysis_running'
  | 'appointment_over'
  | 'conflict'
  | 'forbidden'
  | 'idempotency_in_progress'
  | 'idempotency_key_reused'
  | 'invalid_request'
  | 'no_recording'
  | 'not_found'
  | 'nothing_to_retry'
  | 'phone_number_taken'
  | 'rep_double_booked'
  | 'session_already_stopped';

interface RefusalOptions {
  detail?: string;
  fields?: { path: string; message: string }[];
  appointmentId?: string;
  cause?: unknown;
}

/** A rule says no, and the transaction rolls back. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: RefusalCode;
  readonly detail: string | undefined;
  /** The fields of the request that are wrong, as the API names them. */
  readonly fields: { path: string; message: string }[] | undefined;

  /** The appointment to look at instead. */
  readonly appointmentId: string | undefined;

  constructor(code: RefusalCode, options: RefusalOptions = {}) {
    super(options.detail ?? code, { cause: options.cause });
    this.code = code;
    this.detail = options.detail;
    this.fields = options.fields;
    this.appointmentId = options.appointmentId;
  }
}

/** There is no such row, or none that the caller may see. */
export const refuseMissing = () => new Refusal('not_found');

/** One field of the request is wrong. */
export const refuseField = (path: string, message: string) =>
  new Refusal('invalid_request', { fields: [{ path, message }] });
