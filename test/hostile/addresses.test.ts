/** Addresses that lead inside, in every spelling that a parser or a resolver knows. */
import { describe, expect, it } from 'vitest';
import { isRecordingHostAllowed } from '../../src/domain/recordingHosts.ts';
import { refuseWebhookUrl } from '../../src/providers/webhooks/addresses.ts';

const INSIDE = [
  'localhost',
  'localhost.',
  'LOCALHOST',
  'api.localhost',
  'printer.local',
  'metadata.google.internal',
  'metadata.google.internal.',
  'postgres',
  '127.0.0.1',
  '127.1',
  '127.0.1',
  '127.255.255.254',
  '2130706433',
  '0x7f000001',
  '0x7f.0.0.1',
  '0x7f.1',
  '0177.0.0.1',
  '017700000001',
  '0',
  '0.0.0.0',
  '１２７.０.０.１',
  '①②⑦.⓪.⓪.①',
  '127。0。0。1',
  '127.0.0.1.',
  '10.0.0.1',
  '012.0.0.1',
  '10.1',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '192.0.0.1',
  '169.254.169.254',
  '2852039166',
  '0xA9FEA9FE',
  '100.64.0.1',
  '198.18.0.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '[::]',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::ffff:a9fe:a9fe]',
  '[::127.0.0.1]',
  '[64:ff9b::7f00:1]',
  '[2002:7f00:1::]',
  '[2001::1]',
  '[fe80::1]',
  '[fc00::1]',
  '[fd12:3456::1]',
  '[ff02::1]',
];
const ALLOWED = ['callrail.com', '*.callrail.com', 's3.amazonaws.com'];

describe('an outgoing webhook in production', () => {
  it.each(INSIDE)('does not go to %s', (host) => {
    for (const url of [`https://${host}/`, `https://${host}:8443/x`, `https://hooks.example.com@${host}/`])
      expect([url, refuseWebhookUrl(url, false)]).toEqual([url, expect.any(String)]);
  });

  it.each([
    'https://a.example.com/\r\nX: 1',
    'https://a.exa\tmple.com/',
    'https://a.example.com/\u0000',
    ' https://a.example.com/',
    'https://a.example.com/\u007f',
  ])('is not stored with control characters: %j', (url) => {
    expect(refuseWebhookUrl(url, false)).toBeDefined();
    expect(refuseWebhookUrl(url, true)).toBeDefined();
  });
});

describe('a recording', () => {
  it.each(INSIDE)('is not fetched from %s', (host) => {
    for (const url of [
      `https://${host}/a.mp3`,
      `https://callrail.com@${host}/a.mp3`,
      `https://${host}/callrail.com`,
      `https://${host}#callrail.com`,
      `https://${host}\\@callrail.com/a.mp3`,
      `https://callrail.com\\@${host}/a.mp3`,
      `//${host}/a.mp3`,
    ])
      expect([url, isRecordingHostAllowed(url, ALLOWED)]).toEqual([url, false]);
  });
});
