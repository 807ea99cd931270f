import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from './config.ts';

const production = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgres://user:password@db.example.com/callwright',
  TEMPORAL_ADDRESS: 'temporal.example.com:7233',
  SHUNYA_BASE_URL: 'https://shunya.example.com/',
  SHUNYA_API_KEY: 'key',
  SHUNYA_WEBHOOK_SECRETS: 'the new one of two, the old one of two',
  AUTH_JWT_SECRET: 'a secret of at least thirty-two bytes',
};

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(path.join(tmpdir(), 'callwright-config-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

describe('local mode', () => {
  it('needs nothing and points at the embedded parts', () => {
    const config = loadConfig({ env: { DATA_DIR: dataDir, POSTGRES_PORT: '5555', TEMPORAL_API_KEY: 'of the cloud' } });
    expect(config.embedded).toEqual({ postgres: true, temporal: true, shunya: true });
    expect(new URL(config.databaseUrl).port).toBe('5555');
    expect(config.temporal.connectionOptions).toEqual({ address: '127.0.0.1:7233' });
    expect(config.shunya.baseUrl).toBe('http://127.0.0.1:3900');
    expect(config.allowUnsignedCallrail).toBe(true);
  });

  it('makes its secrets once, readable by the user alone', () => {
    const first = loadConfig({ env: { DATA_DIR: dataDir } });
    expect(loadConfig({ env: { DATA_DIR: dataDir } })).toEqual(first);
    expect(statSync(path.join(dataDir, 'secrets.json')).mode & 0o777).toBe(0o600);
  });

  it('counts an empty value as unset', () => {
    const config = loadConfig({ env: { DATA_DIR: dataDir, DATABASE_URL: '', PORT: ' ', AUTH_ISSUER: '' } });
    expect(config.port).toBe(3000);
    expect(config.embedded.postgres).toBe(true);
    expect(config.auth.issuer).toBeUndefined();
  });

  it('reads which role the identity provider means, and refuses what is none', () => {
    const roleMap = (value: string) => loadConfig({ env: { DATA_DIR: dataDir, AUTH_ROLE_MAP: value } }).auth.roleMap;
    expect(roleMap('org:admin=manager, org:member = csr')).toEqual({ 'org:admin': 'manager', 'org:member': 'csr' });
    for (const wrong of ['admin', '=csr', 'a=owner', 'a=b=']) expect(() => roleMap(wrong)).toThrow(/^AUTH_ROLE_MAP /);
  });

  it('takes fractions of seconds', () => {
    expect(loadConfig({ env: { DATA_DIR: dataDir, RECORDING_WAIT_SECONDS: '0.5' } }).recordingWaitSeconds).toBe(0.5);
  });
});

describe('production', () => {
  it('takes what is configured and invents nothing', () => {
    const config = loadConfig({ env: production });
    expect(config.embedded).toEqual({ postgres: false, temporal: false, shunya: false });
    expect(config.shunya.baseUrl).toBe('https://shunya.example.com');
    expect(config.shunya.webhookSecrets).toEqual(['the new one of two', 'the old one of two']);
    expect(config.temporal).toMatchObject({
      address: 'temporal.example.com:7233',
      namespace: 'default',
      uiUrl: undefined,
    });
    expect(config.allowUnsignedCallrail).toBe(false);
  });

  it.each(Object.keys(production).filter((name) => name !== 'NODE_ENV'))('names %s when it is missing', (name) => {
    const load = () => loadConfig({ env: { ...production, [name]: '' } });
    expect(load).toThrow(ConfigError);
    expect(load).toThrow(new RegExp(`^[^\\n]*${name}[^\\n]*$`));
  });

  it.each([
    ['AUTH_JWT_SECRET', 'thirty-one bytes are too few ..', 32],
    ['SHUNYA_WEBHOOK_SECRETS', 'a secret of its own,x', 16],
    ['LINK_SECRET', 'short', 32],
  ])('refuses a %s that could be guessed', (name, value, bytes) => {
    const load = () => loadConfig({ env: { ...production, [name]: value } });
    expect(load).toThrow(new RegExp(`^${name} must have at least ${bytes} bytes[^\\n]*$`));
    expect(load).not.toThrow(value);
  });

  it('refuses to sign links with a secret that somebody else knows', () => {
    const LINK_SECRET = 'a secret that Shunya knows as well, too';
    const load = () => loadConfig({ env: { ...production, LINK_SECRET, SHUNYA_WEBHOOK_SECRETS: LINK_SECRET } });
    expect(() => loadConfig({ env: { ...production, LINK_SECRET: production.AUTH_JWT_SECRET } })).toThrow(
      /^LINK_SECRET/,
    );
    expect(() => loadConfig({ env: { ...production, LINK_SECRET } })).not.toThrow();
    expect(load).not.toThrow(/Shunya knows/);
  });

  it('requires only what the process needs', () => {
    const { NODE_ENV, DATABASE_URL, TEMPORAL_ADDRESS } = production;
    const config = loadConfig({ needs: ['database', 'temporal'], env: { NODE_ENV, DATABASE_URL, TEMPORAL_ADDRESS } });
    expect(config.databaseUrl).toBe(DATABASE_URL);
  });
});

it.each([
  ['PORT', '70000'],
  ['DATABASE_URL', 'mysql://db'],
  ['TEMPORAL_ADDRESS', 'no port'],
  ['SHUNYA_BASE_URL', 'shunya'],
  ['SHUNYA_MAX_PER_COMPANY', '1.5'],
  ['RECORDING_WAIT_SECONDS', 'soon'],
  ['LOG_LEVEL', 'loud'],
  ['ALLOW_UNSIGNED_CALLRAIL', 'perhaps'],
  ['TEMPORAL_TLS', 'maybe'],
  ['TEMPORAL_TLS_DISABLE_HOST_VERIFICATION', 'maybe'],
  ['HOST', 'not a host!'],
  ['CORS_ORIGINS', 'https://intranet.local/login'],
  ['CORS_ORIGINS', 'intranet.local'],
  ['RECORDING_HOSTS', 'https://callrail.com'],
  ['RECORDING_HOSTS', 'callrail.com,*'],
  ['PUBLIC_URL', 'calls.example.com'],
  ['TRUSTED_PROXIES', '10.0.0.0/33'],
  ['TRUSTED_PROXIES', 'proxy'],
  ['DATABASE_URL', 'postgres://app:100%x@db/calls'],
])('names a malformed %s without telling its value', (name, value) => {
  const load = () => loadConfig({ env: { DATA_DIR: dataDir, [name]: value } });
  expect(load).toThrow(new RegExp(`^${name} must be[^\\n]*$`));
  expect(load).not.toThrow(value);
});

it('names a TLS file that cannot be read', () => {
  for (const name of ['CLIENT_CERT', 'CLIENT_KEY', 'SERVER_CA_CERT'].map((file) => `TEMPORAL_TLS_${file}_PATH`))
    expect(() => loadConfig({ env: { DATA_DIR: dataDir, [name]: '/nowhere/x' } })).toThrow(
      new RegExp(`^${name} names a file[^\\n]*$`),
    );
});

it('takes hosts and origins in the forms they have', () => {
  const env = {
    DATA_DIR: dataDir,
    HOST: '::',
    CORS_ORIGINS: 'https://app.example.com/, http://localhost:5173',
    RECORDING_HOSTS: '127.0.0.1:8080,[::1]:80,::1,*.s3.amazonaws.com,rec_1.example.com',
  };
  const config = loadConfig({ env });
  expect(config.host).toBe('::');
  expect(config.corsOrigins).toEqual(['https://app.example.com', 'http://localhost:5173']);
  // And the simulator, where nobody configured a Shunya.
  expect(config.recordingHosts).toEqual([...env.RECORDING_HOSTS.split(','), '127.0.0.1:3900']);
  expect(loadConfig({ env: { ...env, SHUNYA_BASE_URL: 'https://shunya.example' } }).recordingHosts).toHaveLength(5);
});

describe('where Postgres is', () => {
  const pieces = { DATABASE_HOST: 'db', DATABASE_USER: 'app', DATABASE_NAME: 'calls' };
  const load = (env: Record<string, string>) => loadConfig({ env: { DATA_DIR: dataDir, ...env } });

  it('can be given in pieces, whatever a generated password holds', () => {
    const config = load({ ...pieces, DATABASE_PASSWORD: 'Zk/3p#?100%x', DATABASE_PORT: 'tcp://10.96.0.12:5432' });
    expect(config.databaseUrl).toBe('postgres://app:Zk%2F3p%23%3F100%25x@db:5432/calls');
    expect(config.embedded.postgres).toBe(false);
    expect(loadConfig({ env: { ...production, DATABASE_URL: '', ...pieces } }).databaseUrl).toContain('@db:5432/');
  });

  it('is said once and whole', () => {
    expect(() => load({ ...pieces, DATABASE_URL: production.DATABASE_URL })).toThrow(/^DATABASE_URL and DATABASE_HOST/);
    expect(() => load({ DATABASE_HOST: 'db' })).toThrow(/^DATABASE_USER, DATABASE_NAME must be set/);
    expect(() => load({ DATABASE_PASSWORD: 'x' })).toThrow(/^DATABASE_HOST, DATABASE_USER/);
  });

  it('names a parameter that cannot be had in one line', () => {
    expect(() => load({ DATABASE_URL: 'postgres://a@db/x?sslcert=/k' })).toThrow(/^DATABASE_URL [^\n]*sslcert[^\n]*$/);
  });
});

it('takes no port from an orchestrator that names its own services so', () => {
  const links = {
    POSTGRES_PORT: 'tcp://10.96.0.12:5432',
    TEMPORAL_UI_PORT: 'tcp://10.96.0.13:80',
    TEMPORAL_DEV_PORT: 'udp://10.96.0.14:7233',
    SHUNYA_SIM_PORT: 'tcp://10.96.0.15:80',
  };
  expect(loadConfig({ env: { DATA_DIR: dataDir, ...links } })).toMatchObject({
    postgresPort: 54_320,
    temporal: { uiPort: 8233, devPort: 7233 },
    shunya: { simPort: 3900 },
  });
  // In production no part is embedded, so that its port is nobody's business.
  expect(() => loadConfig({ env: { ...production, POSTGRES_PORT: 'five', SHUNYA_SIM_PORT: '-1' } })).not.toThrow();
  expect(() => loadConfig({ env: { DATA_DIR: dataDir, POSTGRES_PORT: 'five' } })).toThrow(/^POSTGRES_PORT/);
});
