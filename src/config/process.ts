/** What kind of process this is, and where it keeps its files. */
import path from 'node:path';
import { z } from 'zod';
import { text, type Values } from './values.ts';

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export const processVariables = {
  NODE_ENV: text.default('development'),
  LOG_LEVEL: z.enum(LOG_LEVELS, 'must be trace, debug, info, warn, error, fatal or silent').default('info'),
  DATA_DIR: text.default('.data'),
};

export const processConfig = (env: Values<typeof processVariables>) => ({
  nodeEnv: env.NODE_ENV,
  isProduction: env.NODE_ENV === 'production',
  logLevel: env.LOG_LEVEL,
  dataDir: path.resolve(env.DATA_DIR),
});
