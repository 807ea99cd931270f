/** The docs page: Swagger UI from its package, so that it works offline. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Hono } from 'hono';
import type { ApiEnv } from '../env.ts';
import { notFound } from './errors.ts';

const ASSETS: Record<string, string> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

const PAGE = `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Callwright API</title>
  <link rel="icon" href="/docs/favicon-32x32.png">
  <link rel="stylesheet" href="/docs/swagger-ui.css">
  <style>
    body { margin: 0; }
    .swagger-ui .info table { display: block; overflow-x: auto; }
    .swagger-ui .info table td, .swagger-ui .info table th {
      padding: 4px 12px 4px 0 !important; vertical-align: top; text-align: left;
    }
    .swagger-ui .info table code { padding: 0 5px; }
    .swagger-ui .opblock-body, .swagger-ui .table-container { overflow-x: auto; }
    /* Authorize stands first; what has no use here is hidden. */
    .swagger-ui > div:has(> .scheme-container) { display: flex; flex-direction: column; }
    .swagger-ui > div > .wrapper { box-sizing: border-box; width: 100%; }
    .swagger-ui .scheme-container { order: -1; margin: 0; padding: 12px 0; }
    .swagger-ui .servers-title, .swagger-ui .servers, .swagger-ui .try-out, .swagger-ui .parameter__empty_value_toggle {
      display: none;
    }
    @media (max-width: 600px) {
      .swagger-ui .info { margin: 20px 0; }
      .swagger-ui .wrapper { padding: 0 12px; }
      .swagger-ui .opblock-tag { flex-wrap: wrap; }
      .swagger-ui .opblock-tag small { flex-basis: 80%; padding: 0; }
    }
  </style>
</head>
<body>
  <div id="docs"></div>
  <script src="/docs/swagger-ui-bundle.js"></script>
  <script type="module" src="/docs/start.js"></script>
</body>
</html>
`;

/** Swagger UI focuses the last scheme of its Authorize dialog: a pasted token must not land in the ticket of the stream. */
const START = `// A link of \`npm run demo\` or \`npm run call\` brings a token in its fragment, which no server sees.
const [, token] = /[#&]token=([^&]+)/.exec(location.hash) ?? [];
if (token) history.replaceState(null, '', '/docs');
const answer = await fetch('/openapi.json');
const spec = await answer.json();
delete spec.components.securitySchemes.ticket;
for (const operation of Object.values(spec.paths).flatMap((item) => Object.values(item)))
  operation.security = operation.security?.filter((scheme) => !('ticket' in scheme));
const ui = SwaggerUIBundle({
  spec,
  dom_id: '#docs',
  deepLinking: true,
  docExpansion: 'none',
  defaultModelsExpandDepth: 0,
  filter: true,
  tryItOutEnabled: true,
  persistAuthorization: true,
  validatorUrl: null,
  onComplete: () => token && ui.preauthorizeApiKey('bearer', token),
});
// Links to operations open them in place.
document.addEventListener('click', (event) => {
  const [, tag, id] = /^#\\/([^/]+)\\/(.+)$/.exec(event.target.closest('a')?.getAttribute('href') ?? '') ?? [];
  if (!id || event.target.closest('.opblock')) return;
  event.preventDefault();
  ui.layoutActions.show(['operations-tag', tag], true);
  ui.layoutActions.show(['operations', tag, id], true);
  setTimeout(() => document.getElementById('operations-' + tag + '-' + id)?.scrollIntoView(), 100);
});
`;

const PAGE_POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/** The page and its assets, below /docs. */
export function docsRoutes(): Hono<ApiEnv> {
  const directory = path.dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  const app = new Hono<ApiEnv>();
  app.get('/', (c) => c.html(PAGE, 200, { 'Content-Security-Policy': PAGE_POLICY }));
  app.get('/start.js', (c) => c.body(START, 200, { 'Content-Type': 'text/javascript; charset=utf-8' }));
  app.get('/:asset', async (c) => {
    const asset = c.req.param('asset');
    const type = ASSETS[asset];
    if (type === undefined) throw notFound();
    const content = await readFile(path.join(directory, asset));
    return c.body(new Uint8Array(content), 200, { 'Content-Type': type, 'Cache-Control': 'public, max-age=3600' });
  });
  return app;
}
