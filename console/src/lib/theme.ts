/** Light, dark, or as the device says. Kept for the next visit; it is no secret. */
export type Theme = 'system' | 'light' | 'dark';
const KEY = 'callwright.theme';

export const readTheme = (): Theme => {
  const stored = localStorage.getItem(KEY);
  return stored === 'light' || stored === 'dark' ? stored : 'system';
};

export function applyTheme(theme: Theme = readTheme()): void {
  if (theme === 'system') localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, theme);
  document.documentElement.dataset.theme = theme;
}
