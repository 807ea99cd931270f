/**
 * The floor of an acknowledgement: a bare Hono handler that checks the same signature and commits one row in the same
 * Postgres. What a webhook costs beyond this is ours. Run as a process of its own: DATABASE_URL, PORT, SIGNING_KEY.
 */
import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import postgres from 'postgres';

const { DATABASE_URL = '', PORT = '', SIGNING_KEY = '' } = process.env;
const sql = postgres(DATABASE_URL, { max: 16, onnotice: () => {} });
await sql`create table if not exists bench_floor (id text primary key, body bytea not null, received_at timestamptz not null default now())`;

const app = new Hono();
app.post('/', async (c) => {
  const body = Buffer.from(await c.req.arrayBuffer());
  const given = Buffer.from(c.req.header('signature') ?? '');
  const expected = Buffer.from(createHmac('sha1', SIGNING_KEY).update(body).digest('base64'));
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return c.json({ status: 'rejected' }, 401);
  const id = randomUUID();
  await sql`insert into bench_floor (id, body) values (${id}, ${body})`;
  return c.json({ status: 'accepted', event_id: id, duplicate: false });
});
serve({ fetch: app.fetch, port: Number(PORT), hostname: '127.0.0.1' });
