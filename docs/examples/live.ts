// The day's calls, live. docs/client.md says how to open it.
import { createClient, followEvents, type Schemas } from '../../src/client/index.ts';

const baseUrl = new URLSearchParams(location.search).get('api') ?? 'http://127.0.0.1:3000';
const api = createClient({ baseUrl, token: location.hash.slice(1) });
const { data: me } = await api.GET('/api/v1/me');
const timeZone = me?.data.company?.time_zone;
const dayOf = (time: string | Date) => new Date(time).toLocaleDateString('en-CA', { timeZone });
const today = () => dayOf(new Date());
const calls = new Map<string, Schemas['Call']>();

for await (const event of followEvents(api)) {
  if (event.kind === 'ready' || event.kind === 'reset') await load();
  if (event.kind === 'call' && event.data && dayOf(event.data.started_at) === today()) calls.set(event.id, event.data);
  if (event.kind === 'call' && !event.data) calls.delete(event.id);
  document.querySelector('ul')?.replaceChildren(...[...calls.values()].sort(newestFirst).map(show));
}

async function load() {
  const { data } = await api.GET('/api/v1/calls', { params: { query: { date_from: today(), limit: 200 } } });
  calls.clear();
  for (const call of data?.data.items ?? []) calls.set(call.id, call);
}

function newestFirst(one: Schemas['Call'], other: Schemas['Call']) {
  return other.started_at.localeCompare(one.started_at);
}

function show({ started_at, contact, status, pipeline, analysis }: Schemas['Call']) {
  const time = new Date(started_at).toLocaleTimeString('en-US', { timeZone });
  const who = contact.name ?? contact.phone_number ?? 'anonymous';
  const outcome = analysis?.call_outcome_category ?? pipeline.stage;
  return Object.assign(document.createElement('li'), { textContent: `${time} ${who}: ${status}, ${outcome}` });
}
