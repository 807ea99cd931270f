/** Times, numbers and names as the viewer reads them: the viewer's language, the company's time zone. */
export const viewerZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
let zone = viewerZone;
/** Set once the company is known. */
export const setCompanyZone = (name: string | undefined): void => {
  zone = name ?? viewerZone;
};
export const companyZone = (): string => zone;

const formats = new Map<string, Intl.DateTimeFormat>();
function format(at: Date, options: Intl.DateTimeFormatOptions, timeZone = zone): string {
  const key = JSON.stringify([options, timeZone]);
  const made = formats.get(key) ?? new Intl.DateTimeFormat(undefined, { ...options, timeZone });
  formats.set(key, made);
  return made.format(at);
}

export const timeOf = (iso: string) => format(new Date(iso), { hour: 'numeric', minute: '2-digit' });
export const dayOf = (iso: string) => format(new Date(iso), { weekday: 'short', month: 'short', day: 'numeric' });
export const fullTime = (iso: string, timeZone = zone) =>
  format(new Date(iso), { dateStyle: 'full', timeStyle: 'long' }, timeZone);
export const secondTime = (iso: string) =>
  format(new Date(iso), { hour: 'numeric', minute: '2-digit', second: '2-digit' });
/** A calendar day that has no time. */
export const dayName = (day: string, options: Intl.DateTimeFormatOptions = { month: 'short', day: 'numeric' }) =>
  format(new Date(`${day}T12:00:00Z`), options, 'UTC');

/** The day of a moment in the company's zone, YYYY-MM-DD. */
export const isoDay = (at: Date | string = new Date()) =>
  new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short' }).format(new Date(at));
export function addDays(day: string, days: number): string {
  return new Date(Date.parse(`${day}T12:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}
export const countDays = (from: string, to: string) => Math.round((Date.parse(to) - Date.parse(from)) / 86_400_000) + 1;

export const isSameDay = (iso: string, day = isoDay()) => isoDay(iso) === day;

/** `9:05 AM` today, `Mar 14, 9:05 AM` on another day. */
export const shortMoment = (iso: string) => (isSameDay(iso) ? timeOf(iso) : `${dayOf(iso)}, ${timeOf(iso)}`);

/** How the zone's clock stands to the viewer's: undefined where they agree. */
export function zoneDiffers(): boolean {
  const now = new Date();
  const read = (timeZone: string) => now.toLocaleString('sv-SE', { timeZone });
  return read(zone) !== read(viewerZone);
}

/**
 * `2026-03-14T09:00` on the company's clock as a moment with its offset, which the API takes as it stands.
 * The offset is read at that time, so that summer time counts.
 */
export function withOffset(local: string): string {
  const asUtc = Date.parse(`${local}:00Z`);
  const offsetAt = (at: number) => {
    const shown = new Date(at).toLocaleString('sv-SE', { timeZone: zone }).replace(' ', 'T');
    return Date.parse(`${shown}Z`) - Math.floor(at / 1000) * 1000;
  };
  const offset = offsetAt(asUtc - offsetAt(asUtc));
  const minutes = Math.abs(Math.round(offset / 60_000));
  const pad = (value: number) => String(value).padStart(2, '0');
  return `${local}:00${offset < 0 ? '-' : '+'}${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`;
}
/** The other way: for `<input type="datetime-local">`. */
export const toLocalInput = (iso: string) =>
  new Date(iso).toLocaleString('sv-SE', { timeZone: zone }).replace(' ', 'T').slice(0, 16);

/** `3:04`, `1:02:03` */
export function duration(seconds: number | null): string {
  if (seconds === null) return '–';
  const whole = Math.round(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  return h > 0
    ? `${h}:${String(m).padStart(2, '0')}:${String(s).padStart(2, '0')}`
    : `${m}:${String(s).padStart(2, '0')}`;
}

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'short' });
export function ago(iso: string, now = Date.now()): string {
  const seconds = (Date.parse(iso) - now) / 1000;
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [
    ['day', 86_400],
    ['hour', 3600],
    ['minute', 60],
  ];
  for (const [unit, size] of steps)
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
  return relative.format(Math.round(seconds), 'second');
}
/** A length of time in words: `2 h 5 min`. */
export function spell(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
  return `${Math.round(seconds / 86_400)} days`;
}

const numbers = new Intl.NumberFormat();
export const number = (value: number) => numbers.format(value);
const oneDigit = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
export const decimal = (value: number) => oneDigit.format(value);
const percents = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 0 });
export const percent = (share: number) => percents.format(share);

/** North American numbers as people write them; others as they are. */
export function phone(e164: string | null): string {
  if (!e164) return 'Withheld number';
  const match = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(e164);
  return match ? `(${match[1]}) ${match[2]}-${match[3]}` : e164;
}
export const callerName = (contact: { name: string | null; phone_number: string | null }) =>
  contact.name?.trim() || phone(contact.phone_number);
