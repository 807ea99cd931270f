import { describe, expect, it } from 'vitest';
import { isPublicAddress, refuseWebhookUrl } from './addresses.ts';

describe('isPublicAddress', () => {
  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.31.255.255',
    '192.168.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '::1',
    '::',
    'fe80::1',
    'fd00::1',
    '::ffff:10.0.0.1',
    '64:ff9b::a00:1',
    '2002:a00:1::',
    '2001::1',
    '2001:db8::1',
    'ff02::1',
    'not an address',
  ])('%s is not', (address) => expect(isPublicAddress(address)).toBe(false));

  it.each(['1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450:4001::200e'])('%s is', (address) =>
    expect(isPublicAddress(address)).toBe(true),
  );
});

describe('refuseWebhookUrl', () => {
  it.each([
    'http://hooks.example.com/',
    'https://user:secret@hooks.example.com/',
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://[::1]/',
    'https://[::ffff:10.0.0.1]/',
    'https://localhost/',
    'https://postgres/',
    'https://metadata.google.internal/',
    'ftp://hooks.example.com/',
    'no url',
  ])('in production refuses %s', (url) => expect(refuseWebhookUrl(url, false)).toBeDefined());

  it.each(['https://hooks.example.com/callwright?x=1', 'https://1.1.1.1/'])('in production takes %s', (url) =>
    expect(refuseWebhookUrl(url, false)).toBeUndefined(),
  );

  it('in local mode takes http and loopback, but nothing else than http', () => {
    expect(refuseWebhookUrl('http://127.0.0.1:4000/hook', true)).toBeUndefined();
    expect(refuseWebhookUrl('file:///etc/passwd', true)).toBeDefined();
  });
});
