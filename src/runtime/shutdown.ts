import type { Logger } from './telemetry.ts';

/** A part that does not stop by itself must not keep the process alive. */
const GRACE_MS = 25_000;

/**
 * Runs `stop` once on SIGINT or SIGTERM, then ends the process. npm and the terminal both send the signal, so it may come
 * twice; a second one changes nothing.
 */
export function onShutdown(logger: Logger, stop: () => Promise<void>): void {
  let stopping = false;
  const handle = async (signal: string) => {
    if (stopping) return;
    stopping = true;
    logger.info({ signal }, 'stopping');
    setTimeout(() => process.exit(1), GRACE_MS).unref();
    try {
      await stop();
      process.exit(0);
    } catch (error) {
      logger.error({ err: error }, 'stopping failed');
      process.exit(1);
    }
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
}
