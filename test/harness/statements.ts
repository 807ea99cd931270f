/** What Postgres was asked, from its own log: for tests that count it. Needs `log_statement = 'all'` in the database. */
import { statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { inject } from 'vitest';

/** Database, who asks, and the session; see globalSetup.ts. */
export const LOG_LINE_PREFIX = '%d|%a|%p|';

export interface Statement {
  /** The application's name: `callwright` is the worker, `callwright PURPOSE` a pool of the API. */
  by: string;
  text: string;
  /** Under a name, so that Postgres plans it once per connection. */
  prepared: boolean;
}

/** One transaction, or one statement that is its own. */
export interface Unit {
  by: string;
  /** Without the `begin` and `commit`. */
  statements: Statement[];
  isTransaction: boolean;
}

const LINE = /^([^|]*)\|([^|]*)\|(\d+)\|LOG: {2}(?:statement|execute ([^:]+)): (.*)$/;

/** Begins to listen. @returns what the service asked since then, in the order of its commits */
export function watchStatements(databaseUrl: string): () => Promise<Unit[]> {
  const file = path.join(inject('servers').dataDir, 'logs', 'postgres.log');
  const database = new URL(databaseUrl).pathname.slice(1);
  const from = statSync(file).size;
  return async () => {
    const handle = await open(file);
    try {
      const { size } = await handle.stat();
      const { buffer } = await handle.read(Buffer.alloc(size - from), 0, size - from, from);
      return unitsOf(buffer.toString('utf8'), database);
    } finally {
      await handle.close();
    }
  };
}

function unitsOf(log: string, database: string): Unit[] {
  const units: Unit[] = [];
  const open = new Map<string, Unit>();
  // A statement of several lines goes on with a tab.
  for (const line of log.replace(/\n\t\s*/g, ' ').split('\n')) {
    const [, at, by = '', session = '', name, text = ''] = LINE.exec(line) ?? [];
    if (at !== database || !by.startsWith('callwright')) continue;
    const word = text.trim().toLowerCase();
    if (word === 'begin') open.set(session, { by, statements: [], isTransaction: true });
    else if (word === 'commit' || word === 'rollback') {
      const unit = open.get(session);
      if (unit) units.push(unit);
      open.delete(session);
    } else {
      const statement = { by, text, prepared: name !== undefined && name !== '<unnamed>' };
      const unit = open.get(session);
      if (unit) unit.statements.push(statement);
      else units.push({ by, statements: [statement], isTransaction: false });
    }
  }
  return units;
}
