import { describe, expect, it } from 'vitest';
import { isCallOf, isInProgress, isMissed, type KnownCall } from './reconciliation.ts';

const unknown: KnownCall = { status: null, hasRecording: false, deleted: false, underWay: false, elsewhere: false };
const known = (given: Partial<KnownCall>): KnownCall => ({ ...unknown, status: 'completed', ...given });
const ended = { callType: 'answered', answered: true, durationSeconds: 60 };
const recorded = { ...ended, recordingUrl: 'https://api.callrail.com/v3/a/1/calls/2/recording.json' };
const running = { callType: 'in_progress' };

describe('isMissed', () => {
  it('takes a call that is unknown, whether it has ended or not', () => {
    expect(isMissed(ended, unknown)).toBe(true);
    expect(isMissed(running, unknown)).toBe(true);
  });

  it.each(['ringing', 'in_progress', 'abandoned'] as const)('takes the end of a call that is %s here', (status) => {
    expect(isMissed(ended, known({ status }))).toBe(true);
    expect(isMissed(running, known({ status }))).toBe(false);
  });

  it('takes a recording that we lack, once', () => {
    expect(isMissed(recorded, known({}))).toBe(true);
    expect(isMissed(recorded, known({ status: 'missed' }))).toBe(true);
    expect(isMissed(recorded, known({ hasRecording: true }))).toBe(false);
    expect(isMissed(ended, known({}))).toBe(false);
  });

  it('leaves calls that were deleted, are under way, or are of another company', () => {
    for (const status of [null, 'ringing', 'completed'] as const)
      for (const why of [{ deleted: true }, { underWay: true }, { elsewhere: true }])
        expect(isMissed(recorded, known({ status, ...why }))).toBe(false);
  });
});

describe('isInProgress', () => {
  it('believes the call type, and without one whatever only an end brings', () => {
    expect(isInProgress(running)).toBe(true);
    expect(isInProgress({})).toBe(true);
    expect(isInProgress({ answered: false })).toBe(false);
    expect(isInProgress({ durationSeconds: 3 })).toBe(false);
    expect(isInProgress({ callType: 'answered' })).toBe(false);
  });
});

describe('isCallOf', () => {
  const company = { companyId: 'ours', providerCompanyId: 'COM1' };

  it('lets the number decide', () => {
    expect(isCallOf(company, { numberOwner: 'ours', providerCompanyIds: ['COM2'] })).toBe(true);
    expect(isCallOf(company, { numberOwner: 'other', providerCompanyIds: ['COM1'] })).toBe(false);
  });

  it("goes by the provider's company where nobody has the number", () => {
    expect(isCallOf(company, { numberOwner: undefined, providerCompanyIds: ['COM1'] })).toBe(true);
    expect(isCallOf(company, { numberOwner: undefined, providerCompanyIds: ['COM2'] })).toBe(false);
    expect(isCallOf(company, { numberOwner: undefined, providerCompanyIds: [] })).toBe(true);
    const nameless = { companyId: 'ours', providerCompanyId: null };
    expect(isCallOf(nameless, { numberOwner: undefined, providerCompanyIds: ['COM1'] })).toBe(false);
  });
});
