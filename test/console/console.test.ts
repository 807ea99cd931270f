/** The console as people use it: a real browser on the real service. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ensureConsole } from '../../dev/console.ts';
import type { Role } from '../../src/domain/user.ts';
import { CONTEXT, openConsole, type Seen, startBrowser } from '../harness/browser.ts';
import { signToken } from '../harness/http.ts';
import { eventually } from '../harness/poll.ts';
import { recordingLink, type Service, startService, type TestCompany, UNTIL_RETRIED } from '../harness/service.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Colors on their way from one to the other have no contrast to judge. */
const TRANSITIONS_ENDED =
  'Promise.allSettled(document.getAnimations().filter((each) => each instanceof CSSTransition).map((each) => each.finished)).then(() => {})';
const SHOWN_MS = 20_000;
const HOSTILE = `<img src=x onerror="window.__hacked=1"><script>window.__hacked=1</script>`;

const found = await startBrowser();
const browser = typeof found === 'string' ? undefined : found;

if (typeof found === 'string') console.warn(`The console was not tested: ${found}`);

describe.skipIf(!browser)('the console', () => {
  let service: Service;
  let company: TestCompany;
  let context: BrowserContext;
  const seen: Seen[] = [];

  beforeAll(async () => {
    expect(await ensureConsole((line) => process.stderr.write(`${line}\n`))).toBe(true);
    service = await startService(UNTIL_RETRIED);
    company = await service.company();
    context = await (browser as Browser).newContext({ ...CONTEXT, viewport: { width: 1280, height: 800 } });
    // It stays, and so does the process of all pages, which ends with its last one.
    await (await context.newPage()).goto(`${service.baseUrl}/livez`);
    for (const [id, role, name] of [
      ['csr', 'csr', 'Casey Lindqvist'],
      ['manager', 'manager', 'Jo Vandermeer'],
      ['sales_rep', 'sales_rep', 'Riley Castellanos'],
    ] as const)
      await service.admin.post(`/companies/${company.id}/users`, { id, role, name, email: `${id}@summit.example` });
  }, 240_000);

  afterEach(async () => {
    for (const { page } of seen.splice(0)) await page.close();
  });

  afterAll(async () => {
    await browser?.close();
    await service?.stop();
  });

  const tokenOf = (role: Role) =>
    signToken(service.env.AUTH_JWT_SECRET, {
      role,
      ...(role !== 'admin' && { companyId: company.id }),
      userId: role,
    });

  const open = async (role: Role, at = '/') => {
    const token = await tokenOf(role);
    const one = await openConsole(context, { baseUrl: service.baseUrl, token, at });
    seen.push(one);
    return one;
  };
  const shows = (page: Page, text: string | RegExp) => page.getByText(text).first().waitFor({ timeout: SHOWN_MS });

  /** A booked call of today, done. */
  const bookedCall = async (customerName: string) => {
    const call = company.simulate({
      customerName,
      recording: recordingLink('booked'),
      agentEmail: 'csr@summit.example',
    });
    await company.play(call);
    return company.callIn(call, 'done');
  };

  it.each(['csr', 'manager', 'executive'] as const)(
    'shows a %s a call as it rings, ends and is judged, without reload',
    async (role) => {
      const { page, complaints } = await open(role, '/calls');
      await page.locator('.feed.live').waitFor({ timeout: SHOWN_MS });
      const customerName = `Wilhelmina ${role}`;
      const call = company.simulate({ customerName, recording: recordingLink('booked') });
      await company.play(call, ['incoming']);
      const row = page.locator('.call-row', { hasText: customerName });
      await row.getByText('Ringing').first().waitFor({ timeout: SHOWN_MS });
      await company.play(call, ['answered']);
      await row.getByText('On the phone').first().waitFor({ timeout: SHOWN_MS });
      await company.play(call, ['completed']);
      await row.getByText('Booked', { exact: true }).waitFor({ timeout: SHOWN_MS });
      expect(page.url()).not.toContain('token');
      expect(complaints).toEqual([]);
    },
  );

  it('shows a sales rep an appointment of today as it is booked', async () => {
    const { page } = await open('sales_rep');
    await shows(page, 'No appointments today');
    await page.locator('.feed.live').waitFor({ timeout: SHOWN_MS });
    const call = await bookedCall('Ines Day');
    // Now, so that it is of today in the company's zone.
    const start = new Date();
    await company.manager.post('/appointments', {
      lead_id: call.lead_id,
      scheduled_start: start.toISOString(),
      assigned_rep_id: 'sales_rep',
      location: '1420 Maple Street, Springfield',
    });
    await shows(page, 'Ines Day');
    await page.getByRole('button', { name: 'Start the visit' }).click();
    await shows(page, 'The visit goes on');
    await page.getByRole('button', { name: 'Stop the visit' }).click();
    await page.getByLabel('Link to the recording').fill(recordingLink('won'));
    await page.getByRole('button', { name: 'Stop and analyze' }).click();
    await shows(page, 'from the recording');
  });

  it('takes an admin to the set-up, which turns green with the first webhook of each kind', async () => {
    const { page } = await open('admin');
    await page.waitForURL('**/operations/companies');
    await page.getByRole('button', { name: 'Add a company' }).click();
    await page.getByLabel('Name').fill('Browser Roofing');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await shows(page, 'A number that customers call');
    await page.getByLabel('Number', { exact: true }).fill('+1 212 555 0188');
    await page.getByRole('button', { name: 'Add the number' }).click();
    await shows(page, '(212) 555-0188');
    await page.getByRole('button', { name: 'Send a test call' }).click();
    for (const kind of ['a call rings', 'somebody answers', 'a call has ended'])
      await page.locator('.checklist .done', { hasText: kind }).waitFor({ timeout: SHOWN_MS });
  });

  it('shows what others wrote as text and runs none of it, and the policy blocks a script in the page', async () => {
    const call = await bookedCall(HOSTILE);
    await company.manager.patch(`/leads/${call.lead_id}`, { notes: HOSTILE });
    await company.manager.patch(`/calls/${call.id}/analysis`, {
      summary: HOSTILE,
      objections: [{ category: HOSTILE, text: HOSTILE, overcome: false, severity: 'low' }],
      appointment_location: HOSTILE,
      reason: 'test',
    });
    await service.sql`update call_transcripts set turns = ${service.sql.json([
      { speaker: HOSTILE, text: HOSTILE, startSeconds: 0, endSeconds: 2 },
    ])} where call_id = ${call.id}`;
    const { page, complaints } = await open('manager');
    for (const at of [
      '/overview',
      `/calls/${call.id}`,
      `/contacts/${call.contact.id}`,
      '/appointments?unscheduled=true',
      '/calls',
    ]) {
      await page.goto(`${service.baseUrl}${at}`);
      await page.locator('h1').waitFor({ timeout: SHOWN_MS });
      if (at.startsWith('/calls')) await shows(page, HOSTILE);
      await page.locator('.skeleton').first().waitFor({ state: 'detached', timeout: SHOWN_MS });
      expect(await page.evaluate('window.__hacked')).toBeUndefined();
      expect(await page.locator('img[src="x"]').count()).toBe(0);
      expect(complaints).toEqual([]);
    }
    await page.evaluate(
      "const script = document.createElement('script'); script.textContent = 'window.__hacked = 1'; document.body.append(script)",
    );
    expect(await page.evaluate('window.__hacked')).toBeUndefined();
    await eventually(() => expect(complaints.join()).toContain('Content Security Policy'));
  });

  it.each(['manager', 'csr', 'sales_rep'] as const)(
    'has as many rows behind each number of the overview of a %s as the API counts',
    async (role) => {
      await bookedCall('Nora Rows');
      const missed = company.simulate({ answered: false, recording: '' });
      await company.play(missed, ['incoming', 'missed']);
      const warm = company.simulate({ recording: recordingLink('not-booked'), agentEmail: 'csr@summit.example' });
      await company.play(warm);
      await company.callIn(warm, 'done');
      const me = service.as(role, company.id);
      const isSelf = role !== 'manager';
      const figures =
        role !== 'sales_rep' && (await me.get(`/metrics/${isSelf ? 'csr/overview/self' : 'exec/csr/overview'}`));
      const sales =
        role !== 'csr' && (await me.get(`/metrics/${isSelf ? 'sales/rep/overview/self' : 'exec/sales/overview'}`));
      const counts: Record<string, number> = {
        ...(figures && {
          Calls: figures.total_calls,
          Answered: figures.answered_calls,
          Missed: figures.missed_calls,
          Qualified: figures.qualified_calls,
          Booked: figures.booked_calls,
          'Qualified, not booked': figures.qualified_but_unbooked_calls,
          'Service not offered': figures.service_not_offered_calls,
          'Not judged yet': figures.pending_analysis_calls,
          'Steps of a good call': figures.analyzed_calls,
          Sentiment: figures.analyzed_calls,
          Analyzed: figures.analyzed_calls,
          'Length of a call': figures.answered_calls,
          'To call back': figures.open_followups,
        }),
        ...(sales && {
          Appointments: sales.total_appointments,
          Visited: sales.completed_appointments,
          Won: sales.won_appointments,
          Lost: sales.lost_appointments,
          Undecided: sales.pending_appointments,
          'Steps of a good visit': sales.completed_appointments,
        }),
      };
      const { page } = await open(role, '/overview');
      if (figures) await page.locator('a.stat', { hasText: 'Missed' }).waitFor({ timeout: SHOWN_MS });
      if (sales) await page.locator('a.stat', { hasText: 'Undecided' }).waitFor({ timeout: SHOWN_MS });
      if (!isSelf) for (const table of ['By CSR', 'By sales rep']) await shows(page, table);
      const links: { href: string; text: string }[] = await page.evaluate(
        "[...document.querySelectorAll('a.stat, td a, .funnel a')].map((link) => ({ href: link.getAttribute('href'), text: (link.querySelector('.name') ?? link.querySelector('span') ?? link).textContent }))",
      );
      expect(links.length).toBeGreaterThan(isSelf ? 4 : 20);
      for (const { href, text } of links) {
        const [path = '', query = ''] = href.split('?');
        // The queue shows what is to do, unless the address says more.
        const { total } = await me.get(
          `${path}?${path === '/follow-ups' ? 'status=open,claimed&' : ''}${query}&limit=1`,
        );
        const name = text.trim();
        // A cell of a table is its number.
        const expected = counts[name] ?? Number(name);
        expect({ name, href, total }).toEqual({ name, href, total: expected });
      }
      if (!figures) return;
      // And the page says so too.
      await page.locator('a.stat', { hasText: 'Missed' }).click();
      await shows(page, new RegExp(`^${figures.missed_calls} calls?$`));
    },
  );

  it('comes back by itself from a lost connection, a 500 and a slow answer', async () => {
    const { page } = await open('manager', '/calls');
    await page.locator('.feed.live').waitFor({ timeout: SHOWN_MS });
    await service.api.kill9();
    await page.locator('.feed.reconnecting').waitFor({ timeout: SHOWN_MS });
    service.api.start();
    await page.locator('.feed.live').waitFor({ timeout: 60_000 });
    const customerName = 'After Outage';
    await company.play(company.simulate({ customerName }), ['incoming']);
    await shows(page, customerName);

    let broken = true;
    await page.route('**/api/v1/pipelines*', (route) =>
      broken
        ? route.fulfill({
            status: 500,
            contentType: 'application/problem+json',
            body: '{"detail":"Broken for the test.","request_id":"r-1"}',
          })
        : route.continue(),
    );
    await page.getByRole('link', { name: 'Operations' }).click();
    await shows(page, 'Broken for the test.');
    await shows(page, 'Request r-1');
    broken = false;
    await shows(page, 'Nothing is stuck');

    await page.route('**/api/v1/appointments*', async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 5000));
      await route.continue();
    });
    await page.getByRole('link', { name: 'Appointments' }).click();
    await shows(page, 'This takes longer than usual');
    await page.getByText('This takes longer than usual').waitFor({ state: 'detached', timeout: SHOWN_MS });
  });

  it('asks to sign in again when the token ends, and loses nothing that was typed', async () => {
    const call = await bookedCall('Ernest Token');
    const { page } = await open('manager', `/calls/${call.id}`);
    await page.getByRole('button', { name: 'Correct' }).click();
    await page.getByLabel('Why').fill('I heard it myself');
    await page.getByLabel('The call is').selectOption('not_booked');
    await page.route('**/api/v1/calls/*/analysis', (route) => route.fulfill({ status: 401, body: '{}' }));
    await page.getByRole('button', { name: 'Save the correction' }).click();
    await shows(page, 'Your sign-in has ended.');
    await page.unroute('**/api/v1/calls/*/analysis');
    await page.getByText('Use an access token').click();
    await page.getByLabel('Access token').fill(await tokenOf('manager'));
    await page.getByRole('button', { name: 'Sign in with the token' }).click();
    await page.getByText('Your sign-in has ended.').waitFor({ state: 'detached', timeout: SHOWN_MS });
    expect(await page.getByLabel('Why').inputValue()).toBe('I heard it myself');
    await page.getByRole('button', { name: 'Save the correction' }).click();
    await shows(page, 'Corrected by a person');
    expect((await company.manager.get(`/calls/${call.id}`)).analysis.booking_status).toBe('not_booked');
    expect(await page.evaluate('JSON.stringify(localStorage)')).not.toContain('eyJ');
  });

  it('shows an operator in words what is stuck, and retries it with a reason', async () => {
    const mend = await service.shunya.fault({
      type: 'error',
      match: 'console-stuck',
      on: 'submit',
      kind: 'transcription',
      status: 500,
    });
    const call = company.simulate({ customerName: 'Stuck Caller', recording: recordingLink('booked-console-stuck') });
    await company.play(call);
    const { page } = await open('manager', '/operations/pipelines');
    await page.getByText('Shunya does not transcribe the recording').first().waitFor({ timeout: 60_000 });
    await mend();
    await page.getByRole('checkbox').first().check();
    await page.getByRole('button', { name: 'Retry', exact: true }).click();
    await page.getByLabel('Why').fill('Shunya is back');
    await page.getByRole('dialog').getByRole('button', { name: 'Retry' }).click();
    await shows(page, 'Nothing is stuck');
    await company.callIn(call, 'done');
  });

  describe('every page', () => {
    const PAGES: [Role, string][] = [
      ['manager', '/calls'],
      ['manager', '/calls/:call'],
      ['csr', '/follow-ups'],
      ['sales_rep', '/day'],
      ['manager', '/appointments'],
      ['manager', '/appointments/:appointment'],
      ['manager', '/contacts/:contact'],
      ['executive', '/overview'],
      ['manager', '/operations/pipelines?show=all'],
      ['manager', '/operations/webhooks?status=applied'],
      ['manager', '/operations/deliveries'],
      ['manager', '/operations/health'],
      ['admin', '/operations/companies'],
      ['admin', '/operations/companies/:company'],
      ['manager', '/scorecards'],
    ];
    /** A window for each role: to open one takes longer than to show a page in it. */
    const windows = new Map<Role, Seen>();
    afterAll(async () => {
      for (const { page } of windows.values()) await page.close();
    });
    const show = async (role: Role, at: string): Promise<Seen> => {
      const known = windows.get(role);
      if (known) {
        await known.page.goto(`${service.baseUrl}${at}`);
        return known;
      }
      const token = await tokenOf(role);
      const opened = await openConsole(context, { baseUrl: service.baseUrl, token, at });
      windows.set(role, opened);
      return opened;
    };

    it.each(PAGES)('has no serious fault of accessibility and fits a phone: %s %s', async (role, address) => {
      const { items } = await company.manager.get('/calls?booking_status=booked&limit=1');
      const call = items[0] ?? (await bookedCall('Axel Access'));
      const appointments = await company.manager.get('/appointments?limit=1');
      const at = address
        .replace(':call', call.id)
        .replace(':contact', call.contact.id)
        .replace(':appointment', appointments.items[0]?.id ?? '')
        .replace(':company', company.id);
      const { page, complaints } = await show(role, at);
      await page.locator('h1').waitFor({ timeout: SHOWN_MS });
      await page.locator('.skeleton').first().waitFor({ state: 'detached', timeout: SHOWN_MS });
      await page.evaluate(`${AXE}; undefined`);
      for (const dark of [false, true]) {
        await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light' });
        await page.setViewportSize({ width: dark ? 390 : 1440, height: 800 });
        await page.evaluate(TRANSITIONS_ENDED);
        expect(await seriousFaults(page)).toEqual([]);
        const sideways = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
        expect(sideways).toBeLessThanOrEqual(0);
        expect(complaints).toEqual([]);
      }
    });
  });
});

/** What axe-core finds that keeps somebody from using the page. */
async function seriousFaults(page: Page): Promise<string[]> {
  const { violations } = (await page.evaluate(
    'axe.run(document, { resultTypes: ["violations"], preload: false })',
  )) as {
    violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[];
  };
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 200)} ${nodes[0]?.failureSummary}`);
}
