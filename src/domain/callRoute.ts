/** Whose a CallRail event is: a decision over the few companies that it could belong to, apart from how they are found. */

/** A company that an event could belong to, and why. */
export interface RouteCandidate {
  companyId: string;
  /** It owns the number called. */
  hasNumber: boolean;
  /** The event names it by CallRail's company id. */
  hasCallrailId: boolean;
  /** It has this call already. */
  knowsCall: boolean;
  hasKeys: boolean;
  /** The event's signature was made with one of its keys. */
  isSigned: boolean;
}

export type CallRoute =
  | { decision: 'accepted'; companyId: string }
  | { decision: 'rejected'; companyId: string; reason: 'invalid_signature' | 'no_signing_key' }
  | { decision: 'unrouted' };

/**
 * A call known in exactly one company whose key verifies the event stays there, else the number called decides, else
 * CallRail's company id. An event that names neither belongs to the one company that knows its call, if that has no key.
 */
export function decideRoute(
  candidates: readonly RouteCandidate[],
  options: { namesCompany: boolean; allowUnsigned: boolean },
): CallRoute {
  const knowing = candidates.filter((company) => company.knowsCall);
  const [stays, ...others] = knowing.filter((company) => company.isSigned);
  if (stays && others.length === 0) return { decision: 'accepted', companyId: stays.companyId };

  const named = candidates.find((company) => company.hasNumber) ?? candidates.find((company) => company.hasCallrailId);
  if (named) return admit(named, options);
  const [only] = knowing;
  if (options.namesCompany || !only || knowing.length > 1 || only.hasKeys) return { decision: 'unrouted' };
  return admit(only, options);
}

function admit(company: RouteCandidate, { allowUnsigned }: { allowUnsigned: boolean }): CallRoute {
  const { companyId, hasKeys, isSigned } = company;
  if (hasKeys ? isSigned : allowUnsigned) return { decision: 'accepted', companyId };
  return { decision: 'rejected', companyId, reason: hasKeys ? 'invalid_signature' : 'no_signing_key' };
}
