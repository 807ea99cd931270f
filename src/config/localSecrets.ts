import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

const secretsSchema = z.object({
  postgresPassword: z.string().min(1),
  shunyaApiKey: z.string().min(1),
  shunyaWebhookSecret: z.string().min(1),
  authJwtSecret: z.string().min(1),
});

/** What local mode makes up for itself, so that all processes on one DATA_DIR agree. */
export type LocalSecrets = z.infer<typeof secretsSchema>;

/** Whether a service, or the demo, has made secrets there. */
export const hasLocalSecrets = (dataDir: string): boolean => existsSync(secretsFile(dataDir));

const secretsFile = (dataDir: string) => path.join(dataDir, 'secrets.json');

/** The secrets of this DATA_DIR, made on first use. Two processes that start at the same time get the same ones. */
export function loadLocalSecrets(dataDir: string): LocalSecrets {
  const file = secretsFile(dataDir);
  return read(file) ?? create(file);
}

function read(file: string): LocalSecrets | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return secretsSchema.parse(JSON.parse(text));
  } catch {
    throw new Error('secrets.json in it is damaged; delete that file');
  }
}

function create(file: string): LocalSecrets {
  const secret = () => randomBytes(32).toString('hex');
  const secrets: LocalSecrets = {
    postgresPassword: secret(),
    shunyaApiKey: secret(),
    shunyaWebhookSecret: secret(),
    authJwtSecret: secret(),
  };
  mkdirSync(path.dirname(file), { recursive: true });
  // A link to a finished file appears whole or not at all, and never replaces another process's.
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    writeFileSync(draft, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
    linkSync(draft, file);
    return secrets;
  } catch (error) {
    const winner = (error as NodeJS.ErrnoException).code === 'EEXIST' ? read(file) : undefined;
    if (!winner) throw error;
    return winner;
  } finally {
    rmSync(draft, { force: true });
  }
}
