/** A namespace that lets us add no search attributes, as Temporal Cloud's do. */
import { Connection } from '@temporalio/client';
import { expect, inject, it } from 'vitest';
import {
  ensureSearchAttributes,
  missingSearchAttributes,
  SearchAttributesRefusedError,
} from '../../src/temporal/searchAttributes.ts';
import { eventually } from '../harness/poll.ts';

const PERMISSION_DENIED = 7;

it('says in one line which to add by hand, and is content once they are there', async () => {
  const namespace = `locked-${Date.now()}`;
  const connection = await Connection.connect({ address: inject('servers').temporalAddress });
  try {
    const workflowExecutionRetentionPeriod = { seconds: 86_400 as never };
    await connection.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod });
    await eventually(() => missingSearchAttributes(connection, namespace));
    // The real server, but for the one call that it would refuse.
    const operatorService = Object.create(connection.operatorService, {
      addSearchAttributes: {
        value: async () => {
          throw Object.assign(new Error('not yours'), { code: PERMISSION_DENIED });
        },
      },
    });
    const locked = { operatorService } as Connection;
    const refused = await ensureSearchAttributes(locked, namespace).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(SearchAttributesRefusedError);
    const { message } = refused as Error;
    expect(message).not.toContain('\n');
    expect(message).toContain(namespace);
    for (const name of ['CompanyId', 'CallId', 'PipelineStage', 'BlockedOn'])
      expect(message).toContain(`${name} (Keyword)`);
    expect(message).toContain('NeedsAttention (Bool)');

    await ensureSearchAttributes(connection, namespace);
    await ensureSearchAttributes(locked, namespace);
  } finally {
    await connection.close();
  }
});
