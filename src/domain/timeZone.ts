/** Time zones as companies have them: places, by the name that the tz database uses today. */

/** What Intl still calls by its former name, since CLDR never renames. */
const RENAMED: Record<string, string> = {
  'Africa/Asmera': 'Africa/Asmara',
  'America/Buenos_Aires': 'America/Argentina/Buenos_Aires',
  'America/Catamarca': 'America/Argentina/Catamarca',
  'America/Coral_Harbour': 'America/Atikokan',
  'America/Cordoba': 'America/Argentina/Cordoba',
  'America/Godthab': 'America/Nuuk',
  'America/Indianapolis': 'America/Indiana/Indianapolis',
  'America/Jujuy': 'America/Argentina/Jujuy',
  'America/Louisville': 'America/Kentucky/Louisville',
  'America/Mendoza': 'America/Argentina/Mendoza',
  'Asia/Calcutta': 'Asia/Kolkata',
  'Asia/Katmandu': 'Asia/Kathmandu',
  'Asia/Rangoon': 'Asia/Yangon',
  'Asia/Saigon': 'Asia/Ho_Chi_Minh',
  'Atlantic/Faeroe': 'Atlantic/Faroe',
  'Europe/Kiev': 'Europe/Kyiv',
  'Pacific/Enderbury': 'Pacific/Kanton',
  'Pacific/Ponape': 'Pacific/Pohnpei',
  'Pacific/Truk': 'Pacific/Chuuk',
};

/**
 * The names a time zone may be stored under, the better first: today's name, then the one that was given.
 * Abbreviations (EST, CET) are none: one library gives them summer time, another does not. Nor are fixed offsets.
 * @returns none where it is no place that Intl knows; UTC is as good as one
 */
export function timeZoneNames(given: string): string[] {
  if (/^(Etc\/)?(UTC|UCT|Universal|Zulu)$/i.test(given)) return ['UTC'];
  if (!given.includes('/') || /^(Etc|SystemV)\//i.test(given)) return [];
  const resolved = resolve(given);
  if (resolved === undefined || !resolved.includes('/')) return [];
  const names = [RENAMED[resolved] ?? resolved, resolved, given];
  return [...new Set(names)].filter((name) => resolve(name) !== undefined);
}

/** What Intl calls it; undefined where it knows no such zone. */
function resolve(name: string): string | undefined {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}
