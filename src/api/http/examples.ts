/**
 * The examples of the OpenAPI document: one small story with the same ids throughout, so that they can be sent as
 * printed to a company that has these rows.
 */

/** Ids and numbers that the examples speak of. */
export const EXAMPLE = {
  companyId: 'org_2f8a',
  userId: 'user_42',
  csrId: 'user_17',
  contactId: '5d0c1f0e-7f0b-4c37-9c43-2f1f2d1b7a10',
  leadId: '0f5f0a3c-6c59-4d6d-8f0a-7d9d0b0c4e21',
  callId: '8a1b7c52-93f7-4f0a-a6f1-0d1f6f4c2b33',
  providerCallId: 'CAL8154748ae6bd4e278a7cddd38a662f4f',
  appointmentId: 'c3a4c1de-0a35-4f59-9a2e-6b1f9f5d7e44',
  sessionId: '1f6a2f0b-2f5d-4c8e-8f55-6f6f5f1f7d55',
  endpointId: 'b9a3f7c2-0c39-4f0e-8f5e-2d1a7c6e5b40',
  deliveryId: '6d2f4a90-7b1e-4c58-9d3a-0e8c5f7b1a26',
  eventId: '7c9e6679-7425-40de-944b-e07fc1f90ae7',
  workflowId: 'call:org_2f8a:CAL8154748ae6bd4e278a7cddd38a662f4f',
  auditId: '3b241101-e2bb-4255-8caf-4136c566a962',
  requestId: '2f0c6a39-5f43-4e0f-9d6f-6a3f1c0b7e11',
  phoneNumber: '+15551234567',
  trackingNumber: '+15557654321',
} as const;

/** What a path's parameters are called in examples, by the collection they stand in. */
const PARAMETERS: Record<string, Record<string, string>> = {
  companies: { id: EXAMPLE.companyId, phone_number: EXAMPLE.trackingNumber, user_id: EXAMPLE.userId },
  calls: { id: EXAMPLE.callId },
  leads: { id: EXAMPLE.leadId },
  contacts: { id: EXAMPLE.contactId },
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
