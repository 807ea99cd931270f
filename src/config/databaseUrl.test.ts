import { describe, expect, it } from 'vitest';
import { databaseUrlOf, readDatabaseUrl } from './databaseUrl.ts';

const BASE = 'postgres://app:secret@db.example.com:6543/calls';
const read = (parameters: string) => readDatabaseUrl(`${BASE}?${parameters}`);

describe('a connection string as hosting companies print it', () => {
  it.each([
    ['sslmode=require&channel_binding=require', 'sslmode=require'],
    ['sslmode=require&pgbouncer=false&connection_limit=1', 'sslmode=require'],
    ['schema=public', ''],
    ['sslmode=verify-ca&gssencmode=disable&keepalives_idle=30', 'sslmode=verify-full'],
    ['sslmode=no-verify&uselibpqcompat=true', 'sslmode=require'],
    ['sslrootcert=system', 'sslmode=verify-full'],
    ['ssl=true&supa=base-pooler.x', 'sslmode=require'],
    ['options=endpoint%3Dep-cool-1&application_name=x', 'options=endpoint%3Dep-cool-1'],
    ['pgbouncer=false&target_session_attrs=read-write', 'target_session_attrs=read-write'],
  ])('with %s is read as %s', (given, expected) => {
    expect(read(given)).toEqual({ url: expected === '' ? BASE : `${BASE}?${expected}` });
  });

  it.each([
    ['schema=tenant', 'schema'],
    ['sslmode=perhaps', 'sslmode'],
    ['sslcert=/etc/client.crt', 'sslcert'],
    ['sslrootcert=/etc/ca.crt', 'NODE_EXTRA_CA_CERTS'],
    ['servicefile=x', 'servicefile'],
    ['pgbouncer=true', 'session mode'],
    ['prepare=false', 'session mode'],
  ])('with %s names what it cannot do, and no value', (given, word) => {
    const { problem } = read(given) as { problem: string };
    expect(problem).toContain(word);
    expect(problem).not.toMatch(/tenant|perhaps|\/etc|secret|\n/);
  });

  it.each(['Zk/3pQ9x', 'a#b?c', '100%x', 'p@ss:w[o]rd'])('with the password %s says how to give it', (password) => {
    const read = readDatabaseUrl(`postgres://app:${password}@db/calls`);
    // An @ is taken for what it looks like; everything else says so.
    if ('url' in read) expect(new URL(read.url).hostname).toBe('db');
    else expect(read.problem).toContain('DATABASE_PASSWORD');
    const pieces = { host: 'db', port: 5432, user: 'a/b', password, name: 'calls' };
    const built = readDatabaseUrl(databaseUrlOf(pieces)) as { url: string };
    const { username, password: encoded, hostname, pathname } = new URL(built.url);
    expect([username, encoded].map(decodeURIComponent)).toEqual(['a/b', password]);
    expect([hostname, pathname]).toEqual(['db', '/calls']);
  });
});
