/** Temporal: most variables are its own, read by its own library. */
import { type ClientConnectConfig, loadClientConnectConfig } from '@temporalio/envconfig';
import { boolean, ConfigError, httpUrl, port, readableFile, text, type Values } from './values.ts';

export const temporalVariables = {
  TEMPORAL_ADDRESS: text.regex(/^\S+:\d{1,5}$/, 'must be host:port').optional(),
  TEMPORAL_NAMESPACE: text.optional(),
  TEMPORAL_CONFIG_FILE: text.optional(),
  TEMPORAL_PROFILE: text.optional(),
  // Temporal's library takes what it cannot read for unset: then a connection would be in clear.
  TEMPORAL_TLS: boolean.optional(),
  TEMPORAL_TLS_DISABLE_HOST_VERIFICATION: boolean.optional(),
  TEMPORAL_TLS_CLIENT_CERT_PATH: readableFile.optional(),
  TEMPORAL_TLS_CLIENT_KEY_PATH: readableFile.optional(),
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: readableFile.optional(),
  TEMPORAL_TASK_QUEUE: text.default('call-pipeline'),
  TEMPORAL_UI_URL: httpUrl.optional(),
  TEMPORAL_DEV_PORT: port(7233),
  TEMPORAL_UI_PORT: port(8233),
};

type Env = Values<typeof temporalVariables>;

const usesFile = (env: Env) => env.TEMPORAL_CONFIG_FILE !== undefined || env.TEMPORAL_PROFILE !== undefined;

/** Whether somebody said which Temporal to use. */
export const isTemporalConfigured = (env: Env) => env.TEMPORAL_ADDRESS !== undefined || usesFile(env);

/** @param variables as they were given, for Temporal's library */
export function temporalConfig(
  env: Env,
  variables: Record<string, string>,
  { isEmbedded, isProduction }: { isEmbedded: boolean; isProduction: boolean },
) {
  const { connectionOptions, namespace } = isEmbedded
    ? { connectionOptions: { address: `127.0.0.1:${env.TEMPORAL_DEV_PORT}` } }
    : connectConfig(variables, !usesFile(env));
  return {
    address: connectionOptions.address ?? '',
    namespace: env.TEMPORAL_NAMESPACE ?? namespace ?? 'default',
    connectionOptions,
    taskQueue: env.TEMPORAL_TASK_QUEUE,
    uiUrl: env.TEMPORAL_UI_URL ?? (isProduction ? undefined : `http://127.0.0.1:${env.TEMPORAL_UI_PORT}`),
    devPort: env.TEMPORAL_DEV_PORT,
    uiPort: env.TEMPORAL_UI_PORT,
  };
}

/** The file in the user's home is read only on request: it may name somebody's production. */
function connectConfig(variables: Record<string, string>, disableFile: boolean): ClientConnectConfig {
  try {
    return loadClientConnectConfig({ overrideEnvVars: variables, disableFile });
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new ConfigError(`TEMPORAL_ settings cannot be used: ${reason}`);
  }
}
