/** Who may do what: the role table of docs/contract.md, in one place. */
import type { Role } from '../../domain/user.ts';
import { refuseMissing } from '../../services/refusal.ts';

/** company: rows of the caller's company · own: those of the caller's own appointments · all: of every company. */
export type Scope = 'company' | 'own' | 'all';

const READERS = { csr: 'company', sales_rep: 'own', manager: 'company', executive: 'company' } as const;

export const PERMISSIONS = {
  'me.read': { csr: 'company', sales_rep: 'company', manager: 'company', executive: 'company', admin: 'all' },

  'calls.read': READERS,
  'leads.read': READERS,
  /** csr: status and notes only. */
  'leads.write': { csr: 'company', manager: 'company' },
  'contacts.read': READERS,
  'followUps.read': { csr: 'company', manager: 'company', executive: 'company' },
  'followUps.write': { csr: 'company', manager: 'company' },
  'contacts.write': { csr: 'company', manager: 'company' },

  'appointments.read': READERS,
  'appointments.create': { csr: 'company', manager: 'company' },
  /** sales_rep: outcome only. */
  'appointments.update': { csr: 'company', sales_rep: 'own', manager: 'company' },

  'visits.read': { sales_rep: 'own', manager: 'company', executive: 'company' },
  'visits.record': { sales_rep: 'own' },

  'users.read': { csr: 'company', manager: 'company', executive: 'company', admin: 'all' },
  'users.write': { admin: 'all' },

  'metrics.csr.self': { csr: 'company', manager: 'company', executive: 'company' },
  'metrics.sales.self': { sales_rep: 'company', manager: 'company', executive: 'company' },
  'metrics.exec': { manager: 'company', executive: 'company' },

  'analyses.correct': { manager: 'company', admin: 'all' },
  'calls.reanalyze': { manager: 'company', admin: 'all' },
  'calls.delete': { manager: 'company', admin: 'all' },
  'contacts.delete': { manager: 'company', admin: 'all' },
  'pipelines.read': { manager: 'company', executive: 'company', admin: 'all' },
  'pipelines.operate': { manager: 'company', admin: 'all' },
  'webhookEvents.read': { manager: 'company', executive: 'company', admin: 'all' },
  'webhookEvents.redrive': { manager: 'company', admin: 'all' },
  /** sales_rep: what hangs on own appointments; each kind of event as its own read. */
  'events.read': READERS,
  'webhookEndpoints.read': { manager: 'company', executive: 'company', admin: 'all' },
  'webhookEndpoints.write': { manager: 'company', admin: 'all' },
  'audit.read': { manager: 'company', executive: 'company', admin: 'all' },

  'scorecards.read': { manager: 'company', executive: 'company', admin: 'all' },
  'scorecards.write': { manager: 'company', admin: 'all' },

  'companies.read': { manager: 'company', admin: 'all' },
  'companies.write': { admin: 'all' },
} as const satisfies Record<string, Partial<Record<Role, Scope>>>;

export type Permission = keyof typeof PERMISSIONS;

/** Who is asking, as the token says. */
export interface Actor {
  userId: string;
  /** Null for an admin without a company. */
  companyId: string | null;
  role: Role;
  /** When the token ends. A stream ends with it. */
  expiresAt: Date;
}

/** What the caller may see and touch here. Every query takes its conditions from this. */
export interface Access<CompanyId extends string | undefined = string | undefined> {
  actor: Actor;
  /** Rows of this company; undefined: of every company. */
  companyId: CompanyId;
  /** Only rows that hang on appointments assigned to this user; undefined: all of the company. */
  repId: string | undefined;
}

type ScopesOf<P extends Permission> = (typeof PERMISSIONS)[P][keyof (typeof PERMISSIONS)[P]];

/** The access a permission gives: always one company, unless the permission reaches over all of them. */
export type AccessOf<P extends Permission> = Access<'all' extends ScopesOf<P> ? string | undefined : string>;

/** What the role table gives an actor for a permission; undefined: nothing. */
export function accessFor(permission: Permission, actor: Actor): Access | undefined {
  const scopes: Partial<Record<Role, Scope>> = PERMISSIONS[permission];
  const scope = scopes[actor.role];
  if (scope === undefined) return undefined;
  if (scope === 'all') return { actor, companyId: undefined, repId: undefined };
  if (actor.companyId === null) return undefined;
  return { actor, companyId: actor.companyId, repId: scope === 'own' ? actor.userId : undefined };
}

/** Which roles have a permission, for somebody who has not: `csr may not do this; manager or admin may.` */
export function whoMay(permission: Permission, actor: Actor): string {
  const roles = rolesOf(permission);
  // An admin's role may do it, but for a company that this token does not name.
  if (roles.includes(actor.role)) return 'The token names no company.';
  return `${actor.role} may not do this; ${roles.join(' or ')} may.`;
}

/** The roles that have a permission. */
export const rolesOf = (permission: Permission): Role[] => Object.keys(PERMISSIONS[permission]) as Role[];

/** The roles that have a permission, for readers: `Roles: csr, sales_rep (own appointments only), manager.` */
export function describeRoles(permission: Permission): string {
  const scopes: Partial<Record<Role, Scope>> = PERMISSIONS[permission];
  const name = (role: Role) => (scopes[role] === 'own' ? `${role} (own appointments only)` : role);
  return `Roles: ${rolesOf(permission).map(name).join(', ')}.`;
}

/** 404 for a company that the caller's role does not reach. */
export function assertCompanyInReach(access: Access, companyId: string): void {
  if (access.companyId !== undefined && access.companyId !== companyId) throw refuseMissing();
}
