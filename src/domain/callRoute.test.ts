import { describe, expect, it } from 'vitest';
import { decideRoute, type RouteCandidate } from './callRoute.ts';

const candidate = (companyId: string, facts: Partial<RouteCandidate>): RouteCandidate => ({
  companyId,
  hasNumber: false,
  hasCallrailId: false,
  knowsCall: false,
  hasKeys: true,
  isSigned: false,
  ...facts,
});
const decide = (
  candidates: RouteCandidate[],
  options: Partial<Parameters<typeof decideRoute>[1]> = { namesCompany: true },
) => decideRoute(candidates, { namesCompany: true, allowUnsigned: false, ...options });
const accepted = (companyId: string) => ({ decision: 'accepted', companyId });
const rejected = (companyId: string, reason = 'invalid_signature') => ({ decision: 'rejected', companyId, reason });
const unrouted = { decision: 'unrouted' };

describe('decideRoute', () => {
  it('leaves an event unrouted that no company could own', () => expect(decide([])).toEqual(unrouted));

  it('takes the owner of the number called, whatever CallRail’s company id says', () => {
    const other = candidate('b', { hasCallrailId: true, isSigned: true });
    expect(decide([other, candidate('a', { hasNumber: true, isSigned: true })])).toEqual(accepted('a'));
    expect(decide([other, candidate('a', { hasNumber: true })])).toEqual(rejected('a'));
  });

  it('takes the company that CallRail names where no number is known', () => {
    expect(decide([candidate('a', { hasCallrailId: true, isSigned: true })])).toEqual(accepted('a'));
    expect(decide([candidate('a', { hasCallrailId: true })])).toEqual(rejected('a'));
  });

  it('leaves a call with the one company that knows it and whose key verifies the event', () => {
    const knowing = candidate('a', { knowsCall: true, isSigned: true });
    expect(decide([candidate('b', { hasNumber: true, isSigned: true }), knowing])).toEqual(accepted('a'));
    expect(decide([knowing])).toEqual(accepted('a'));
  });

  it('lets the number decide where two that know the call verify the event', () => {
    const both = ['a', 'b'].map((id) => candidate(id, { knowsCall: true, isSigned: true }));
    expect(decide([...both, candidate('c', { hasNumber: true, isSigned: true })])).toEqual(accepted('c'));
    expect(decide(both)).toEqual(unrouted);
  });

  it('does not give an event to a company for knowing the call where its key does not verify it', () => {
    expect(decide([candidate('a', { knowsCall: true })])).toEqual(unrouted);
    expect(decide([candidate('a', { knowsCall: true })], { namesCompany: false })).toEqual(unrouted);
  });

  it('judges a company without keys by what the installation allows', () => {
    const keyless = candidate('a', { hasNumber: true, hasKeys: false });
    expect(decide([keyless], { allowUnsigned: true })).toEqual(accepted('a'));
    expect(decide([keyless])).toEqual(rejected('a', 'no_signing_key'));
  });

  it('gives an event that names nobody to the one company without keys that knows its call', () => {
    const keyless = candidate('a', { knowsCall: true, hasKeys: false });
    const bare = { namesCompany: false, allowUnsigned: true };
    expect(decide([keyless], bare)).toEqual(accepted('a'));
    expect(decide([keyless], { ...bare, namesCompany: true })).toEqual(unrouted);
    expect(decide([keyless, candidate('b', { knowsCall: true, hasKeys: false })], bare)).toEqual(unrouted);
  });
});
