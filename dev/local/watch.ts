import { watch } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDERS = ['src', 'drizzle'].map((name) => fileURLToPath(new URL(`../../${name}`, import.meta.url)));
/** An editor or a checkout writes several files at once. */
const SETTLE_MS = 200;

/**
 * Calls back when the product's files have changed and settled, never twice at a time: changes meanwhile call it again after.
 * @returns ends the watch
 */
export function watchProduct(onChange: (file: string) => Promise<void>): () => void {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let changed: string | undefined;
  const settle = () => {
    if (running || changed === undefined) return;
    const file = changed;
    changed = undefined;
    running = onChange(file).finally(() => {
      running = undefined;
      settle();
    });
  };
  const watchers = FOLDERS.map((folder) =>
    watch(folder, { recursive: true }, (_, name) => {
      if (!name || name.endsWith('.test.ts')) return;
      changed = name;
      clearTimeout(timer);
      timer = setTimeout(settle, SETTLE_MS);
    }),
  );
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}
