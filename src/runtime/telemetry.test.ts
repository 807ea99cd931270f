import { expect, it } from 'vitest';
import { errorFields, sdkFields } from './telemetry.ts';

const PHONE = '+15551234567';

it('tells name, code and message of an ordinary error', () => {
  const error = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' });
  expect(errorFields(error)).toEqual({
    errorName: 'Error',
    errorCode: 'ECONNREFUSED',
    errorMessage: 'connect ECONNREFUSED 127.0.0.1:5432',
  });
});

it('tells no SQL, parameter or row value of a database error, however deep it lies', () => {
  const database = Object.assign(new Error(`Key (phone)=(${PHONE}) already exists`), {
    name: 'PostgresError',
    code: '23505',
    detail: PHONE,
  });
  const query = Object.assign(new Error(`Failed query: insert … params: ${PHONE}`, { cause: database }), {
    name: 'DrizzleQueryError',
    query: 'insert',
    params: [PHONE],
  });
  const fields = errorFields(new Error(`could not store ${PHONE}`, { cause: query }));
  expect(fields.errorCode).toBe('23505');
  expect(JSON.stringify(fields)).not.toContain(PHONE);
});

it('tells nothing of a parse error, which quotes its input', () => {
  try {
    JSON.parse(`{"phone": ${PHONE}`);
  } catch (error) {
    expect(errorFields(error)).toEqual({ errorName: 'SyntaxError' });
  }
});

it('takes ids and numbers of the SDK, and none of the text that may print a payload', () => {
  const said = {
    workflowId: 'call:acme:CAL1',
    run_id: 'r1',
    taskQueue: 'call-pipeline',
    attempt: 3,
    failure: `Failure { payloads: [Payload { data: "${PHONE}" }] }`,
    completion: PHONE,
    taskToken: 'CiQ3',
    error: Object.assign(new Error(`cannot read ${PHONE}`), { name: 'ValueError' }),
  };
  expect(sdkFields(said)).toEqual({
    workflowId: 'call:acme:CAL1',
    run_id: 'r1',
    taskQueue: 'call-pipeline',
    attempt: 3,
    errorName: 'ValueError',
  });
});
