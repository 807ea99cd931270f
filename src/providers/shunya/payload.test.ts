import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  normalizeCallAnalysis,
  normalizeTranscript,
  normalizeVisitAnalysis,
  readJobState,
  readShunyaCallback,
} from './payload.ts';

const EMPTY_CONVERSATION = {
  objections: [],
  sopCompliance: { score: null, stagesFollowed: [], stagesMissed: [] },
  sentimentScore: null,
  summary: null,
};
const EMPTY_CALL = {
  qualification: null,
  bookingStatus: null,
  callOutcomeCategory: null,
  appointmentDate: null,
  appointmentLocation: null,
  serviceRequested: null,
  assignedRepId: null,
  ...EMPTY_CONVERSATION,
};

describe('normalizeTranscript', () => {
  it('reads text, turns, language and confidence', () => {
    const raw = {
      transcript_text: 'Agent: Hi\nCustomer: Hello',
      speaker_labels: [
        { speaker: 'agent', text: 'Hi', start_time: 0, end_time: '0.8' },
        { speaker: 1, text: 'Hello', start_time: -1 },
        { speaker: 'agent', text: ' ' },
        null,
        'noise',
      ],
      language: 'en',
      confidence_score: 0.9,
    };
    expect(normalizeTranscript(raw)).toEqual({
      text: 'Agent: Hi\nCustomer: Hello',
      turns: [
        { speaker: 'agent', text: 'Hi', startSeconds: 0, endSeconds: 0.8 },
        { speaker: '1', text: 'Hello', startSeconds: null, endSeconds: null },
      ],
      language: 'en',
      confidence: 0.9,
    });
    expect(normalizeTranscript({ success: true, data: raw })).toEqual(normalizeTranscript(raw));
  });

  it('tells an empty transcript from none', () => {
    expect(normalizeTranscript({ transcript_text: ' \n' })).toEqual({
      text: '',
      turns: [],
      language: null,
      confidence: null,
    });
    for (const raw of [null, 'text', [], {}, { transcript_text: null }, { transcript_text: 7 }]) {
      expect(normalizeTranscript(raw)).toBeNull();
    }
  });

  it('strips what Postgres does not take', () => {
    expect(normalizeTranscript({ transcript_text: 'a\u0000b \ud800 c' })?.text).toBe('ab \ufffd c');
  });
});

describe('normalizeCallAnalysis', () => {
  const nested = {
    call_id: 5,
    qualification: {
      qualification_status: ' HOT ',
      booking_status: 'Booked',
      appointment_date: '2030-01-05T10:00:00',
      appointment_location: ' 1 Main St ',
      service_requested: 'Roof repair',
      assigned_rep_id: 12,
    },
    objections: {
      objections: [
        { category_text: 'Price', objection_text: 'Too high', overcome: true, severity: 'medium' },
        { category_text: '', objection_text: null, overcome: true },
        'Too far',
        { text: 'Later', overcome: 'yes', severity: 3 },
      ],
      total_count: 4,
    },
    compliance: { compliance_score: '0.8', stages_followed: ['greeting', 7, ' '], stages_missed: 'closing' },
    summary: { summary: 'Booked.', sentiment_score: 1.2 },
  };
  const expected = {
    qualification: 'hot',
    bookingStatus: 'booked',
    callOutcomeCategory: 'qualified_and_booked',
    appointmentDate: '2030-01-05T10:00:00',
    appointmentLocation: '1 Main St',
    serviceRequested: 'Roof repair',
    assignedRepId: '12',
    objections: [
      { category: 'Price', text: 'Too high', overcome: true, severity: 'medium' },
      { category: null, text: 'Too far', overcome: null, severity: null },
      { category: null, text: 'Later', overcome: null, severity: null },
    ],
    sopCompliance: { score: 0.8, stagesFollowed: ['greeting'], stagesMissed: [] },
    sentimentScore: null,
    summary: 'Booked.',
  };

  it('reads nested names', () => expect(normalizeCallAnalysis(nested)).toEqual(expected));

  it('reads flat names alike', () => {
    const { qualification, objections, compliance, summary } = nested;
    const flat = { ...qualification, ...compliance, ...summary, objections: objections.objections };
    expect(normalizeCallAnalysis(flat)).toEqual(expected);
    expect(normalizeCallAnalysis({ success: true, data: { result: nested } })).toEqual(expected);
  });

  it('derives the category only when none is given', () => {
    const category = (fields: object) => normalizeCallAnalysis(fields).callOutcomeCategory;
    expect(category({ qualification_status: 'warm', booking_status: 'not_booked' })).toBe('qualified_but_unbooked');
    expect(category({ qualification_status: 'warm', booking_status: 'service_not_offered' })).toBe(
      'qualified_service_not_offered',
    );
    expect(category({ qualification_status: 'hot', call_outcome_category: 'unqualified' })).toBe('unqualified');
    expect(category({ qualification_status: 'unqualified', call_outcome_category: 'nonsense' })).toBe('unqualified');
  });

  it.each([null, 7, 'text', [], {}, { qualification: 'maybe', objections: 'many', compliance: [], summary: 4 }])(
    'counts what it cannot use as absent: %j',
    (raw) => expect(normalizeCallAnalysis(raw)).toEqual(EMPTY_CALL),
  );

  it('never throws, whatever it is given', () => {
    const key = fc.constantFrom(
      ...['data', 'result', 'qualification', 'objections', 'compliance', 'summary', 'booking_status', 'outcome'],
      ...['compliance_score', 'stages_followed', 'transcript_text', 'speaker_labels', 'status', 'event', 'error'],
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof({ maxDepth: 6 }, fc.jsonValue(), fc.dictionary(key, tie('tree')), fc.array(tie('tree'))),
    }));
    fc.assert(
      fc.property(tree, (raw) => {
        normalizeCallAnalysis(raw);
        normalizeVisitAnalysis(raw);
        normalizeTranscript(raw);
        readShunyaCallback(raw);
      }),
    );
  });
});

describe('normalizeVisitAnalysis', () => {
  it('takes a callback that has a result and no word on how it ended for what it is', () => {
    const result = { qualification: { booking_status: 'booked' } };
    const read = (said: object) => readShunyaCallback({ job_type: 'analysis', call_id: 42, ...said }).outcome;
    expect(read({ result })).toBe('completed');
    expect(read({})).toBe('unknown');
    expect(read({ event: 'job.completed', status: 'processing', result })).toBe('unknown');
  });

  it('reads the outcome', () => {
    expect(normalizeVisitAnalysis({ outcome: 'Won' })).toEqual({ outcome: 'won', ...EMPTY_CONVERSATION });
    expect(normalizeVisitAnalysis({ outcome: { outcome: 'lost' } }).outcome).toBe('lost');
    expect(normalizeVisitAnalysis({ outcome: 'sold' }).outcome).toBeNull();
  });
});

describe('readJobState', () => {
  it.each([
    ['queued', 'queued'],
    ['Pending', 'queued'],
    ['in progress', 'processing'],
    ['IN-PROGRESS', 'processing'],
    ['complete', 'completed'],
    ['success', 'completed'],
    ['error', 'failed'],
    ['whatever', null],
    [3, null],
  ])('reads %j as %j', (word, state) => expect(readJobState(word)).toBe(state));
});

describe('readShunyaCallback', () => {
  const result = { transcript_text: 'Hi' };

  it('reads the documented form', () => {
    expect(
      readShunyaCallback({
        event: 'job.completed',
        job_id: 'j1',
        job_type: 'transcription',
        call_id: 42,
        company_id: 'c1',
        result,
      }),
    ).toEqual({
      jobId: 'j1',
      shunyaCallId: 42,
      jobType: 'transcription',
      outcome: 'completed',
      companyId: 'c1',
      result,
    });
    expect(
      readShunyaCallback({
        event: 'job.failed',
        job_id: 9,
        error: { error_code: 'BAD_AUDIO', message: 'secret', retryable: false },
      }),
    ).toEqual({ jobId: '9', outcome: 'failed', error: { code: 'BAD_AUDIO', retryable: false } });
  });

  it.each([
    [{ event_type: 'call.transcription.complete', call_id: '42' }, 'transcription', 'completed'],
    [{ event_type: 'call.analysis.failed', data: { call_id: 42, task_id: 7 } }, 'analysis', 'failed'],
    [{ job_type: 'call_analysis', status: 'SUCCESS', call_id: 42 }, 'analysis', 'completed'],
    [{ job_type: 'transcription', status: 'processing', call_id: 42 }, 'transcription', 'unknown'],
    [{ event: 'job.completed', status: 'failed', job_type: 'analysis', call_id: 42 }, 'analysis', 'unknown'],
  ] as const)('reads %j', (payload, jobType, outcome) => {
    expect(readShunyaCallback(payload)).toMatchObject({ shunyaCallId: 42, jobType, outcome });
    expect(readShunyaCallback(payload).invalidReason).toBeUndefined();
  });

  it.each([{ shunya_job_id: 'j1' }, { task_id: 'j1' }, { data: { job_id: 'j1' } }])('finds the job id in %j', (ids) => {
    expect(readShunyaCallback({ event: 'job.completed', ...ids }).jobId).toBe('j1');
  });

  it('finds the result where it is named, in data, or beside the ids', () => {
    const read = (fields: object) => readShunyaCallback({ event: 'job.completed', job_id: 'j1', ...fields }).result;
    expect(read({ data: { result } })).toEqual(result);
    expect(read({ data: { call_id: 4, ...result } })).toMatchObject(result);
    expect(read({ data: { qualification: { booking_status: 'booked' } } })).toBeDefined();
    expect(read({ ...result })).toMatchObject(result);
    for (const nothing of [{}, { result: {} }, { result: null }, { result: 'text' }, { data: { call_id: 4 } }]) {
      expect(read(nothing)).toBeUndefined();
    }
    expect(read({ outcome: 'success', summary: 'Job is done' })).toBeUndefined();
  });

  it('does not use the result of another call', () => {
    const callback = readShunyaCallback({ event: 'job.completed', job_id: 'j', call_id: 1, result: { call_id: 2 } });
    expect(callback).toEqual({ jobId: 'j', outcome: 'completed', shunyaCallId: 1 });
  });

  it.each([
    [null, 'not a JSON object'],
    [[], 'not a JSON object'],
    [{}, 'neither a job id nor a call id'],
    [{ job_id: '', call_id: 1.5 }, 'neither a job id nor a call id'],
    [{ call_id: 2 ** 53, job_type: 'analysis' }, 'neither a job id nor a call id'],
    [{ call_id: 5 }, 'a call id without a job type'],
  ])('names what %j lacks', (payload, reason) => {
    expect(readShunyaCallback(payload).invalidReason).toBe(reason);
  });

  it('survives nesting deeper than any stack', () => {
    const deep = JSON.parse(`${'{"data":'.repeat(50_000)}1${'}'.repeat(50_000)}`);
    expect(readShunyaCallback(deep).invalidReason).toBe('neither a job id nor a call id');
    expect(() => normalizeCallAnalysis(deep)).not.toThrow();
  });
});
