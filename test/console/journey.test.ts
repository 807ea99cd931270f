/** One company's first day by browser alone, in the order in which its people would live it. */
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureConsole } from '../../dev/console.ts';
import { CONTEXT, startBrowser } from '../harness/browser.ts';
import { eventually } from '../harness/poll.ts';
import { recordingLink, type Service, startService, UNTIL_RETRIED } from '../harness/service.ts';

const SHOWN_MS = 30_000;

const found = await startBrowser();
const browser = typeof found === 'string' ? undefined : found;

describe.skipIf(!browser)('a first day in the console', () => {
  let service: Service;
  let page: Page;
  let began = Date.now();
  const took: string[] = [];

  beforeAll(async () => {
    expect(await ensureConsole((line) => process.stderr.write(`${line}\n`))).toBe(true);
    // As in local mode, where recordings are the simulator's and can be played.
    service = await startService({ SHUNYA_BASE_URL: '', ...UNTIL_RETRIED });
    const context = await (browser as Browser).newContext({ ...CONTEXT, viewport: { width: 1280, height: 900 } });
    page = await context.newPage();
    page.setDefaultTimeout(SHOWN_MS);
    began = Date.now();
  }, 240_000);

  afterAll(async () => {
    if (took.length > 0) console.info(`The journey by browser:\n  ${took.join('\n  ')}`);
    await browser?.close();
    await service?.stop();
  });

  const button = (name: string | RegExp, within: Page | Locator = page) =>
    within.getByRole('button', { name, exact: typeof name === 'string' });
  const shows = (text: string | RegExp) => page.getByText(text).first().waitFor();
  const goTo = (name: string) => page.getByRole('navigation').getByRole('link', { name, exact: true }).first().click();
  const switchTo = async (name: string) => {
    await page.locator('button.account').click();
    await page.getByRole('menuitem', { name: /Switch role/ }).click();
    await button(new RegExp(`^${name}`), page.getByRole('dialog')).click();
    await page.locator('button.account', { hasText: name }).waitFor();
  };
  const step = (name: string, run: () => Promise<void>) =>
    it(name, async () => {
      await run();
      took.push(`${((Date.now() - began) / 1000).toFixed(1).padStart(5)} s  ${name}`);
      began = Date.now();
    }, 120_000);

  step('a company, its number and its people are set up', async () => {
    await page.goto(service.baseUrl);
    await button(/^Admin of all companies/).click();
    await button('Add a company').click();
    await page.getByLabel('Name').fill('First Day Roofing');
    await button('Add', page.getByRole('dialog')).click();
    await page.getByLabel('Number', { exact: true }).fill('+1 212 555 0166');
    await button('Add the number').click();
    await shows('(212) 555-0166');
    for (const [id, role, name] of [
      ['jo', 'manager', 'Jo Vandermeer'],
      ['casey', 'csr', 'Casey Lindqvist'],
      ['riley', 'sales_rep', 'Riley Castellanos'],
    ] as const) {
      await page
        .locator('section, .card', { hasText: 'People' })
        .getByRole('button', { name: 'Add', exact: true })
        .last()
        .click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Name').fill(name);
      await dialog.getByLabel('Role').selectOption(role);
      await dialog.getByLabel('User id').fill(id);
      await button('Add', dialog).click();
      await dialog.waitFor({ state: 'detached' });
      await shows(name);
    }
  });

  step('test calls turn the checklist green', async () => {
    await button('Send a test call').click();
    for (const kind of ['a call rings', 'somebody answers', 'a call has ended', 'an analysis is ready'])
      await page.locator('.checklist .done', { hasText: kind }).waitFor();
    await button('Send a missed one').click();
    await page.locator('.checklist .done', { hasText: 'nobody answered' }).waitFor();
  });

  step('the manager listens to the booked call, from the turn that was pressed', async () => {
    await switchTo('Jo Vandermeer');
    await goTo('Calls');
    await page.locator('.call-row', { hasText: 'Booked' }).first().click();
    await button('Play the recording').click();
    const position = () => page.evaluate("document.querySelector('audio').currentTime") as Promise<number>;
    await button('Pause').waitFor();
    await eventually(async () => expect(await position()).toBeGreaterThan(0.2));
    const turns = page.locator('.turn');
    const last = turns.last();
    await last.click();
    await eventually(async () => expect(await last.getAttribute('aria-current')).toBe('true'));
    expect(await page.locator('.turn[aria-current="true"]').count()).toBe(1);
    expect(await position()).toBeGreaterThan(1);
  });

  step('the manager corrects its outcome with a reason', async () => {
    await button('Correct').click();
    await page.getByLabel('The caller is').selectOption('warm');
    await page.getByLabel('Why').fill('They only asked for a price');
    await button('Save the correction').click();
    await shows('Corrected by a person');
  });

  step('the CSR calls the missed caller back', async () => {
    await switchTo('Casey Lindqvist');
    await goTo('Follow-ups');
    const entry = page.locator('.card', { hasText: 'Missed call' });
    await button('I take it', entry).click();
    await shows('Casey Lindqvist has it');
    await button('Done', entry).click();
    await page.getByLabel('Note (optional)').fill('Wants a call on Monday');
    await button('Mark as done').click();
    await shows('Everybody has been called back');
  });

  step('the CSR books an appointment from the call', async () => {
    await goTo('Calls');
    await page.locator('.call-row', { hasText: 'Booked' }).first().click();
    await button('Book an appointment').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Date and time').fill(new Date().toISOString().slice(0, 16));
    await dialog.getByLabel('Sales rep').selectOption({ label: 'Riley Castellanos' });
    await dialog.getByLabel('Address').fill('1420 Maple Street, Springfield');
    await button('Book', dialog).click();
    await dialog.waitFor({ state: 'detached' });
  });

  step('the rep visits, and the analysis of the recording says how it ended', async () => {
    await switchTo('Riley Castellanos');
    await goTo('My day');
    await page
      .locator('.visit', { hasText: '1420 Maple Street' })
      .getByRole('button', { name: 'Start the visit' })
      .click();
    await shows('The visit goes on');
    await button('Stop the visit').click();
    await page.getByLabel('Link to the recording').fill(recordingLink('won'));
    await button('Stop and analyze').click();
    await shows('from the recording');
  });

  step('the manager sees the numbers change', async () => {
    await switchTo('Jo Vandermeer');
    await goTo('Overview');
    for (const [name, count] of [
      ['Calls', 2],
      ['Missed', 1],
      ['Booked', 1],
      ['Won', 1],
    ] as const)
      await page
        .locator('a.stat', { has: page.getByText(name, { exact: true }), hasText: String(count) })
        .first()
        .waitFor();
  });

  step('the manager writes a scorecard', async () => {
    await goTo('Scorecards');
    await button('Write the first version').click();
    await page.getByLabel('Step 1', { exact: true }).fill('Greeting');
    await button('Add a step').click();
    await page.getByLabel('Step 2', { exact: true }).fill('Closing');
    await page.getByLabel('Weight').last().fill('3');
    await page.getByLabel('A caller is qualified when').fill('They own the house');
    await button('Save as a new version').click();
    await page.getByRole('heading', { name: 'Version 1' }).waitFor();
    await shows('75 % of the score');
  });

  step('the manager frees a call that is stuck, with a reason', async () => {
    const mend = await service.shunya.fault({
      type: 'error',
      match: 'booked',
      on: 'submit',
      kind: 'transcription',
      status: 503,
    });
    await switchTo('Admin');
    await goTo('Operations');
    await page.getByRole('link', { name: 'Companies', exact: true }).click();
    await page.getByRole('link', { name: 'First Day Roofing' }).click();
    await button('Send a test call').click();
    await switchTo('Jo Vandermeer');
    await goTo('Operations');
    await shows('Shunya does not transcribe the recording');
    await mend();
    await page.getByRole('checkbox').first().check();
    await button('Retry').click();
    await page.getByLabel('Why').fill('Shunya is back');
    await button('Retry', page.getByRole('dialog')).click();
    await shows('Nothing is stuck');
    await goTo('Calls');
    await eventually(async () => expect(await page.locator('.call-row', { hasText: 'Booked' }).count()).toBe(2));
  });

  step('the new call is scored by the scorecard, the old one is not, and a change makes the next version', async () => {
    await page.locator('.call-row', { hasText: 'Booked' }).first().click();
    await shows('Steps of a good call (scorecard 1)');
    await goTo('Calls');
    await page.locator('.call-row', { hasText: 'Booked' }).last().click();
    await page.getByRole('heading', { name: 'Steps of a good call', exact: true }).waitFor();
    await goTo('Scorecards');
    await button('Make a new version').click();
    await button('Remove step 2').click();
    await button('Save as a new version').click();
    await page.getByRole('heading', { name: 'Version 2' }).waitFor();
    await shows('Greeting, Closing');
  });
});
