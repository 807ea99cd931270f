/** Checks answers against the OpenAPI document of the app that gave them. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormatsModule from 'ajv-formats';

// biome-ignore-start lint/suspicious/noExplicitAny: a JSON document that is walked.
type Json = any;

// Its types know the CommonJS form only.
const addFormats = addFormatsModule as unknown as typeof addFormatsModule.default;

export interface Operation {
  /** `GET /leads/{id}`, without the base. */
  name: string;
  method: string;
  /** Whole, with braces. */
  path: string;
  /** No bearer is asked for. */
  isOpen: boolean;
  spec: Json;
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

export function operationsOf(document: Json): Operation[] {
  return Object.entries(document.paths as Json).flatMap(([path, item]: [string, Json]) =>
    METHODS.filter((method) => item[method]).map((method) => ({
      name: `${method.toUpperCase()} ${path.replace('/api/v1', '')}`,
      method: method.toUpperCase(),
      path,
      isOpen: (item[method].security ?? []).length === 0,
      spec: item[method],
    })),
  );
}

/** Wraps an app's `request`, so that an answer outside the document fails whoever asked. */
export function checkedRequest(
  request: (url: string, init?: RequestInit) => Response | Promise<Response>,
  check: ReturnType<typeof createAnswerCheck>,
): (url: string, init?: RequestInit) => Promise<Response> {
  return async (url, init) => {
    const answer = await request(url, init);
    await check((init?.method ?? 'GET').toUpperCase(), new URL(url, 'http://localhost').pathname, answer);
    return answer;
  };
}

/** Makes a check that throws what is wrong with an answer. */
export function createAnswerCheck(document: Json) {
  const validate = createValidator(document);
  const operations = operationsOf(document).map((operation) => ({
    ...operation,
    // Fixed parts first: /pipelines/retry is not a {workflow_id}.
    weight: operation.path.split('{').length,
    pattern: new RegExp(`^${operation.path.replaceAll(/[.]/g, '\\.').replaceAll(/{.+?}/g, '[^/]+')}$`),
  }));
  operations.sort((one, other) => one.weight - other.weight);

  return async (method: string, pathname: string, answer: Response): Promise<void> => {
    if (method === 'OPTIONS' || !pathname.startsWith('/api/v1/')) return;
    const type = answer.headers.get('content-type')?.split(';')[0] ?? '';
    const fail = (what: string) => {
      throw new Error(`${method} ${pathname} answered ${answer.status} ${type}: ${what}`);
    };
    if (!answer.headers.get('x-request-id')) fail('no X-Request-Id');
    const isProblem = type === 'application/problem+json';
    const found = operations.filter(({ pattern }) => pattern.test(pathname));
    const operation = found.find((each) => each.method === (method === 'HEAD' ? 'GET' : method));
    if (!operation) {
      // No such path, or not with this method.
      const expected = found.length > 0 ? 405 : 404;
      if (answer.status !== expected || !isProblem) fail(`not in the document, expected ${expected}`);
      return;
    }
    const described = operation.spec.responses[answer.status];
    if (!described) return fail('the document has no such status');
    if (method === 'HEAD') return;
    if (!described.content) {
      if (answer.body !== null) fail('the document has no body');
      return;
    }
    const content = described.content[type] ?? (type.startsWith('audio/') ? described.content['audio/*'] : undefined);
    if (!content) return fail(`the document has ${Object.keys(described.content).join(', ')}`);
    if (!type.endsWith('json')) return;
    const pointer = [
      'paths',
      operation.path,
      method.toLowerCase(),
      'responses',
      answer.status,
      'content',
      type,
      'schema',
    ];
    // Only what is JSON is read: audio and event streams may never end.
    const wrong = validate(pointer.map(String), await answer.clone().json());
    if (wrong) fail(wrong);
  };
}

/** Validates a value against the schema at a place in the document; also what the schema does not name is wrong. */
export function createValidator(document: Json): (pointer: string[], value: unknown) => string | undefined {
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateSchema: false });
  addFormats(ajv);
  ajv.addSchema(closed(document), 'api');
  const validators = new Map<string, ValidateFunction>();
  return (pointer, value) => {
    const schema = pointer.reduce((node, part) => node[part], document);
    const place = pointer.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/');
    // Most are the same few components.
    const key: string = schema.$ref ?? `#/${place}`;
    const validator = validators.get(key) ?? ajv.compile({ $ref: `api${key}` });
    validators.set(key, validator);
    return validator(value) ? undefined : ajv.errorsText(validator.errors);
  };
}

/** The document with objects that have no other fields than those named. */
function closed(node: Json): Json {
  if (Array.isArray(node)) return node.map(closed);
  if (typeof node !== 'object' || node === null) return node;
  const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, closed(value)]));
  if (node.type === 'object' && node.properties && node.additionalProperties === undefined)
    copy.additionalProperties = false;
  return copy;
}
// biome-ignore-end lint/suspicious/noExplicitAny: see above.
