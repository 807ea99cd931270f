/** The service that runs here, asked over HTTP as anybody would: for commands that tell what is there. */
import type { Config } from '../../src/config/config.ts';
import { mintToken, type TokenRequest } from '../token.ts';
import { StartError } from './processes.ts';
import { apiUrl } from './services.ts';

// biome-ignore lint/suspicious/noExplicitAny: as the API answers it.
export type Answer = any;

export type Ask = (method: 'GET' | 'POST', path: string, body?: object) => Promise<Answer>;

/**
 * Requests with a token that is minted here; they answer what stands below `data`.
 * @throws {StartError} one line, where nothing answers, or not with 2xx
 */
export async function askAs(config: Config, who: TokenRequest): Promise<Ask> {
  const token = await mintToken(config, { ...who, expiresIn: '15m' });
  return async (method, path, body) => {
    const url = `${apiUrl(config)}/api/v1${path}`;
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const init = { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(30_000) };
    const answer = await fetch(url, init).catch(() => {
      throw new StartError(`nothing answers at ${apiUrl(config)}: start it with npm start`);
    });
    const { data, code, detail } = (await answer.json().catch(() => ({}))) as Answer;
    if (answer.ok) return data;
    if (answer.status === 401)
      throw new StartError(`${apiUrl(config)} is another service's: it refuses tokens made with ${config.dataDir}`);
    if (typeof code !== 'string') throw new StartError(`what answers at ${apiUrl(config)} is not callwright`);
    throw new StartError(`${method} ${path} answered ${answer.status} ${code} ${detail ?? ''}`.trim());
  };
}

/** Where the Web UI lists what needs a person; undefined where no Web UI is known. */
export function attentionUrl({ temporal: { uiUrl, namespace } }: Config): string | undefined {
  return uiUrl && `${uiUrl}/namespaces/${encodeURIComponent(namespace)}/workflows?query=NeedsAttention%3Dtrue`;
}

/** Runs a command: what cannot be done is one line and exit code 1. */
export async function runCommand(work: () => Promise<boolean>): Promise<void> {
  try {
    process.exitCode = (await work()) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof Error && ['StartError', 'ConfigError'].includes(error.name))) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
