/** Shunya, which transcribes and analyzes, or its simulator. */
import type { LocalSecrets } from './localSecrets.ts';
import { httpUrl, nonEmptyList, port, positive, positiveInteger, text, type Values } from './values.ts';

export const shunyaVariables = {
  SHUNYA_BASE_URL: httpUrl.optional(),
  SHUNYA_API_KEY: text.optional(),
  SHUNYA_SIM_PORT: port(3900),
  SHUNYA_MAX_PER_SECOND: positive(20),
  SHUNYA_MAX_PER_COMPANY: positiveInteger(50),
  SHUNYA_WEBHOOK_SECRETS: nonEmptyList.optional(),
  SHUNYA_POLL_SECONDS: positive(60),
  SHUNYA_JOB_TIMEOUT_SECONDS: positive(86_400),
};

export const shunyaConfig = (env: Values<typeof shunyaVariables>, local: () => LocalSecrets) => ({
  baseUrl: env.SHUNYA_BASE_URL ?? `http://127.0.0.1:${env.SHUNYA_SIM_PORT}`,
  apiKey: env.SHUNYA_API_KEY ?? local().shunyaApiKey,
  webhookSecrets: env.SHUNYA_WEBHOOK_SECRETS ?? [local().shunyaWebhookSecret],
  maxPerSecond: env.SHUNYA_MAX_PER_SECOND,
  maxPerCompany: env.SHUNYA_MAX_PER_COMPANY,
  pollSeconds: env.SHUNYA_POLL_SECONDS,
  jobTimeoutSeconds: env.SHUNYA_JOB_TIMEOUT_SECONDS,
  simPort: env.SHUNYA_SIM_PORT,
});
