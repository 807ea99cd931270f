import { describe, expect, it } from 'vitest';
import { weightedScore } from './scorecard.ts';

const STAGES = [
  { key: 'greeting', name: 'Greeting', weight: 1 },
  { key: 'needs_assessment', name: 'Needs assessment', weight: 3 },
  { key: 'closing', name: 'Closing', weight: 4 },
];
const score = (stagesFollowed: string[], stagesMissed: string[]) =>
  weightedScore(STAGES, { stagesFollowed, stagesMissed });

describe('weightedScore', () => {
  it('weighs the stages that were followed against those that apply', () => {
    expect(score(['greeting', 'needs_assessment'], ['closing'])).toBe(0.5);
    expect(score(['closing'], [])).toBe(1);
    expect(score([], ['closing'])).toBe(0);
  });

  it('leaves out a stage that the analysis does not name', () => {
    expect(score(['greeting'], ['needs_assessment'])).toBe(0.25);
  });

  it('finds a stage by its key or its name, however they are spelled', () => {
    expect(score(['GREETING', 'Needs-Assessment'], ['Closing'])).toBe(0.5);
    const [renamed] = STAGES.map((stage) => ({ ...stage, name: 'Welcome' }));
    expect(weightedScore(renamed ? [renamed] : [], { stagesFollowed: ['welcome'], stagesMissed: [] })).toBe(1);
  });

  it('counts a stage in both lists as missed', () => {
    expect(score(['greeting', 'closing'], ['closing'])).toBe(0.2);
  });

  it('is null where no stage applies', () => {
    expect(score([], [])).toBeNull();
    expect(score(['upsell'], ['farewell'])).toBeNull();
    expect(weightedScore([], { stagesFollowed: ['greeting'], stagesMissed: [] })).toBeNull();
  });
});
