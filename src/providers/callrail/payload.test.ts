import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCallRailEvent } from './payload.ts';

/** The fields and types of real deliveries; people, numbers and ids are made up. */
const PRE_CALL = {
  answered: false,
  call_type: 'missed',
  company_id: 422269185,
  company_name: 'Sample Plumbing',
  company_time_zone: 'America/Detroit',
  created_at: '2026-03-02T16:54:53.563-05:00',
  customer_city: 'Denver',
  customer_country: 'US',
  customer_name: 'Denver Co',
  customer_phone_number: '+13035550119',
  customer_state: 'CO',
  device_type: '',
  direction: 'inbound',
  duration: '0',
  first_call: true,
  formatted_call_type: 'Missed Call',
  formatted_customer_phone_number: '303-555-0119',
  formatted_duration: '0s',
  formatted_tracking_phone_number: '212-555-0180',
  formatted_tracking_source: 'Google Ads',
  prior_calls: 0,
  source: 'Google Ads',
  source_name: 'Website Pool',
  start_time: '2026-03-02T16:54:53.505-05:00',
  total_calls: 1,
  tracking_phone_number: '+12125550180',
  voicemail: false,
  callername: 'Denver Co',
  callernum: '+13035550119',
  datetime: '2026-03-02 21:54:53',
  trackingnum: '+12125550180',
  timestamp: '2026-03-02T16:54:53.505-05:00',
  person_resource_id: 'PER00000000000000000000000000000001',
  resource_id: 'CAL00000000000000000000000000000001',
  company_resource_id: 'COM00000000000000000000000000000001',
  tracker_resource_id: 'TRK00000000000000000000000000000001',
};

const POST_CALL = {
  ...PRE_CALL,
  answered: true,
  agent_email: 'casey@plumbing.example',
  business_phone_number: '+12125550111',
  call_highlights: [],
  call_type: 'answered',
  custom: '',
  destinationnum: '+12125550111',
  detail_tags: [],
  duration: '184',
  formatted_duration: '3m 4s',
  good_lead_call_id: '',
  integration_data: [{ integration: 'Webhooks', data: null }],
  milestones: { first_touch: { event_date: '2026-03-02T16:01:57.985-05:00', source: 'Google Ads', medium: null } },
  note: '',
  recording: 'https://api.callrail.com/v3/a/1/calls/CAL1/recording.json',
  recording_duration: '184',
  speaker_percent: '',
  spam: false,
  tags: ['quote'],
  value: '',
  waveforms: '',
};

const read = (payload: unknown) => readCallRailEvent('completed', payload);

describe("CallRail's real payloads", () => {
  it('pre-call', () => {
    expect(readCallRailEvent('incoming', PRE_CALL)).toEqual({
      providerCallId: 'CAL00000000000000000000000000000001',
      callrailCompanyIds: ['COM00000000000000000000000000000001', '422269185'],
      tellsRecording: false,
      fields: {
        callerNumber: '+13035550119',
        callerLabel: 'Denver Co',
        trackingNumber: '+12125550180',
        callType: 'missed',
        answered: false,
        voicemail: false,
        direction: 'inbound',
        durationSeconds: 0,
        startedAt: '2026-03-02T21:54:53.505Z',
        eventAt: '2026-03-02T21:54:53.505Z',
        source: 'Website Pool',
      },
    });
  });

  it('post-call', () => {
    expect(read(POST_CALL).fields).toMatchObject({
      answered: true,
      callType: 'answered',
      durationSeconds: 184,
      recordingUrl: 'https://api.callrail.com/v3/a/1/calls/CAL1/recording.json',
      agentEmail: 'casey@plumbing.example',
    });
  });

  it('outbound post-call, its booleans as strings', () => {
    const outbound = {
      ...POST_CALL,
      answered: 'true',
      voicemail: 'false',
      direction: 'outbound',
      recording: '',
      agent_email: '',
    };
    const { fields } = read(outbound);
    expect(fields).toMatchObject({ answered: true, voicemail: false, direction: 'outbound' });
    expect(fields).not.toHaveProperty('recordingUrl');
    expect(fields).not.toHaveProperty('agentEmail');
  });

  it('a call of the old form, with query-string names only', () => {
    expect(
      read({
        id: 111222333,
        callernum: '+13035550119',
        callername: 'DOE JANE',
        trackingnum: '+12125550180',
        datetime: '2012-08-22 20:44:43',
      }),
    ).toEqual({
      providerCallId: '111222333',
      callrailCompanyIds: [],
      tellsRecording: false,
      fields: {
        callerNumber: '+13035550119',
        callerName: 'DOE JANE',
        trackingNumber: '+12125550180',
        startedAt: '2012-08-22T20:44:43.000Z',
      },
    });
  });

  it('a row of the REST API', () => {
    const row = {
      id: 'CAL1',
      company_id: 'COM1',
      answered: true,
      duration: 41,
      recording: null,
      start_time: '2026-03-02T21:54:53.505Z',
    };
    expect(readCallRailEvent('modified', row)).toEqual({
      providerCallId: 'CAL1',
      callrailCompanyIds: ['COM1'],
      tellsRecording: false,
      fields: { answered: true, durationSeconds: 41, startedAt: '2026-03-02T21:54:53.505Z' },
    });
  });
});

it('reads the short form', () => {
  expect(
    read({
      call_id: 'call-1',
      caller_number: '(303) 555-0119',
      tracking_number: '2125550180',
      recording_url: 'https://s3.amazonaws.com/recordings/1.mp3',
      duration: 45,
      answered: true,
      timestamp: '2026-03-02T21:54:53',
    }),
  ).toEqual({
    providerCallId: 'call-1',
    callrailCompanyIds: [],
    tellsRecording: true,
    fields: {
      callerNumber: '+13035550119',
      trackingNumber: '+12125550180',
      recordingUrl: 'https://s3.amazonaws.com/recordings/1.mp3',
      durationSeconds: 45,
      answered: true,
      eventAt: '2026-03-02T21:54:53.000Z',
    },
  });
});

describe('which field counts', () => {
  it('id: resource_id, call_id, id', () => {
    const all = { id: 3, call_id: 'two', resource_id: 'one' };
    expect(read(all).providerCallId).toBe('one');
    expect(read({ ...all, resource_id: '' }).providerCallId).toBe('two');
    expect(read({ ...all, resource_id: null, call_id: 'x'.repeat(256) }).providerCallId).toBe('3');
  });

  it.each([['x'.repeat(256)], [''], ['  '], ['a\0b'], ['\ud800'], [2 ** 53], [1.5], [true], [{}], [['a']], [null]])(
    'no id in %j',
    (id) => expect(read({ id }).providerCallId).toBeUndefined(),
  );

  it('takes an id of 255 characters as it is', () => {
    expect(read({ id: 'é'.repeat(255) }).providerCallId).toBe('é'.repeat(255));
  });

  it('company: company_resource_id, company_id', () => {
    expect(read({ company_id: 7, company_resource_id: 'COM1' }).callrailCompanyIds).toEqual(['COM1', '7']);
    expect(read({ company_id: 7, company_resource_id: '' }).callrailCompanyIds).toEqual(['7']);
    expect(read({ company_id: 'COM1', company_resource_id: 'COM1' }).callrailCompanyIds).toEqual(['COM1']);
    expect(read({}).callrailCompanyIds).toEqual([]);
  });

  it('caller', () => {
    const names = ['customer_phone_number', 'customer_number', 'caller_number', 'callernum'];
    for (const [index] of names.entries()) {
      const body = Object.fromEntries(
        names.slice(index).map((name, position) => [name, `+1212555010${index + position}`]),
      );
      expect(read(body).fields.callerNumber).toBe(`+1212555010${index}`);
    }
  });

  it('number called', () => {
    const names = ['tracking_phone_number', 'tracking_number', 'trackingnum'];
    for (const [index] of names.entries()) {
      const body = Object.fromEntries(
        names.slice(index).map((name, position) => [name, `+1212555010${index + position}`]),
      );
      expect(read(body)).toMatchObject({
        fields: { trackingNumber: `+1212555010${index}` },
      });
    }
  });

  it('a number that cannot be read does not hide one that can', () => {
    expect(read({ tracking_phone_number: 'Pool', trackingnum: '2125550180' }).fields.trackingNumber).toBe(
      '+12125550180',
    );
    const { fields } = read({ customer_phone_number: 'anonymous', caller_number: '+13035550119' });
    expect(fields).toEqual({ callerNumber: '+13035550119' });
  });

  it('start: start_time, created_at, datetime; never timestamp', () => {
    const times = {
      start_time: '2026-01-01T00:00:01Z',
      created_at: '2026-01-01T00:00:02Z',
      datetime: '2026-01-01 00:00:03',
    };
    expect(read(times).fields.startedAt).toBe('2026-01-01T00:00:01.000Z');
    expect(read({ ...times, start_time: 'soon' }).fields.startedAt).toBe('2026-01-01T00:00:02.000Z');
    expect(read({ datetime: times.datetime }).fields.startedAt).toBe('2026-01-01T00:00:03.000Z');
    expect(read({ timestamp: times.start_time }).fields).toEqual({ eventAt: '2026-01-01T00:00:01.000Z' });
  });

  it('recording, source, agent', () => {
    expect(read({ recording: '', recording_url: 'https://x.test/b' }).fields.recordingUrl).toBe('https://x.test/b');
    expect(read({ source_name: '', source: 'Ads' }).fields.source).toBe('Ads');
    expect(read({ formatted_tracking_source: 'Radio' }).fields.source).toBe('Radio');
    expect(read({ csr_id: 17 }).fields.csrId).toBe('17');
  });
});

describe('values', () => {
  it.each([
    [45, 45],
    ['45', 45],
    [' 45 ', 45],
    ['0', 0],
    [0.4, 1],
    ['45.2', 46],
    ['00:45', undefined],
    ['3m 4s', undefined],
    ['-1', undefined],
    [-1, undefined],
    ['1e3', undefined],
    [3e9, undefined],
    [true, undefined],
    [[45], undefined],
  ])('duration %j is %j', (duration, expected) => expect(read({ duration }).fields.durationSeconds).toBe(expected));

  it.each([
    ['2026-03-02T16:54:53.505-05:00', '2026-03-02T21:54:53.505Z'],
    ['2026-03-02T21:54:53Z', '2026-03-02T21:54:53.000Z'],
    ['2026-03-02T21:54:53', '2026-03-02T21:54:53.000Z'],
    ['2026-03-02 21:54:53', '2026-03-02T21:54:53.000Z'],
    ['2026-03-02 21:54:53 UTC', '2026-03-02T21:54:53.000Z'],
    ['2026-03-02 16:54:53 -0500', '2026-03-02T21:54:53.000Z'],
    ['2026-03-02 16:54:53.505 -05:00', '2026-03-02T21:54:53.505Z'],
    ['2026-03-02', '2026-03-02T00:00:00.000Z'],
    [1772488493, '2026-03-02T21:54:53.000Z'],
    [1772488493505, '2026-03-02T21:54:53.505Z'],
    ['1772488493', '2026-03-02T21:54:53.000Z'],
    ['09:00', undefined],
    ['2026', undefined],
    [2026, undefined],
    ['2026-W10', undefined],
    ['2026-02-30', undefined],
    ['1969-12-31T23:59:59Z', undefined],
    ['2200-01-01T00:00:00Z', undefined],
    ['0000-00-00 00:00:00', undefined],
    ['+275760-09-13', undefined],
    [-1, undefined],
    [0, undefined],
    [1e300, undefined],
    ['yesterday', undefined],
    [{}, undefined],
  ])('time %j is %j', (timestamp, expected) => expect(read({ timestamp }).fields.eventAt).toBe(expected));

  it.each([
    [true, true],
    ['true', true],
    ['False', false],
    [false, false],
    ['yes', undefined],
    [1, undefined],
    [null, undefined],
  ])('answered %j is %j', (answered, expected) => expect(read({ answered }).fields.answered).toBe(expected));

  it('keeps a caller that is no number as it was written', () => {
    expect(read({ customer_phone_number: 'Restricted' }).fields).toEqual({ callerNumberRaw: 'Restricted' });
    expect(read({ customer_phone_number: '' }).fields).toEqual({});
  });

  it('keeps links to any host, and nothing that is no link', () => {
    expect(read({ recording: 'http://169.254.169.254/a' }).fields.recordingUrl).toBe('http://169.254.169.254/a');
    expect(read({ recording: 'none' }).fields).toEqual({});
    expect(read({ recording: true }).fields).toEqual({});
    expect(read({ recording: `https://x.test/${'a'.repeat(5000)}` }).fields).toEqual({});
  });

  it('bounds texts and makes them fit for Postgres', () => {
    expect(read({ customer_name: 'a\0b' }).fields.callerName).toBe('ab');
    expect(read({ customer_name: '\0' }).fields).toEqual({});
    expect(read({ customer_name: 'a\ud800' }).fields.callerName).toBe('a\ufffd');
    expect(read({ customer_name: 'x'.repeat(100_000) }).fields.callerName).toHaveLength(500);
  });
});

it('never throws, and says nothing that Postgres or JSON would refuse', () => {
  const names = [
    'resource_id',
    'call_id',
    'id',
    'company_id',
    'customer_phone_number',
    'tracking_number',
    'recording',
    'duration',
    'start_time',
    'timestamp',
    'answered',
    'voicemail',
    'direction',
    'call_type',
    'agent_email',
    'csr_id',
    'customer_name',
    'source',
  ];
  const value = fc.oneof(fc.anything(), fc.string({ unit: 'binary' }), fc.constantFrom('\0', '\ud800', 'a\0'));
  const payload = fc.oneof(fc.anything(), fc.dictionary(fc.constantFrom(...names), value));
  fc.assert(
    fc.property(payload, (body) => {
      const { fields, ...rest } = read(body);
      for (const part of [...Object.values(rest), ...Object.values(fields)]) {
        expect(part).not.toBeUndefined();
        if (typeof part !== 'string') continue;
        expect(part).not.toBe('');
        expect(part).not.toContain('\0');
        expect(Buffer.from(part, 'utf8').toString('utf8')).toBe(part);
      }
      expect(JSON.parse(JSON.stringify(fields))).toEqual(fields);
    }),
    { numRuns: 500 },
  );
});

describe('what is no call', () => {
  const TEXT = {
    id: '8154748',
    resource_id: 'SCI00000000000000000000000000000001',
    source_number: '+13035550119',
    destination_number: '+12125550180',
    content: 'Can you come today?',
    message_type: 'sms',
    media_urls: [],
    timestamp: '2026-03-02T16:54:53.505-05:00',
    lead_status: null,
    conversation_id: 'ab1',
    company_resource_id: 'COM00000000000000000000000000000001',
    person_resource_id: 'PER00000000000000000000000000000001',
  };
  const { message_type: _, ...untyped } = TEXT;
  const FORM = {
    resource_id: 'FRM00000000000000000000000000000001',
    company_resource_id: 'COM00000000000000000000000000000001',
    customer_phone_number: '+13035550119',
    customer_name: 'Pat Reyes',
    form_data: { name: 'Pat Reyes' },
    form_url: 'https://acme.example/contact',
    submitted_at: '2026-03-02T16:54:53.505-05:00',
  };
  it.each([
    ['a text message', TEXT, 'text_message'],
    ['a text message with pictures', { ...TEXT, message_type: 'mms' }, 'text_message'],
    ['a text message that does not say so', untyped, 'text_message'],
    ['a text message known by its id alone', { resource_id: TEXT.resource_id }, 'text_message'],
    ['a text message with the words of a call', { ...TEXT, direction: 'inbound', call_id: '1' }, 'text_message'],
    ['a text message by its event', { id: 7, event: 'text_message_received' }, 'text_message'],
    ['a text message by its object', { id: 7, object: 'Text Message', caller_number: '+13035550119' }, 'text_message'],
    ['a form', FORM, 'form'],
    ['a form by its id alone', { resource_id: FORM.resource_id }, 'form'],
    ['a form by its type', { id: 7, type: 'form_submission', tracking_number: '+12125550180' }, 'form'],
    ['a chat', { id: 7, type: 'chat' }, 'chat'],
    ['a web chat by its transcript', { id: 7, chat_transcript: [], customer_name: 'Pat' }, 'chat'],
    ['an id and a company, and nothing of a call', { resource_id: 'XYZ1', company_id: 1, timestamp: 1e9 }, 'unknown'],
    ['nothing', {}, 'unknown'],
  ])('%s', (_, payload, kind) => {
    expect(read(payload).notACall).toBe(kind);
  });

  it.each([
    ['a real payload', POST_CALL],
    ['a real payload that rings', PRE_CALL],
    ['the short form', { call_id: '1', caller_number: '+13035550119', tracking_number: '+12125550180' }],
    ['an id of a call alone', { resource_id: 'CAL00000000000000000000000000000001' }],
    ['the short form with an id alone', { call_id: '1' }],
    ['numbers alone', { id: 7, caller_number: '+13035550119', tracking_number: '+12125550180' }],
    ['a call that says so', { ...POST_CALL, type: 'call', event: 'call.completed', object: 'Call' }],
    ['a call with content', { ...POST_CALL, content: 'x', form_name: 'y', message_type: 'call' }],
    [
      'a call of a type that only begins like another',
      { ...POST_CALL, type: 'formal', kind: 'Texas', event: 'chatty' },
    ],
  ])('is not %s', (_, payload) => {
    expect(read(payload).notACall).toBeUndefined();
  });
});

it.each([
  [['recording'], true],
  [['note', 'recording_duration'], true],
  [[], true],
  ['x', true],
  [['note'], false],
])('a change of %j with a link tells of the recording: %s', (changes, expected) => {
  const recording = 'https://s3.amazonaws.com/recordings/1.mp3';
  expect(readCallRailEvent('modified', { resource_id: 'CAL1', recording, changes }).tellsRecording).toBe(expected);
});
