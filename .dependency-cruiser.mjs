/**
 * The rules of the house: which folder may import which. `npm run check` holds them; docs/architecture.md has the picture.
 * Imports of types count too. TypeScript 7 has no JavaScript API, so swc reads the files.
 */

/** What each folder of src/ may import from src/ beside itself. Entry points (src/*.ts) wire everything together. */
const MAY_IMPORT = {
  domain: [],
  config: ['domain'],
  runtime: ['domain', 'config'],
  workflows: ['domain', 'activities'],
  db: ['domain'],
  providers: ['domain'],
  views: ['domain', 'db'],
  temporal: ['domain', 'config', 'runtime', 'workflows/contracts.ts'],
  services: ['domain', 'config', 'runtime', 'db', 'providers', 'views'],
  activities: ['domain', 'config', 'runtime', 'db', 'providers', 'views', 'services'],
  background: ['domain', 'config', 'runtime', 'db', 'services', 'temporal', 'workflows/contracts.ts'],
  api: ['domain', 'config', 'runtime', 'db', 'providers', 'views', 'services'],
};

const inSrc = (names) => `^src/(${names.map((name) => (name.endsWith('.ts') ? name : `${name}/`)).join('|')})`;

const folders = Object.entries(MAY_IMPORT).map(([folder, others]) => ({
  name: `${folder}-imports`,
  comment: `src/${folder} may import ${['itself', ...others].join(', ')}`,
  severity: 'error',
  from: { path: inSrc([folder]) },
  to: { path: '^src/', pathNot: inSrc([folder, ...others]) },
}));

const rule = (name, from, to, comment) => ({ name, comment, severity: 'error', from, to });
const NPM = 'node_modules/';

export default {
  forbidden: [
    ...folders,
    rule('no-circles', {}, { circular: true }, 'what imports each other is one thing, or lacks a third'),
    rule('product-alone', { path: '^src/' }, { path: '^(dev|demo|simulators|test|bench)/' }, 'src is what is shipped'),
    rule(
      'stack-below',
      { path: '^(dev|simulators)/', pathNot: '^dev/verify.ts' },
      { path: '^(demo|test|bench)/' },
      'tools do not know their users',
    ),
    rule(
      'simulators-alone',
      { path: '^simulators/', pathNot: String.raw`\.test\.ts$` },
      { path: '^src/' },
      'a provider that shared our code would share our mistakes',
    ),
    rule('demo-by-http', { path: '^demo/' }, { path: '^(test|bench)/' }, 'the demo is a user'),
    rule(
      'domain-pure',
      { path: '^src/domain/', pathNot: String.raw`\.test\.ts$` },
      { dependencyTypes: ['core'], pathNot: '^(node:)?(crypto|net)$' },
      'rules do no I/O (hashes and the reading of IP addresses are none)',
    ),
    rule(
      'workflows-replay',
      { path: '^src/workflows/' },
      { dependencyTypes: ['core', 'npm'], pathNot: `${NPM}@temporalio/(workflow|common)/` },
      'replayed code may use nothing else',
    ),
    rule(
      'hono-at-the-edge',
      { path: '^src/', pathNot: '^src/(api/|views/|server)' },
      { path: `${NPM}(hono|@hono)/` },
      'HTTP is the API’s; views have schemas',
    ),
    rule(
      'vendor-clients',
      { path: '^src/(domain|db|services|activities|views|providers)/' },
      { path: `${NPM}@temporalio/(worker|proto|envconfig)/` },
      'servers are reached by what the entry points hand over',
    ),
    rule(
      'routes-apart',
      { path: '^src/api/routes/([^/]+)' },
      { path: '^src/api/routes/', pathNot: '^src/api/routes/$1' },
      'what routes share is in src/api/filters or src/api/http',
    ),
    rule(
      'temporal-apart',
      { path: '^src/(services|api|views|providers|db)/' },
      { path: `${NPM}@temporalio/` },
      'workflows are told by src/temporal, through domain/workflowMessages.ts',
    ),
    rule(
      'audit-in-services',
      { path: '^src/', pathNot: '^src/services/' },
      { path: '^src/services/audit' },
      'an audit entry is written by the service whose transaction it belongs to',
    ),
    rule('resolvable', {}, { couldNotResolve: true }, 'imports lead somewhere'),
  ],
  options: {
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'default'],
      extensions: ['.ts', '.mjs', '.js'],
    },
  },
};
