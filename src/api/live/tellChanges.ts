/** Who is told what of a change: each client what its role may read, as the GET of the same thing answers it. */
import type { Config } from '../../config/config.ts';
import type { Database } from '../../db/client.ts';
import type { Change } from '../../db/queries/changes.ts';
import { CHANGE_KINDS, type ChangeKind } from '../../domain/change.ts';
import { type Access, accessFor, type Permission } from '../http/permissions.ts';
import { encodeEventId } from './eventId.ts';
import type { EventStream } from './eventStream.ts';
import { createSubjectReaders } from './liveSubjects.ts';

/** What one has to be allowed to read to be told of its changes. */
const READ_PERMISSIONS = {
  call: 'calls.read',
  lead: 'leads.read',
  appointment: 'appointments.read',
  visit: 'visits.read',
  pipeline: 'pipelines.read',
  follow_up: 'followUps.read',
} as const satisfies Record<ChangeKind, Permission>;

export interface LiveClient {
  companyId: string;
  userId: string;
  /** By kind; none where the role may not read it. */
  access: Partial<Record<ChangeKind, Access>>;
  stream: EventStream;
  /** The id of the last event it has; undefined: it starts now. */
  lastEventId: string | undefined;
}

/** What of the feed somebody may read. */
export function feedAccess(access: Access): LiveClient['access'] {
  const entries = CHANGE_KINDS.map((kind) => [kind, accessFor(READ_PERMISSIONS[kind], access.actor)] as const);
  return Object.fromEntries(entries.filter(([, granted]) => granted !== undefined));
}

/** Makes what tells clients of changes; one reading of the rows serves all who may read the same. */
export function createTeller(deps: { db: Database; config: Config }) {
  const readSubjects = createSubjectReaders(deps);

  /** What a scope may read of these changes, by kind and id. */
  const readViews = async (access: LiveClient['access'], changes: Change[]) => {
    const views = new Map<ChangeKind, Map<string, object>>();
    for (const [kind, ofKind] of groupBy(changes, (change) => change.kind)) {
      const granted = access[kind];
      const ids = ofKind.map((change) => change.subjectId);
      if (granted) views.set(kind, await readSubjects[kind](granted, ids));
    }
    return views;
  };

  /** Clients that may read exactly the same. */
  const sendToScope = async (clients: LiveClient[], changes: Change[]) => {
    const { access = {} } = clients[0] ?? {};
    const views = await readViews(access, changes);
    for (const change of changes) {
      const { kind, subjectId: id } = change;
      const granted = access[kind];
      const view = views.get(kind)?.get(id);
      const isGone = granted && !view && maySeeRemoval(change, granted);
      if (!granted || (!view && !isGone)) continue;
      const data = view ? { kind, id, data: view } : { kind, id, data: null, gone: true };
      for (const { stream } of clients) stream.send({ event: kind, id: encodeEventId(change.position), data });
    }
  };

  return async (audience: LiveClient[], changes: Change[]): Promise<void> => {
    for (const [companyId, ofCompany] of groupBy(newestOfEach(changes), (change) => change.companyId)) {
      const listening = audience.filter((client) => client.companyId === companyId);
      if (listening.length === 0) continue;
      const scopes = groupBy(listening, ({ access }) => CHANGE_KINDS.map((kind) => scopeOf(access[kind])).join('\n'));
      for (const clients of scopes.values()) await sendToScope(clients, ofCompany);
    }
  };
}

/** A thing that changed several times is told once, where it changed last: what is told is its state now. */
function newestOfEach(changes: Change[]): Change[] {
  const newest = new Map<string, Change>();
  for (const change of changes) {
    const key = `${change.companyId}\n${change.kind}\n${change.subjectId}`;
    const formerRepId = change.formerRepId ?? newest.get(key)?.formerRepId ?? null;
    newest.delete(key);
    newest.set(key, { ...change, formerRepId });
  }
  return [...newest.values()];
}

const scopeOf = (access: Access | undefined): string =>
  access ? JSON.stringify([access.companyId, access.repId]) : '';

/**
 * Whoever reads the whole company is told that something is gone. A sales rep is told of their own appointments only:
 * that another rep's thing was there is not theirs to know.
 */
const maySeeRemoval = (change: Change, { repId }: Access): boolean =>
  repId === undefined || change.formerRepId === repId;

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}
