/** The first page of the API's documentation, in Markdown. */
import { LEAD_STATUS_MEANINGS, STAGE_MEANINGS } from './meanings.ts';
import { describeRoles, type Permission } from './permissions.ts';

const ACTIONS: Record<Permission, string> = {
  'me.read': 'Read the signed-in user',
  'calls.read': 'Read, search and export calls',
  'calls.reanalyze': 'Analyze a call again',
  'calls.delete': 'Delete a call',
  'analyses.correct': 'Correct an analysis',
  'leads.read': 'Read and export leads',
  'leads.write': 'Change a lead (csr: status and notes)',
  'followUps.read': 'Read follow-ups',
  'followUps.write': 'Change a follow-up',
  'contacts.read': 'Read contacts',
  'contacts.write': 'Correct and merge contacts',
  'contacts.delete': 'Delete a contact',
  'appointments.read': 'Read and export appointments',
  'appointments.create': 'Create and reschedule appointments',
  'appointments.update': 'Change an appointment (sales_rep: the outcome)',
  'visits.read': 'Read recordings of visits',
  'visits.record': 'Record a visit',
  'metrics.csr.self': 'Read your own call figures',
  'metrics.sales.self': 'Read your own appointment figures',
  'metrics.exec': 'Read the company’s figures',
  'events.read': 'Follow changes live',
  'pipelines.read': 'Read pipelines',
  'pipelines.operate': 'Retry and skip blocked steps',
  'webhookEvents.read': 'Read received events',
  'webhookEvents.redrive': 'Process an event again',
  'webhookEndpoints.read': 'Read webhook endpoints and deliveries',
  'webhookEndpoints.write': 'Change webhook endpoints',
  'audit.read': 'Read the audit log',
  'users.read': 'Read users',
  'users.write': 'Create and change users',
  'scorecards.read': 'Read scorecards',
  'scorecards.write': 'Change the scorecard',
  'companies.read': 'Read companies',
  'companies.write': 'Create and change companies',
};

const table = (head: [string, string], rows: [string, string][]): string =>
  [head, ['---', '---'], ...rows].map(([left, right]) => `| ${left} | ${right} |`).join('\n');

const valueTable = (name: string, meanings: Record<string, string>): string =>
  table(
    [name, 'Meaning'],
    Object.entries(meanings).map(([value, meaning]) => [`\`${value}\``, meaning]),
  );

const roleTable = table(
  ['Action', 'Roles'],
  (Object.entries(ACTIONS) as [Permission, string][]).map(([permission, action]) => [
    action,
    describeRoles(permission).replace(/^Roles: (.*)\.$/, '$1'),
  ]),
);

/** Start here, the life of a call, the words of the API, and who may call what. */
export const FRONT_PAGE = `Callwright turns phone calls into leads and appointments, and shows what came of them.

## Start here

1. Print a token: \`npm run -s token -- --role manager --company ID --user me\`, with the id of your company.
2. Press **Authorize** at the top and paste it. The links to this page that \`npm run demo\` and \`npm run call\` print bring one along.
3. Open [GET /api/v1/calls](#/Calls/get_calls) and press **Execute**. Optional filters may stay empty.

Without this page: \`curl -H "Authorization: Bearer $TOKEN"\` with the URL that **Execute** shows.

## The life of a call

1. CallRail sends a webhook; it is stored and answered.
2. The call gets a pipeline, which waits until the call ends and its recording arrives.
3. Shunya transcribes the recording.
4. Shunya analyzes the transcript.
5. The analysis moves the lead; a booked call creates an appointment.
6. A sales rep records the visit; its analysis sets the outcome and closes the lead.

A step that fails is retried automatically. If that takes long, the pipeline has \`needs_attention\` and a person can \`retry\` or \`skip\` it.

## Stages of a pipeline

${valueTable('Stage', STAGE_MEANINGS)}

## Statuses of a lead

${valueTable('Status', LEAD_STATUS_MEANINGS)}

## Conventions

A resource is answered as \`{"data": {…}}\`, a list as \`{"data": {"items": […], "total": 1, "next_cursor": null}}\`, an error as
\`application/problem+json\`. Times are ISO 8601 in UTC, phone numbers E.164; treat ids and cursors as opaque. A score is 0 to 1; the average
compliance score is 0 to 10; a rate is 0 to 1. The document itself is at [/openapi.json](/openapi.json).

## Who may do what

${roleTable}

Every operation names its roles too. Apart from admins, everybody sees one company: that of the token.
`;
