/** Answers that help: what was wrong, and what to do. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/api/http/errors.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';
import { type CompanyRows, makeCompany } from '../harness/rows.ts';

let api: ApiApp;
let rows: CompanyRows;
beforeAll(async () => {
  api = await startApiApp();
  rows = await makeCompany(api.db);
});
afterAll(() => api.stop());

describe('an error', () => {
  it('never says the same twice', () => {
    for (const [code, { title, detail }] of Object.entries(ERROR_CODES))
      expect([code, detail.replace(/\.$/, '')]).not.toEqual([code, title]);
  });

  it('names the roles that may, where the caller’s may not', async () => {
    const csr = await api.as('csr', rows.companyId);
    const refused = await csr.delete(`/contacts/${(await rows.lead()).contactId}`);
    expect([refused.status, refused.body.detail]).toEqual([403, 'csr may not do this; manager or admin may.']);
    const admin = await api.as('admin', undefined);
    expect((await admin.get('/calls')).body.detail).toBe(
      'admin may not do this; csr or sales_rep or manager or executive may.',
    );
  });

  it('names a query parameter that the operation does not know', async () => {
    const csr = await api.as('csr', rows.companyId);
    const mistyped = await csr.get('/calls?statuss=missed&limit=1');
    expect([mistyped.status, mistyped.body.errors[0].path]).toEqual([422, 'statuss']);
    expect(mistyped.body.errors[0].message).toContain('status');
    expect((await csr.get('/me?x=1')).status).toBe(422);
    expect((await csr.get('/calls?utm_source=mail&_=17&limit=1')).status).toBe(200);
  });
});

describe('metrics of oneself', () => {
  it('show the calls that name nobody apart, and round to four places', async () => {
    const company = await makeCompany(api.db);
    for (const [csrId, bookingStatus] of [
      ['dana', 'booked'],
      ['dana', 'not_booked'],
      [null, 'not_booked'],
    ] as const) {
      const call = await company.call({ csrId });
      await company.analysis(call.id, { qualification: 'hot', bookingStatus, complianceScore: 0.7 });
    }
    const dana = await api.as('csr', company.companyId, 'dana');
    const { data } = (await dana.get('/metrics/csr/overview/self')).body;
    expect(data).toMatchObject({ total_calls: 3, booking_rate: 0.3333, avg_compliance_score: 7 });
    expect(data.mine).toMatchObject({ total_calls: 2, booking_rate: 0.5 });
    expect(data.unassigned).toMatchObject({ total_calls: 1, booking_rate: 0 });
  });
});
