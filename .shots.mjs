import { mkdirSync } from 'node:fs';
import { chromium } from 'playwright-core';

const base = process.env.BASE ?? 'http://127.0.0.1:3610';
const only = process.argv.slice(2);
const out = '/tmp/shots';
mkdirSync(out, { recursive: true });
const people = await (await fetch(`${base}/console/local/people`)).json();
const company = process.env.COMPANY ?? people.data.companies.find((c) => c.is_demo)?.id ?? people.data.companies[0].id;
const token = async (role, user) =>
  (
    await (
      await fetch(`${base}/console/local/token`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ role, user_id: user, ...(role !== 'admin' && { company_id: company }) }),
      })
    ).json()
  ).data.token;
const tokens = {
  manager: await token('manager', 'manager_jo'),
  csr: await token('csr', 'csr_casey'),
  sales_rep: await token('sales_rep', 'rep_riley'),
  executive: await token('executive', 'exec_sam'),
  admin: await token('admin', 'root'),
};
const get = async (path) =>
  (await (await fetch(`${base}/api/v1${path}`, { headers: { authorization: `Bearer ${tokens.manager}` } })).json())
    .data;
const calls = (await get('/calls')).items;
const booked = calls.find((c) => c.analysis?.booking_status === 'booked') ?? calls[0];
const appts = (await get('/appointments')).items;
const pages = [
  ['signin', null, '/'],
  ['calls', 'manager', '/calls'],
  ['call', 'manager', `/calls/${booked.id}`],
  ['followups', 'csr', '/follow-ups'],
  ['day', 'sales_rep', '/day'],
  ['appointments', 'manager', '/appointments'],
  ['appointment', 'sales_rep', `/appointments/${appts[0]?.id}`],
  ['contact', 'manager', `/contacts/${booked.contact.id}`],
  ['overview', 'executive', '/overview'],
  ['pipelines', 'manager', '/operations/pipelines?show=all'],
  ['webhooks', 'manager', '/operations/webhooks?status=applied'],
  ['deliveries', 'manager', '/operations/deliveries'],
  ['health', 'manager', '/operations/health'],
  ['companies', 'admin', '/operations/companies'],
  ['company', 'admin', `/operations/companies/${company}`],
  ['scorecards', 'manager', '/scorecards'],
];
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
for (const [name, role, path] of pages) {
  if (only.length && !only.includes(name)) continue;
  for (const [width, height] of [
    [1440, 900],
    [390, 844],
  ])
    for (const scheme of ['light', 'dark']) {
      if (process.env.FEW && !((width === 1440 && scheme === 'light') || (width === 390 && scheme === 'dark')))
        continue;
      const context = await browser.newContext({
        viewport: { width, height },
        colorScheme: scheme,
        timezoneId: 'Europe/Berlin',
        locale: 'en-US',
      });
      const page = await context.newPage();
      page.on('console', (m) => {
        if (['error', 'warning'].includes(m.type())) console.log(name, m.text().slice(0, 300));
      });
      page.on('pageerror', (e) => console.log(name, 'PAGEERROR', e.message.slice(0, 300)));
      await page.goto(base + path + (role ? `#token=${tokens[role]}` : ''));
      await page.waitForTimeout(1800);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (wide > 0) console.log(name, width, 'SCROLLS SIDEWAYS', wide);
      await page.screenshot({ path: `${out}/${name}-${width}-${scheme}.png`, fullPage: process.env.FULL === '1' });
      await context.close();
    }
}
await browser.close();
