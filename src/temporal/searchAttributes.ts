import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { SEARCH_ATTRIBUTE_KEYS } from '../workflows/contracts.ts';

const { IndexedValueType } = proto.temporal.api.enums.v1;

/** What operators filter workflows by in the Web UI: names and types as the server knows them. */
const SEARCH_ATTRIBUTES = Object.values(SEARCH_ATTRIBUTE_KEYS).map(
  ({ name, type }) => [name, IndexedValueType[`INDEXED_VALUE_TYPE_${type}`]] as const,
);

const VISIBLE_WITHIN_SECONDS = 30;
const GRPC_ALREADY_EXISTS = 6;
/** permission denied · unimplemented, as Temporal Cloud answers · unauthenticated */
const GRPC_REFUSED = [7, 12, 16];

/** Temporal does not let us add search attributes. The message is one line that says which to add by hand. */
export class SearchAttributesRefusedError extends Error {
  override readonly name = 'SearchAttributesRefusedError';

  constructor(namespace: string, missing: readonly string[]) {
    const keys = Object.values(SEARCH_ATTRIBUTE_KEYS).filter(({ name }) => missing.includes(name));
    const types = keys.map(({ name, type }) => `${name} (${type === 'BOOL' ? 'Bool' : 'Keyword'})`);
    super(
      `Temporal lets nobody add search attributes to namespace ${namespace} from here; add them there: ${types.join(', ')}`,
    );
  }
}

/** Names of ours that the namespace lacks or holds with another type. Starting a workflow with one of them would fail. */
export async function missingSearchAttributes(connection: Connection, namespace: string): Promise<string[]> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  return SEARCH_ATTRIBUTES.filter(([name, type]) => customAttributes?.[name] !== type).map(([name]) => name);
}

/**
 * Adds what is missing and returns once the server takes it: given only at start, an existing database never gets them.
 * @throws {SearchAttributesRefusedError} where somebody else has to add them
 */
export async function ensureSearchAttributes(connection: Connection, namespace: string): Promise<void> {
  const deadline = Date.now() + VISIBLE_WITHIN_SECONDS * 1000;
  let missing = await missingSearchAttributes(connection, namespace);
  if (missing.length > 0) await add(connection, namespace, missing);
  while (missing.length > 0) {
    if (Date.now() > deadline) {
      throw new Error(`search attributes missing or of another type in namespace ${namespace}: ${missing.join(', ')}`);
    }
    await delay(100);
    missing = await missingSearchAttributes(connection, namespace);
  }
}

async function add(connection: Connection, namespace: string, names: readonly string[]): Promise<void> {
  const wanted = SEARCH_ATTRIBUTES.filter(([name]) => names.includes(name));
  try {
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: Object.fromEntries(wanted) });
  } catch (error) {
    const { code } = error as { code?: number };
    if (code !== undefined && GRPC_REFUSED.includes(code)) throw new SearchAttributesRefusedError(namespace, names);
    // Another process was faster.
    if (code !== GRPC_ALREADY_EXISTS) throw error;
  }
}
