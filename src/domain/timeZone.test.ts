import { expect, it } from 'vitest';
import { timeZoneNames } from './timeZone.ts';

it.each([
  ['America/New_York', 'America/New_York'],
  ['america/new_york', 'America/New_York'],
  ['US/Eastern', 'America/New_York'],
  ['America/Fort_Wayne', 'America/Indiana/Indianapolis'],
  ['America/Indianapolis', 'America/Indiana/Indianapolis'],
  ['Asia/Calcutta', 'Asia/Kolkata'],
  ['Asia/Kolkata', 'Asia/Kolkata'],
  ['Europe/Kiev', 'Europe/Kyiv'],
  ['Etc/UTC', 'UTC'],
])('calls %s %s', (given, today) => {
  expect(timeZoneNames(given)[0]).toBe(today);
});

it.each(['EST', 'PST', 'CET', 'MST7MDT', 'GMT', '+05:00', 'Etc/GMT+5', 'Mars/Base', 'Japan', '', 'a/b; drop table'])(
  'takes %s for no place',
  (given) => expect(timeZoneNames(given)).toEqual([]),
);
