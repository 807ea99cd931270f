/** Line icons, drawn here: a font or a package of a thousand would be loaded for twenty. */
const PATHS = {
  phone: 'M6.5 3.5 9 8 7 10c1.3 3 4 5.7 7 7l2-2 4.5 2.5v3c-9 1-17.5-7.5-17-17z',
  missed: 'M6.5 3.5 9 8 7 10c1.3 3 4 5.7 7 7l2-2 4.5 2.5v3c-9 1-17.5-7.5-17-17zM15 3l6 6M21 3l-6 6',
  queue: 'M4 6h11M4 12h11M4 18h7M17 17l2 2 3-4',
  calendar: 'M4 6h16v14H4zM4 10h16M8 3v4M16 3v4',
  day: 'M12 7v5l3 2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z',
  chart: 'M4 20V4M4 20h16M8 16v-4M12 16V8M16 16v-6',
  tools: 'M4 7h10M18 7h2M4 17h2M10 17h10M14 4v6M8 14v6M16 7a2 2 0 1 1-4 0 2 2 0 0 1 4 0z',
  score: 'M5 3h14v18H5zM8 8l1.5 1.5L12 7M14 8.5h2M8 15l1.5 1.5L12 14M14 15.5h2',
  search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5',
  close: 'M6 6l12 12M18 6 6 18',
  alert: 'M12 4 2.5 20h19zM12 10v4M12 17v.5',
  check: 'M4 12.5 9.5 18 20 6.5',
  refresh: 'M20 5v5h-5M4 19v-5h5M19 10a7.5 7.5 0 0 0-13-3M5 14a7.5 7.5 0 0 0 13 3',
  play: 'M7 4l13 8-13 8z',
  pause: 'M7 4h3v16H7zM14 4h3v16h-3z',
  back: 'M4 12h16M4 12l6-6M4 12l6 6',
  skipBack: 'M11 7 5 12l6 5zM19 7l-6 5 6 5z',
  skipOn: 'M13 7l6 5-6 5zM5 7l6 5-6 5z',
  map: 'M12 21s7-6.5 7-11.5a7 7 0 0 0-14 0C5 14.5 12 21 12 21zM12 7.5a2 2 0 1 0 0 4 2 2 0 0 0 0-4z',
  edit: 'M4 20h4L20 8l-4-4L4 16zM14 6l4 4',
  inbox: 'M4 13l3-8h10l3 8v6H4zM4 13h5l1 2h4l1-2h5',
  out: 'M14 4h6v6M20 4l-9 9M18 14v6H4V6h6',
  download: 'M12 4v11M7 10l5 5 5-5M4 20h16',
  print: 'M7 8V3h10v5M7 17H4V9h16v8h-3M7 14h10v7H7z',
  user: 'M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4 21c0-4 3.5-6.5 8-6.5s8 2.5 8 6.5',
  sun: 'M12 7.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.5M17.5 17.5 19 19M19 5l-1.5 1.5M6.5 17.5 5 19',
  plus: 'M12 5v14M5 12h14',
  copy: 'M8 8h12v12H8zM4 16V4h12',
  more: 'M5 12h.5M12 12h.5M19 12h.5',
  voicemail: 'M6 9a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM18 9a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM6 16h12',
  mic: 'M12 3a3 3 0 0 0-3 3v6a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3zM5 11a7 7 0 0 0 14 0M12 18v3',
} as const;
export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

export const Logo = () => (
  <svg className="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <rect width="32" height="32" rx="8" />
    <path d="M10.2 8.4c.7-.7 1.8-.6 2.4.2l1.7 2.4c.5.7.4 1.6-.2 2.2l-1 1c.9 1.9 2.3 3.3 4.2 4.2l1-1c.6-.6 1.5-.7 2.2-.2l2.4 1.7c.8.6.9 1.7.2 2.4l-1.2 1.2c-.8.8-2 1.1-3.1.8-5.2-1.5-9.2-5.5-10.7-10.7-.3-1.1 0-2.3.8-3.1z" />
  </svg>
);
