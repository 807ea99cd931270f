import { createRequire } from 'node:module';
import { type Logger, pino } from 'pino';
import type { Config } from '../config/config.ts';
import { causesOf } from '../domain/causes.ts';

const require = createRequire(import.meta.url);

export type { Logger } from 'pino';

/**
 * Keys that must never reach a log. The rule is not to log them at all; this is the net below it.
 * A log holds ids, states, counts and times: no phone number, name, transcript, link or payload.
 */
const PRIVATE_KEYS = [
  'authorization',
  'signature',
  'password',
  'secret',
  'token',
  'apiKey',
  'api_key',
  'phone',
  'phoneNumber',
  'phone_number',
  'callerNumber',
  'caller_number',
  'email',
  'name',
  'transcript',
  'transcriptText',
  'transcript_text',
  'recordingUrl',
  'recording_url',
  'audioUrl',
  'audio_url',
  'payload',
  'body',
  'query',
  'parameters',
  'params',
  'detail',
];

/** Keys whose own value is safe at the top level (`name` is the part of the service) but not inside an object. */
const SAFE_AT_TOP = new Set(['name', 'detail', 'query']);

const REDACTED_PATHS = [
  ...PRIVATE_KEYS.filter((key) => !SAFE_AT_TOP.has(key)),
  ...PRIVATE_KEYS.map((key) => `*.${key}`),
];

/** A logger: JSON lines in production or through a pipe, readable lines on a local terminal. */
export function createLogger(config: Pick<Config, 'isProduction' | 'logLevel'>, name: string): Logger {
  const usePretty = !config.isProduction && process.stdout.isTTY === true && isInstalled('pino-pretty');
  return pino({
    name,
    level: config.logLevel,
    redact: { paths: REDACTED_PATHS, censor: '[redacted]' },
    serializers: { err: errorFields, error: errorFields },
    ...(usePretty && {
      transport: {
        target: 'pino-pretty',
        options: { ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l', singleLine: true },
      },
    }),
  });
}

/** What may be told of an error. */
export interface ErrorFields {
  errorName: string;
  errorCode?: string | number;
  errorMessage?: string;
}

/**
 * The fields of an error that are safe to log. Database errors carry SQL, parameters and row values in `message`,
 * `query`, `parameters` and `detail`, so only name and code of those are told.
 */
export function errorFields(error: unknown): ErrorFields {
  if (!(error instanceof Error)) return { errorName: typeof error };
  const root = rootCause(error);
  const code = (root as { code?: unknown }).code ?? (error as { code?: unknown }).code;
  const fields: ErrorFields = { errorName: root === error ? error.name : `${error.name} < ${root.name}` };
  if (typeof code === 'string' || typeof code === 'number') fields.errorCode = code;
  if (!causesOf(error).some(mayHoldData)) fields.errorMessage = firstLine(root.message);
  return fields;
}

function mayHoldData(error: Error): boolean {
  const keys = ['query', 'parameters', 'params', 'args', 'detail', 'where', 'input', 'issues', 'response'];
  return (
    error instanceof SyntaxError ||
    /Drizzle|Postgres|Zod|ValueError|PayloadConverter/.test(error.name) ||
    keys.some((key) => key in error)
  );
}

const rootCause = (error: Error): Error => causesOf(error).at(-1) ?? error;

const firstLine = (text: string): string => (text.split('\n')[0] ?? '').slice(0, 300);

function isInstalled(module: string): boolean {
  try {
    require.resolve(module);
    return true;
  } catch {
    return false;
  }
}

/**
 * Said, partly as warnings, of each queue at every healthy start: those of provider calls run no workflows. And what our own
 * line of a failed activity says better.
 */
const ROUTINE =
  /^(No workflows registered|No activities registered|No Nexus services registered|Worker state changed|Activity failed)/;

/**
 * Sends the Temporal SDK's own log lines through ours. Call once, before anything of `@temporalio/worker` is used:
 * a Runtime of its own would swallow SIGINT and SIGTERM.
 */
export function installTemporalRuntime(logger: Logger): void {
  // Loaded here: the API logs too and has no use for the worker's native part.
  const { DefaultLogger, makeTelemetryFilterString, Runtime } =
    require('@temporalio/worker') as typeof import('@temporalio/worker');
  const levels = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;
  Runtime.install({
    shutdownSignals: [],
    logger: new DefaultLogger('INFO', ({ level, message, meta }) => {
      if (ROUTINE.test(message)) return;
      logger[levels[level]](sdkFields(meta ?? {}), firstLine(message));
    }),
    telemetryOptions: { logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }) } },
  });
}

/** What the SDK names that is an id, a kind or a state; any other text of it may print a payload. */
const SDK_TEXT = /^(namespace|sdk_?component|identity)$|(_|^)(id|type|queue|state|status)$|[a-z](Id|Type|Queue|State)$/;

/** The SDK's metadata as far as it holds no payload: ids, kinds, numbers, and what may be told of an error. */
export function sdkFields({ error, err, ...meta }: Record<string, unknown>): Record<string, unknown> {
  const isSafe = ([key, value]: [string, unknown]) =>
    ['number', 'boolean', 'bigint'].includes(typeof value) || (typeof value === 'string' && SDK_TEXT.test(key));
  const cause = error ?? err;
  return { ...Object.fromEntries(Object.entries(meta).filter(isSafe)), ...(cause ? errorFields(cause) : {}) };
}
