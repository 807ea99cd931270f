import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { callIdOf } from './callId.ts';
import {
  analysisWorkflowId,
  callWorkflowId,
  deliveryWorkflowId,
  parseWorkflowId,
  visitWorkflowId,
  WORKFLOW_ID_LENGTH_MAX,
} from './workflowIds.ts';

const companyId = fc.stringMatching(/^[A-Za-z0-9._-]{1,128}$/);
const providerCallId = fc.string({ minLength: 1, maxLength: 255, unit: 'grapheme' });

describe('workflow ids', () => {
  it('of a call say its company and the provider’s id, whatever that holds, or the call’s id where they are too long', () => {
    fc.assert(
      fc.property(companyId, providerCallId, (company, call) => {
        const id = callWorkflowId(company, call);
        expect([...id].length).toBeLessThanOrEqual(WORKFLOW_ID_LENGTH_MAX);
        const isSpelledOut = [...`call:${company}:${call}`].length <= WORKFLOW_ID_LENGTH_MAX;
        expect(parseWorkflowId(id)).toEqual(
          isSpelledOut
            ? { type: 'call', companyId: company, providerCallId: call }
            : { type: 'call', callId: callIdOf(company, call) },
        );
      }),
    );
  });

  it('that are too long stay apart and stay the same', () => {
    const long = (end: string) => callWorkflowId('acme', 'x'.repeat(254) + end);
    expect(long('a')).not.toBe(long('b'));
    expect(long('a')).toBe('call:93c1abb4-e106-80ae-9b8f-817986239c5e');
    expect(callWorkflowId('acme', 'x'.repeat(245))).toBe(`call:acme:${'x'.repeat(245)}`);
    expect(callWorkflowId('acme', 'x'.repeat(246))).toMatch(/^call:[0-9a-f-]{36}$/);
  });

  it('of visits, analyses and deliveries are parsed to what they were made of', () => {
    expect(parseWorkflowId(visitWorkflowId('s-1'))).toEqual({ type: 'visit', sessionId: 's-1' });
    expect(parseWorkflowId(deliveryWorkflowId('d-1'))).toEqual({ type: 'delivery', deliveryId: 'd-1' });
    expect(parseWorkflowId(analysisWorkflowId('visit', 's-1', 12))).toEqual({
      type: 'analysis',
      subjectKind: 'visit',
      subjectId: 's-1',
      generation: 12,
    });
  });

  it.each([
    '',
    'call',
    'call:',
    'call::x',
    'call:acme:',
    'visit:',
    'visit:a:b',
    'analysis:call:x',
    'analysis:lead:x:1',
    'analysis:call:x:0',
    'other:acme:x',
  ])('that are none of ours name nothing: %j', (id) => expect(parseWorkflowId(id)).toBeUndefined());
});
