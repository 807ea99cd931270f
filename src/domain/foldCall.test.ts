import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CALL_EVENT_KINDS, CALL_STATUSES, type CallEvent, type CallEventFields, type CallEventKind } from './call.ts';
import { foldCall } from './foldCall.ts';

const RECEIVED_AT = '2026-03-02T15:00:00.000Z';

function event(kind: CallEventKind, fields: CallEventFields = {}, sequence = 1, receivedAt = RECEIVED_AT): CallEvent {
  return { kind, sequence, receivedAt, fields };
}

/** Folds events given in order of receipt. */
function fold(...events: [CallEventKind, CallEventFields?][]) {
  return foldCall(events.map(([kind, fields], index) => event(kind, fields, index + 1)));
}

describe('status', () => {
  const table: [string, [CallEventKind, CallEventFields?][], string, boolean][] = [
    ['incoming alone rings', [['incoming']], 'ringing', false],
    ["incoming's answered is ignored", [['incoming', { answered: true }]], 'ringing', false],
    ["incoming's call type is ignored", [['incoming', { callType: 'voicemail' }], ['missed']], 'missed', true],
    ['call.answered means answered', [['answered']], 'in_progress', false],
    [
      'call.answered means answered, whatever its field says',
      [['answered', { answered: false }]],
      'in_progress',
      false,
    ],
    ['answered and completed', [['answered'], ['completed']], 'completed', true],
    ['completed with answered', [['completed', { answered: true }]], 'completed', true],
    ['completed without answered but with a duration', [['completed', { durationSeconds: 1 }]], 'completed', true],
    ['completed without answered and without a duration', [['completed']], 'missed', true],
    ['completed of no length', [['completed', { durationSeconds: 0 }]], 'missed', true],
    [
      'completed that says not answered, with a duration',
      [['completed', { answered: false, durationSeconds: 15 }]],
      'missed',
      true,
    ],
    [
      'only its own duration makes completed answered',
      [['missed', { durationSeconds: 9 }], ['completed']],
      'missed',
      true,
    ],
    [
      'completed says nothing of answered: answered stays',
      [['answered'], ['completed', { durationSeconds: 0 }]],
      'completed',
      true,
    ],
    [
      'completed in progress does not end',
      [['completed', { callType: 'in_progress', answered: true }]],
      'in_progress',
      false,
    ],
    [
      'completed in progress, not answered',
      [['incoming'], ['completed', { callType: 'in_progress' }]],
      'ringing',
      false,
    ],
    [
      'a second completed ends',
      [
        ['completed', { callType: 'in_progress' }],
        ['completed', { answered: true }],
      ],
      'completed',
      true,
    ],
    [
      'an end stays one when "in progress" comes later',
      [
        ['completed', { answered: true }],
        ['completed', { callType: 'in_progress' }],
      ],
      'completed',
      true,
    ],
    ['missed', [['missed']], 'missed', true],
    ['missed in progress is missed all the same', [['missed', { callType: 'in_progress' }]], 'missed', true],
    ['missed overrides answered', [['answered'], ['missed']], 'missed', true],
    ['missed that says answered', [['missed', { answered: true }]], 'completed', true],
    ['completed overrides missed', [['missed'], ['completed', { answered: true }]], 'completed', true],
    [
      'voicemail by its flag',
      [['completed', { answered: false, voicemail: true, durationSeconds: 20 }]],
      'voicemail',
      true,
    ],
    ['voicemail by its type', [['completed', { answered: false, callType: 'voicemail' }]], 'voicemail', true],
    ['voicemail by its other type', [['missed', { callType: 'voicemail_transcription' }]], 'voicemail', true],
    ['answered wins over voicemail', [['completed', { answered: true, voicemail: true }]], 'completed', true],
    ['a voicemail flag before the end decides nothing yet', [['answered', { voicemail: true }]], 'in_progress', false],
    ['modified ends', [['answered'], ['modified', { recordingUrl: 'https://x.test/a' }]], 'completed', true],
    ['modified alone, answered', [['modified', { answered: true }]], 'completed', true],
    ['modified says nothing of answered by its duration', [['modified', { durationSeconds: 30 }]], 'missed', true],
    [
      'modified in progress does not end',
      [['answered'], ['modified', { callType: 'in_progress' }]],
      'in_progress',
      false,
    ],
    [
      'modified raises missed',
      [
        ['completed', { answered: false }],
        ['modified', { answered: true }],
      ],
      'completed',
      true,
    ],
    ['modified raises missed to voicemail', [['missed'], ['modified', { callType: 'voicemail' }]], 'voicemail', true],
    [
      'modified does not lower completed',
      [
        ['completed', { answered: true }],
        ['modified', { answered: false }],
      ],
      'completed',
      true,
    ],
    [
      'modified does not lower voicemail',
      [
        ['completed', { answered: false, voicemail: true }],
        ['modified', { voicemail: false }],
      ],
      'voicemail',
      true,
    ],
    [
      'a later completed does not lower one',
      [
        ['completed', { answered: true }],
        ['completed', { answered: false }],
      ],
      'completed',
      true,
    ],
    ['we dialled, nobody answered', [['missed', { direction: 'outbound' }]], 'no_answer', true],
    ['we dialled, completed says it', [['completed', { direction: 'outbound', answered: false }]], 'no_answer', true],
    [
      'we dialled and heard a voicemail',
      [['completed', { direction: 'outbound', answered: false, voicemail: true }]],
      'no_answer',
      true,
    ],
    ['we dialled, somebody answered', [['completed', { direction: 'outbound', answered: true }]], 'completed', true],
    ['we dialled, only a late event says so', [['missed'], ['modified', { direction: 'outbound' }]], 'no_answer', true],
    [
      'we dialled, only an early event says so',
      [['incoming', { direction: 'outbound' }], ['missed']],
      'no_answer',
      true,
    ],
    [
      'a call that was taken for ours',
      [
        ['missed', { direction: 'outbound' }],
        ['modified', { direction: 'inbound' }],
      ],
      'missed',
      true,
    ],
    ['we dialled, and it never ended', [['incoming', { direction: 'outbound' }], ['abandoned']], 'abandoned', true],
    ['never ended', [['incoming'], ['abandoned']], 'abandoned', true],
    ['never ended, answered', [['answered'], ['abandoned']], 'abandoned', true],
    ['ended after it was closed', [['incoming'], ['abandoned'], ['missed']], 'missed', true],
    ['completed after it was closed', [['answered'], ['abandoned'], ['completed']], 'completed', true],
  ];
  it.each(table)('%s', (_, events, status, ended) => {
    const folded = fold(...events);
    expect(folded).toMatchObject({ status, ended, answered: status === 'completed' || status === 'in_progress' });
  });
});

describe('fields', () => {
  it('takes each from the latest kind that has it', () => {
    const folded = fold(
      ['modified', { callerName: 'Modified', recordingUrl: 'https://x.test/m' }],
      ['completed', { callerName: 'Completed', agentEmail: 'c@x.test', durationSeconds: 60 }],
      ['missed', { agentEmail: 'm@x.test', csrId: 'm' }],
      ['answered', { csrId: 'a', source: 'Answered' }],
      ['incoming', { source: 'Incoming', trackingNumber: '+12125550100', callerNumber: '+12125550147' }],
    );
    expect(folded).toMatchObject({
      callerName: 'Modified',
      recordingUrl: 'https://x.test/m',
      agentEmail: 'c@x.test',
      durationSeconds: 60,
      csrId: 'm',
      source: 'Answered',
      trackingNumber: '+12125550100',
      callerNumber: '+12125550147',
    });
  });

  it('takes the later received among events of one kind, whatever the order of the list', () => {
    const first = event('modified', { callerName: 'First', source: 'Kept' }, 1);
    const second = event('modified', { callerName: 'Second' }, 2);
    expect(foldCall([first, second])).toMatchObject({ callerName: 'Second', source: 'Kept' });
    expect(foldCall([second, first])).toEqual(foldCall([first, second]));
  });

  it('does not let an absent field hide one', () => {
    expect(fold(['completed', { callerName: 'Dana' }], ['modified', { callerName: undefined }]).callerName).toBe(
      'Dana',
    );
  });

  it('counts a duration of 0 only from an event that ends the call', () => {
    expect(fold(['incoming', { durationSeconds: 0 }]).durationSeconds).toBeUndefined();
    expect(fold(['answered', { durationSeconds: 0 }]).durationSeconds).toBeUndefined();
    expect(fold(['completed', { durationSeconds: 0, callType: 'in_progress' }]).durationSeconds).toBeUndefined();
    expect(fold(['completed', { durationSeconds: 0 }]).durationSeconds).toBe(0);
    expect(fold(['missed', { durationSeconds: 0 }]).durationSeconds).toBe(0);
    expect(
      fold(['completed', { durationSeconds: 7 }], ['modified', { durationSeconds: 0, callType: 'in_progress' }])
        .durationSeconds,
    ).toBe(7);
  });

  it('keeps the raw caller only while no event has a number', () => {
    expect(fold(['incoming', { callerNumberRaw: 'Restricted' }])).toMatchObject({ callerNumberRaw: 'Restricted' });
    const known = fold(
      ['incoming', { callerNumberRaw: 'Restricted' }],
      ['completed', { callerNumber: '+12125550147' }],
    );
    expect(known).toMatchObject({ callerNumber: '+12125550147', callerNumberRaw: undefined });
  });

  it('is inbound unless said', () => {
    expect(fold(['incoming']).direction).toBe('inbound');
    expect(fold(['completed', { direction: 'outbound' }], ['modified']).direction).toBe('outbound');
  });

  it('is spam while the latest event that says so says so', () => {
    expect(fold(['completed']).spam).toBe(false);
    expect(fold(['modified', { spam: true }], ['completed', { spam: false }]).spam).toBe(true);
    expect(fold(['modified', { spam: true }], ['modified', { callerName: 'A' }]).spam).toBe(true);
    expect(fold(['modified', { spam: true }], ['modified', { spam: false }]).spam).toBe(false);
  });

  it('needs an event', () => {
    expect(() => foldCall([])).toThrow(RangeError);
  });
});

describe('started at', () => {
  const early = '2026-03-02T14:58:00.000Z';
  const late = '2026-03-02T14:59:00.000Z';

  it('is a real start field, of the latest kind that has one', () => {
    expect(fold(['incoming', { startedAt: early }], ['completed', { startedAt: late, eventAt: early }]).startedAt).toBe(
      late,
    );
    expect(fold(['incoming', { startedAt: late }], ['completed', { eventAt: early }]).startedAt).toBe(late);
  });

  it('else the earliest timestamp', () => {
    expect(fold(['incoming', { eventAt: late }], ['completed', { eventAt: early }]).startedAt).toBe(early);
  });

  it('else the first receipt', () => {
    expect(foldCall([event('missed', {}, 2, late), event('incoming', {}, 3, early)]).startedAt).toBe(early);
  });
});

describe('properties', () => {
  const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
  const time = fc
    .integer({ min: 0, max: 3600 })
    .map((seconds) => new Date(1_772_000_000_000 + seconds * 1000).toISOString());
  const fields: fc.Arbitrary<CallEventFields> = fc.record({
    callerName: optional(fc.constantFrom('A', 'B')),
    callerNumber: optional(fc.constantFrom('+12125550147', '+12125550148')),
    callType: optional(fc.constantFrom('in_progress', 'voicemail', 'voicemail_transcription', 'missed', 'answered')),
    answered: optional(fc.boolean()),
    voicemail: optional(fc.boolean()),
    direction: optional(fc.constantFrom('inbound', 'outbound')),
    spam: optional(fc.boolean()),
    durationSeconds: optional(fc.constantFrom(0, 1, 60)),
    recordingUrl: optional(fc.constantFrom('https://x.test/1', 'https://x.test/2')),
    startedAt: optional(time),
    eventAt: optional(time),
  });
  const eventsOf = (kinds: fc.Arbitrary<CallEventKind[]>) =>
    kinds.chain((list) =>
      fc.tuple(...list.map((kind) => fc.record({ kind: fc.constant(kind), receivedAt: time, fields }))),
    );
  const anyKinds = fc.array(fc.constantFrom(...CALL_EVENT_KINDS), { minLength: 1, maxLength: 8 });
  const numbered = (events: Omit<CallEvent, 'sequence'>[]): CallEvent[] =>
    events.map((item, index) => ({ ...item, sequence: index + 1 }));

  it('every order of receipt, and every event twice, gives the same call when the kinds differ', () => {
    const differentKinds = fc
      .subarray([...CALL_EVENT_KINDS], { minLength: 1 })
      .chain((kinds) => eventsOf(fc.constant(kinds)));
    const shuffled = differentKinds.chain((events) =>
      fc.tuple(
        fc.constant(events),
        fc.shuffledSubarray([...events, ...events], { minLength: events.length * 2, maxLength: events.length * 2 }),
      ),
    );
    fc.assert(
      fc.property(shuffled, ([events, twice]) => {
        expect(foldCall(numbered(twice))).toEqual(foldCall(numbered(events)));
      }),
    );
  });

  it('every permutation of the usual events gives the same call', () => {
    const events: [CallEventKind, CallEventFields][] = [
      ['incoming', { answered: false, callType: 'missed', durationSeconds: 0, callerName: 'Early' }],
      ['answered', { callType: 'in_progress' }],
      ['completed', { answered: true, callType: 'answered', durationSeconds: 184 }],
      ['modified', { recordingUrl: 'https://x.test/a', answered: true, callType: 'answered' }],
    ];
    const expected = fold(...events);
    expect(expected).toMatchObject({ status: 'completed', durationSeconds: 184, recordingUrl: 'https://x.test/a' });
    for (const order of permutations(events)) expect(fold(...order)).toEqual(expected);
  });

  it('the order of the list never matters, only that of receipt among events of one kind', () => {
    fc.assert(
      fc.property(
        eventsOf(anyKinds)
          .map(numbered)
          .chain((events) =>
            fc.tuple(
              fc.constant(events),
              fc.shuffledSubarray(events, { minLength: events.length, maxLength: events.length }),
            ),
          ),
        ([events, shuffled]) => {
          expect(foldCall(shuffled)).toEqual(foldCall(events));
        },
      ),
    );
  });

  it('a status never mixes what callers and we do', () => {
    fc.assert(
      fc.property(eventsOf(anyKinds).map(numbered), (events) => {
        const { direction, status } = foldCall(events);
        expect(direction === 'outbound' ? ['missed', 'voicemail'] : ['no_answer']).not.toContain(status);
      }),
    );
  });

  it('never goes back when events come in their order and agree on the direction', () => {
    const rank = (events: CallEvent[]) => CALL_STATUSES.indexOf(foldCall(events).status);
    const inOrder = eventsOf(
      anyKinds.map((kinds) => kinds.sort((a, b) => CALL_EVENT_KINDS.indexOf(a) - CALL_EVENT_KINDS.indexOf(b))),
    ).map(numbered);
    fc.assert(
      fc.property(inOrder, optional(fc.constantFrom('inbound' as const, 'outbound' as const)), (given, direction) => {
        const events = given.map((each) => ({ ...each, fields: { ...each.fields, direction } }));
        for (let count = 2; count <= events.length; count++) {
          expect(rank(events.slice(0, count))).toBeGreaterThanOrEqual(rank(events.slice(0, count - 1)));
        }
      }),
    );
  });

  it('an end is never taken back by more events', () => {
    fc.assert(
      fc.property(eventsOf(anyKinds), (events) => {
        const all = numbered(events);
        const before = all.slice(0, -1);
        if (before.length > 0 && foldCall(before).ended) expect(foldCall(all).ended).toBe(true);
      }),
    );
  });
});

function permutations<T>(items: T[]): T[][] {
  if (items.length < 2) return [items];
  return items.flatMap((item, index) => permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]));
}
