/**
 * What any list costs on this machine: a bare Hono handler that asks the same Postgres for as many bytes as 50 calls have, lets it
 * work for a millisecond, and computes for about two. Run as a process of its own: DATABASE_URL, PORT.
 */
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import postgres from 'postgres';

const { DATABASE_URL = '', PORT = '' } = process.env;
const BYTES = 60_000;
const COMPUTED_MS = 2;
const sql = postgres(DATABASE_URL, { max: 4, onnotice: () => {} });

/** Rounds of a loop and not time: what the system takes away meanwhile must show. */
function compute(rounds: number): number {
  let value = 0;
  for (let round = 0; round < rounds; round += 1) value = (value * 31 + round) | 0;
  return value;
}
compute(10_000_000);
const startedAt = performance.now();
compute(50_000_000);
const rounds = Math.round((50_000_000 * COMPUTED_MS) / (performance.now() - startedAt));

const app = new Hono();
app.get('/', async (c) => {
  const [row] =
    await sql`select repeat('x', ${BYTES}) as text, (select count(*) from generate_series(1, 12000)) as counted`;
  return c.json({ ...row, computed: compute(rounds) });
});
serve({ fetch: app.fetch, port: Number(PORT), hostname: '127.0.0.1' });
