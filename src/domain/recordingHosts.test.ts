import { describe, expect, it } from 'vitest';
import { isRecordingHostAllowed } from './recordingHosts.ts';

const HOSTS = ['callrail.com', '*.callrail.com', 's3.amazonaws.com:443', '127.0.0.1', '[::1]:3900', 'localhost'];

describe('isRecordingHostAllowed', () => {
  it.each([
    'https://callrail.com/a.mp3',
    'https://app.callrail.com/a.mp3',
    'https://a.b.callrail.com/a.mp3',
    'https://APP.CallRail.com./a.mp3',
    'https://s3.amazonaws.com/a',
    'http://127.0.0.1:3900/a',
    'http://localhost:8080/a',
    'http://[::1]:3900/a',
  ])('takes %s', (url) => expect(isRecordingHostAllowed(url, HOSTS)).toBe(true));

  it.each([
    'https://evilcallrail.com/a',
    'https://callrail.com.evil.com/a',
    'https://callrail.com@evil.com/a',
    'https://user:secret@callrail.com/a',
    'https://evil.com/callrail.com',
    'https://evil.com#callrail.com',
    'http://s3.amazonaws.com/a',
    'https://s3.amazonaws.com:444/a',
    'http://169.254.169.254/latest',
    'http://[::1]/a',
    'http://0x7f000002/a',
    'ftp://callrail.com/a',
    'file:///etc/passwd',
    'javascript:alert(1)',
    '//callrail.com/a',
    'callrail.com/a',
    'https://callrail.com\\@127.0.0.1/a',
    'https:\\\\callrail.com/a',
    'https://callrail.com\t/a',
    ' https://callrail.com/a',
    '',
  ])('refuses %s', (url) => expect(isRecordingHostAllowed(url, HOSTS)).toBe(false));
});
