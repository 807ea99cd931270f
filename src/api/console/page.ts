/** Serves the built console: the page for every address of its own, its assets for ever, and what it must know first. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Context } from 'hono';
import type { Config } from '../../config/config.ts';
import type { ApiEnv } from '../env.ts';
import { notFound } from '../http/errors.ts';
import type { ApiRouter } from '../http/router.ts';

/** From `src/api/console` and from `dist/api/console` alike. */
const BUILT = fileURLToPath(new URL('../../../console/dist/', import.meta.url));

/** First parts of the console's own addresses; all else stays the API's, with its 404 as JSON. */
const PAGES = ['calls', 'follow-ups', 'day', 'appointments', 'contacts', 'overview', 'operations', 'scorecards'];

const TYPES: Record<string, string> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.map': 'application/json',
};

/** Best first. The build leaves a compressed twin beside each file that gains by it. */
const ENCODINGS = [
  { name: 'br', suffix: '.br' },
  { name: 'gzip', suffix: '.gz' },
] as const;

const NOT_BUILT = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="3">
<title>callwright</title>
<p>The console is not built yet. <code>npm start</code> and <code>npm run demo</code> build it while they start, and this page
then opens by itself; <code>npm run build:console</code> does it by hand.</p>
<p>The API works without it: <a href="/docs">API documentation</a>.</p>
`;

/** Adds `/`, the console's addresses and `/console/…` to the app. */
export function addConsolePage(app: ApiRouter, config: Config): void {
  const policy = contentPolicy(config);
  const page = async (c: Context<ApiEnv>) => {
    c.header('Content-Security-Policy', policy);
    c.header('Referrer-Policy', 'no-referrer');
    c.header('Cross-Origin-Opener-Policy', 'same-origin');
    c.header('Permissions-Policy', 'camera=(), geolocation=(self), microphone=()');
    const answer = await file(c, 'index.html', { type: 'text/html; charset=utf-8', cache: 'no-cache' });
    return answer ?? c.html(NOT_BUILT, 503, { 'Retry-After': '3', 'Cache-Control': 'no-store' });
  };
  app.get('/', page);
  for (const name of PAGES) {
    app.get(`/${name}`, page);
    app.get(`/${name}/*`, page);
  }
  app.get('/console/config.json', (c) => c.json(publicConfig(config)));
  app.get('/console/assets/:name{[\\w.-]+}', async (c) => {
    const name = c.req.param('name');
    const type = TYPES[path.extname(name)];
    // The name has a hash of the content, so it never changes.
    const cache = 'public, max-age=31536000, immutable';
    const answer = type && (await file(c, path.join('console', 'assets', name), { type, cache }));
    if (!answer) throw notFound();
    return answer;
  });
}

/** What the console must know before anybody has signed in. Nothing in it is secret. */
export function publicConfig(config: Config) {
  const { oidc } = config.console;
  return {
    /** Local mode offers a choice of roles; the endpoints behind it exist nowhere else. */
    local: !config.isProduction && config.auth.jwtSecret !== undefined,
    oidc: oidc && {
      issuer: oidc.issuer,
      client_id: oidc.clientId,
      scope: oidc.scope,
      audience: config.auth.audience ?? null,
    },
  };
}

/** No inline script, nothing from elsewhere. The identity provider is asked for its endpoints and for tokens. */
function contentPolicy(config: Config): string {
  const connect = ["'self'", ...(config.console.oidc?.origins ?? [])].join(' ');
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "media-src 'self'",
    `connect-src ${connect}`,
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

async function file(
  c: Context<ApiEnv>,
  name: string,
  { type, cache }: { type: string; cache: string },
): Promise<Response | undefined> {
  const accepted = c.req.header('accept-encoding') ?? '';
  const wanted = ENCODINGS.filter((encoding) =>
    new RegExp(`(^|[\\s,])${encoding.name}(?!\\s*;\\s*q=0(\\.0*)?\\s*(,|$))`).test(accepted),
  );
  for (const encoding of [...wanted, undefined]) {
    const content = await readIfThere(path.join(BUILT, `${name}${encoding?.suffix ?? ''}`));
    if (!content) continue;
    if (encoding) c.header('Content-Encoding', encoding.name);
    return c.body(new Uint8Array(content), 200, {
      'Content-Type': type,
      'Cache-Control': cache,
      Vary: 'Accept-Encoding',
    });
  }
  return undefined;
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
