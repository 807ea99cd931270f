/** The examples of the OpenAPI document: each body and answer has one. */
import { EXAMPLE } from '../../views/examples.ts';

/** What a path's parameters are called in examples, by the collection they stand in. */
const PARAMETERS: Record<string, Record<string, string>> = {
  companies: { id: EXAMPLE.companyId, phone_number: EXAMPLE.trackingNumber, user_id: EXAMPLE.userId },
  calls: { id: EXAMPLE.callId },
  leads: { id: EXAMPLE.leadId },
  contacts: { id: EXAMPLE.contactId, merge_id: EXAMPLE.mergeId },
  'follow-ups': { id: EXAMPLE.followUpId },
  appointments: { id: EXAMPLE.appointmentId },
  recordings: { id: EXAMPLE.sessionId },
  pipelines: { workflow_id: EXAMPLE.workflowId },
  'webhook-events': { id: EXAMPLE.eventId },
  'webhook-endpoints': { id: EXAMPLE.endpointId },
  'webhook-deliveries': { id: EXAMPLE.deliveryId },
};

/** The example of a path parameter. */
export const parameterExample = (path: string, name: string): string | undefined =>
  PARAMETERS[path.split('/')[1] ?? '']?.[name];

/** A path with its parameters filled in. */
export const examplePath = (path: string): string =>
  path.replaceAll(/{(.+?)}/g, (_, name: string) => encodeURIComponent(parameterExample(path, name) ?? name));

// biome-ignore lint/suspicious/noExplicitAny: a JSON document that is walked.
type Json = any;

/** Gives each JSON body and answer that has no example the one that its schema says. */
export function completeExamples(document: Json): void {
  const operations = Object.values(document.paths as Json).flatMap((item) => Object.values(item as Json)) as Json[];
  const bodies = operations.flatMap((operation) => [operation.requestBody, ...Object.values(operation.responses)]);
  for (const content of bodies.map((body: Json) => body?.content?.['application/json']))
    if (content && content.example === undefined && content.examples === undefined)
      content.example = sample(content.schema, document);
}

/** An example of a schema: its own, else put together from those of its parts. */
function sample(schema: Json, document: Json): Json {
  if (schema.$ref) return sample(document.components.schemas[schema.$ref.split('/').at(-1)], document);
  if (schema.example !== undefined) return schema.example;
  if (schema.default !== undefined) return schema.default;
  if (schema.enum) return schema.enum[0];
  const choices = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (choices) return sample(choices[0], document);
  if (schema.type === 'array') return [sample(schema.items, document)];
  if (schema.type !== 'object') return schema.type?.includes?.('null') ? null : undefined;
  const properties = Object.entries(schema.properties ?? {}).map(([name, part]) => [name, sample(part, document)]);
  return Object.fromEntries(properties.filter(([, value]) => value !== undefined));
}
