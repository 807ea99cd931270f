import { z } from 'zod';

/** The switches for failures: what can be made to go wrong, for which requests, how often. */

export const REQUEST_FAULTS = ['error', 'hang', 'disconnect', 'garbage', 'delay', 'other_result'] as const;
export const JOB_FAULTS = ['job_fails', 'job_never_answers', 'inline_transcript', 'callback_early'] as const;
export const CALLBACK_FAULTS = [
  'callback_lost',
  'callback_duplicate',
  'callback_delayed',
  'callback_reordered',
  'callback_without_result',
  'callback_wrong_company',
  'callback_contradicting_id',
  'callback_unknown_job',
  'callback_without_job_id',
  'callback_other_result',
  'callback_bad_signature',
  'callback_event_type_form',
] as const;

const faultSchema = z.strictObject({
  type: z.enum([...REQUEST_FAULTS, ...JOB_FAULTS, ...CALLBACK_FAULTS]),
  /** How many times; without it, until it is removed. */
  times: z.int().positive().optional(),
  probability: z.number().min(0).max(1).default(1),
  seed: z.int().default(1),
  /** Part of the audio link; without it, everything. */
  match: z.string().min(1).optional(),
  company_id: z.string().min(1).optional(),
  kind: z.enum(['transcription', 'analysis']).optional(),
  /** Request faults: which requests. `other_result` is only ever about results. */
  on: z.enum(['submit', 'status', 'result', 'any']).default('any'),
  /** Request faults: `after` means the request took effect and only its answer is lost. */
  when: z.enum(['before', 'after']).default('before'),
  /** Job faults: only the first so many attempts of each call and kind. */
  first_attempts: z.int().positive().optional(),
  /** `error`: 500 unless said, and 200 is an answer with success:false. `garbage`: 200 unless said. */
  status: z.int().min(200).max(599).optional(),
  error_code: z.string().default('SIMULATED_FAILURE'),
  /** `error` and `job_fails`: null leaves it out of the error object. */
  retryable: z.boolean().nullable().default(null),
  retry_after_seconds: z.number().min(0).optional(),
  retry_after_in: z.enum(['header', 'date', 'details']).default('header'),
  /** `hang`, `delay`, `callback_delayed`, `callback_reordered` (how long to wait for company). */
  delay_ms: z.int().min(0).optional(),
  /** `garbage` */
  body: z.string().default('<html><body>502 Bad Gateway'),
  /** `callback_duplicate`: how many in all; `callback_reordered`: how many to collect and send in reverse. */
  count: z.int().min(2).default(2),
  /** Callbacks that are wrong in themselves: send the right one after them. */
  then_correct: z.boolean().default(false),
});

export const faultsSchema = z
  .union([z.strictObject({ faults: z.array(faultSchema) }), faultSchema])
  .transform((body) => ('faults' in body ? body.faults : [body]));

export type Fault = z.infer<typeof faultSchema>;
export type FaultType = Fault['type'];

export interface FaultContext {
  audioUrl?: string;
  companyId?: string;
  kind?: 'transcription' | 'analysis';
  on?: 'submit' | 'status' | 'result';
  when?: 'before' | 'after';
  attempt?: number;
}

interface Armed {
  id: string;
  fault: Fault;
  fired: number;
  random: () => number;
}

/** The armed faults, in the order they were added. */
export class FaultBook {
  private armed: Armed[] = [];
  private nextId = 1;

  add(faults: Fault[]): { id: string }[] {
    const added = faults.map((fault) => ({ id: `f${this.nextId++}`, fault, fired: 0, random: seeded(fault.seed) }));
    this.armed.push(...added);
    return added.map(({ id }) => ({ id }));
  }

  list(): Record<string, unknown>[] {
    return this.armed.map(({ id, fault, fired }) => ({
      id,
      ...fault,
      fired,
      remaining: fault.times === undefined ? null : fault.times - fired,
    }));
  }

  remove(id: string): boolean {
    const before = this.armed.length;
    this.armed = this.armed.filter((armed) => armed.id !== id);
    return this.armed.length < before;
  }

  clear(): void {
    this.armed = [];
  }

  /** The first armed fault of these types that applies; it counts as fired. */
  take(types: readonly FaultType[], context: FaultContext): Fault | undefined {
    const armed = this.armed.find((candidate) => applies(candidate, types, context) && fires(candidate));
    if (armed) armed.fired += 1;
    return armed?.fault;
  }

  /** Whether one would apply, without firing it. */
  has(types: readonly FaultType[], context: FaultContext): boolean {
    return this.armed.some((candidate) => applies(candidate, types, context));
  }
}

const fires = ({ fault, random }: Armed): boolean => fault.probability >= 1 || random() < fault.probability;

function applies({ fault, fired }: Armed, types: readonly FaultType[], context: FaultContext): boolean {
  if (!types.includes(fault.type)) return false;
  if (fault.times !== undefined && fired >= fault.times) return false;
  if (fault.match !== undefined && !context.audioUrl?.includes(fault.match)) return false;
  if (fault.company_id !== undefined && fault.company_id !== context.companyId) return false;
  if (fault.kind !== undefined && fault.kind !== context.kind) return false;
  if (context.on !== undefined && fault.on !== 'any' && fault.on !== context.on) return false;
  if (context.when !== undefined && fault.when !== context.when) return false;
  return fault.first_attempts === undefined || (context.attempt ?? 1) <= fault.first_attempts;
}

/** mulberry32: the same seed gives the same run. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
