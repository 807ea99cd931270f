/** Scorecards: versions that never change, and the scores that name them. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { shunyaJobs } from '../../src/db/schema/index.ts';
import { storeResult } from '../../src/services/analysis/results.ts';
import { type ApiApp, startApiApp } from '../harness/apiApp.ts';
import { type CompanyRows, makeCompany } from '../harness/rows.ts';

type Caller = Awaited<ReturnType<ApiApp['as']>>;

let api: ApiApp;
let rows: CompanyRows;
let manager: Caller;
let path: string;

beforeAll(async () => {
  api = await startApiApp();
});
afterAll(() => api.stop());
beforeEach(async () => {
  rows = await makeCompany(api.db);
  manager = await api.as('manager', rows.companyId);
  path = `/companies/${rows.companyId}/scorecard`;
});

const STAGES = [
  { name: 'Greeting', weight: 1 },
  { name: 'Needs assessment', weight: 2 },
  { name: 'Booking', weight: 3, description: 'Offers a time' },
];

describe('a scorecard', () => {
  it('is version 0 before there is one, and each change makes the next', async () => {
    expect((await manager.get(path)).body.data).toMatchObject({ version: 0, stages: [], created_at: null });
    const first = await manager.put(path, { stages: STAGES, qualification_criteria: 'Owns the house' });
    expect(first.body.data).toMatchObject({
      version: 1,
      stages: [
        { key: 'greeting', name: 'Greeting', weight: 1, description: null },
        { key: 'needs_assessment' },
        { key: 'booking', description: 'Offers a time' },
      ],
      qualification_criteria: 'Owns the house',
      created_by: 'manager',
    });
    // The same again is no change.
    expect(await manager.put(path, { stages: STAGES, qualification_criteria: 'Owns the house' })).toMatchObject({
      status: 200,
      body: { data: { version: 1 } },
    });
    expect((await manager.put(path, { stages: STAGES.slice(1) })).body.data.version).toBe(2);
    const versions = await manager.get(`${path}/versions?limit=1`);
    expect(versions.body.data).toMatchObject({ total: 2, items: [{ version: 2 }] });
    const older = await manager.get(`${path}/versions?cursor=${versions.body.data.next_cursor}`);
    expect(older.body.data.items).toMatchObject([{ version: 1, qualification_criteria: 'Owns the house' }]);
    expect((await manager.get('/audit?action=scorecard.update')).body.data.total).toBe(2);
  });

  it('made by two at once gets two versions', async () => {
    const puts = STAGES.map((stage) => manager.put(path, { stages: [stage] }));
    const versions = (await Promise.all(puts)).map(({ body }) => body.data.version);
    expect(
      new Set((await manager.get(`${path}/versions`)).body.data.items.map((each: { version: number }) => each.version)),
    ).toEqual(new Set([1, 2, 3]));
    expect(Math.max(...versions)).toBe(3);
  });

  it('that is wrong names the field', async () => {
    const wrong = async (body: object) => {
      const { status, body: problem } = await manager.put(path, body);
      return [status, problem.errors[0].path];
    };
    expect(await wrong({ stages: [] })).toEqual([422, 'stages']);
    expect(await wrong({ stages: [{ name: 'A', weight: 0 }] })).toEqual([422, 'stages.0.weight']);
    expect(
      await wrong({
        stages: [
          { name: 'A', weight: 1 },
          { name: 'a!', weight: 1 },
        ],
      }),
    ).toEqual([422, 'stages.1.key']);
    expect((await manager.put('/companies/nowhere/scorecard', { stages: STAGES })).status).toBe(404);
  });
});

describe('an analysis', () => {
  async function analyzed() {
    const call = await rows.call({ stage: 'analyzing' });
    await rows.run(call.id, { state: 'running' });
    const job = {
      id: randomUUID(),
      companyId: rows.companyId,
      subjectKind: 'call' as const,
      subjectId: call.id,
      generation: 1,
      kind: 'analysis' as const,
    };
    await api.db.insert(shunyaJobs).values({
      ...job,
      shunyaCallId: Math.floor(Math.random() * 2 ** 52),
      idempotencyKey: job.id,
      attempt: 1,
      state: 'submitted',
    });
    const raw = {
      compliance: {
        compliance_score: 0.5,
        stages_followed: ['Greeting', 'booking'],
        stages_missed: ['Needs Assessment'],
      },
    };
    await api.db.transaction((tx) => storeResult(tx, job, raw));
    return call.id;
  }
  const read = async (id: string) => (await manager.get(`/calls/${id}/analysis`)).body.data;

  it('is scored by the version of its moment, and keeps that score', async () => {
    const before = await read(await analyzed());
    expect([before.scorecard_version, before.weighted_score]).toEqual([null, null]);
    await manager.put(path, { stages: STAGES });
    const id = await analyzed();
    const scored = await read(id);
    expect([scored.scorecard_version, scored.sop_compliance.score]).toEqual([1, 0.5]);
    expect(scored.weighted_score).toBeCloseTo(4 / 6);
    await manager.put(path, { stages: STAGES.slice(0, 1) });
    expect((await read(id)).weighted_score).toBeCloseTo(4 / 6);
    // A correction of the stages is scored by the version that the analysis names.
    await manager.patch(`/calls/${id}/analysis`, {
      sop_compliance: { stages_followed: ['Greeting', 'Booking', 'Needs assessment'], stages_missed: [] },
      reason: 'heard it',
    });
    expect(await read(id)).toMatchObject({ scorecard_version: 1, weighted_score: 1 });
  });
});
