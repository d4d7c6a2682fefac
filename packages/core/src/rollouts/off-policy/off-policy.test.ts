import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../monitoring/random';
import { rejection, thrownBy } from '../../testing/test-kit.fixture';
import type { LoggedDecision } from '../rewards/logged-decision';
import { estimateOffPolicy } from './estimate-off-policy';
import { alwaysArm, createOffPolicyEstimator, type OffPolicyReport } from './estimator';
import type { OffPolicyOptions } from './options';

const z95 = 1.959963984540054;

function reportOf(decisions: readonly LoggedDecision[], options: OffPolicyOptions): OffPolicyReport {
  const estimator = createOffPolicyEstimator(options);
  for (const decision of decisions) estimator.add(decision);
  return estimator.report();
}

const propensity = fc.double({ min: 0.05, max: 1, noNaN: true });
const decision = fc.record({
  id: fc.constant('x'),
  at: fc.constant(0),
  arm: fc.constantFrom('a', 'b', 'c'),
  propensity,
  reward: fc.double({ min: -5, max: 5, noNaN: true }),
});
const chances = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 9 })).map(([a, b]) => {
  const sum = a + b + 3;
  return { a: a / sum, b: b / sum, c: 3 / sum };
});

describe('createOffPolicyEstimator', () => {
  it('is what its formulas say, computed from all decisions at once', () => {
    fc.assert(
      fc.property(fc.array(decision, { minLength: 2, maxLength: 60 }), chances, (decisions, policy) => {
        const report = reportOf(decisions, { policy: () => policy });
        const n = decisions.length;
        const w = decisions.map((d) => policy[d.arm as 'a'] / d.propensity);
        const r = decisions.map((d) => d.reward);
        const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
        const ips = sum(w.map((weight, i) => weight * (r[i] as number))) / n;
        const spread = sum(w.map((weight, i) => (weight * (r[i] as number) - ips) ** 2));
        // A policy that takes none of the arms that were tried has no estimate by weights: 0, of a sample of 0, with a warning.
        const divide = (value: number, by: number) => (by === 0 ? 0 : value / by);
        const self = divide(sum(w.map((weight, i) => weight * (r[i] as number))), sum(w));
        const selfSpread = sum(w.map((weight, i) => weight ** 2 * ((r[i] as number) - self) ** 2));
        expect(report.decisions).toBe(n);
        expect(report.logged.value).toBeCloseTo(sum(r) / n, 9);
        expect(report.ips.value).toBeCloseTo(ips, 9);
        expect(report.ips.standardError).toBeCloseTo(Math.sqrt(spread / (n - 1) / n), 9);
        expect(report.ips.upper).toBeCloseTo(ips + z95 * report.ips.standardError, 9);
        expect(report.selfNormalised.value).toBeCloseTo(self, 9);
        expect(report.selfNormalised.standardError).toBeCloseTo(divide(Math.sqrt(selfSpread), sum(w)), 6);
        const effective = divide(sum(w) ** 2, sum(w.map((weight) => weight ** 2)));
        expect(report.effectiveSampleSize).toBeCloseTo(effective, 9);
        if (sum(w) === 0) expect(report.warnings.join()).toContain('The effective sample size is 0.0');
        expect(report.meanWeight).toBeCloseTo(sum(w) / n, 9);
        expect(report.largestWeight).toBeCloseTo(Math.max(...w), 12);
      }),
      { numRuns: 200 },
    );
  });

  it('is doubly robust by the means of the decisions before', () => {
    const decisions: LoggedDecision[] = [
      { id: '1', at: 0, arm: 'a', propensity: 0.5, reward: 4 },
      { id: '2', at: 1, arm: 'b', propensity: 0.25, reward: 1 },
      { id: '3', at: 2, arm: 'b', propensity: 0.5, reward: 2 },
    ];
    const report = reportOf(decisions, { policy: () => ({ a: 0.5, b: 0.5 }) });
    // 1: nothing is known, q is 0: w = 1, 4. 2: q(a) = (4 + 4) / 2, q(b) = 4 / 1: w = 2, 4 + 2 (1 − 4).
    // 3: the mean of all is 2.5, q(a) = (4 + 2.5) / 2, q(b) = (1 + 2.5) / 2: w = 1.
    const third = 0.5 * 3.25 + 0.5 * 1.75 + (2 - 1.75);
    expect(report.doublyRobust.value).toBeCloseTo((4 - 2 + third) / 3, 12);
  });

  it('takes a model of rewards as it is', () => {
    const decisions: LoggedDecision[] = [
      { id: '1', at: 0, arm: 'a', propensity: 0.5, reward: 4, context: [2] },
      { id: '2', at: 1, arm: 'b', propensity: 0.5, reward: 1, context: [3] },
    ];
    const rewardModel = (arm: string, context: readonly number[] | undefined) =>
      (arm === 'a' ? 10 : 20) * (context?.[0] as number);
    const report = reportOf(decisions, { policy: alwaysArm('a'), rewardModel });
    expect(report.doublyRobust.value).toBeCloseTo((20 + 2 * (4 - 20) + 30) / 2, 12);
  });

  /** Decisions of a uniform policy over two arms whose rewards follow the context: a earns x, b earns 1 − x, with noise. */
  function contextual(seed: number, count: number): LoggedDecision[] {
    const random = createRandom(seed);
    return Array.from({ length: count }, (_, i) => {
      const x = random();
      const share = 0.2 + 0.6 * x;
      const arm = random() < share ? 'a' : 'b';
      const reward = (arm === 'a' ? x : 1 - x) + random() - 0.5;
      return { id: String(i), at: i, arm, propensity: arm === 'a' ? share : 1 - share, context: [x], reward };
    });
  }
  /** Earns x above ½ and 1 − x below: ¾. */
  const best = ({ context }: LoggedDecision): Record<string, number> =>
    (context?.[0] as number) > 0.5 ? { a: 1 } : { b: 1 };

  it('covers the truth about as often as it says, and with a model more narrowly', () => {
    const covered = { ips: 0, selfNormalised: 0, doublyRobust: 0 };
    const widths = { ips: 0, selfNormalised: 0, doublyRobust: 0 };
    const values = { ips: 0, selfNormalised: 0, doublyRobust: 0 };
    const repeats = 300;
    for (let seed = 0; seed < repeats; seed++) {
      const report = reportOf(contextual(seed, 400), { policy: best, rewardModel: 'linear' });
      for (const name of ['ips', 'selfNormalised', 'doublyRobust'] as const) {
        const { lower, upper, value } = report[name];
        if (lower <= 0.75 && 0.75 <= upper) covered[name]++;
        widths[name] += (upper - lower) / repeats;
        values[name] += value / repeats;
      }
    }
    for (const name of ['ips', 'selfNormalised', 'doublyRobust'] as const) {
      // 95 % of 300 is 285, give or take 3.8.
      expect(covered[name]).toBeGreaterThan(285 - 4 * 3.8);
      expect(Math.abs(values[name] - 0.75)).toBeLessThan((4 * widths[name]) / (2 * z95) / Math.sqrt(repeats));
    }
    expect(widths.doublyRobust).toBeLessThan(0.75 * widths.ips);
  });

  it('keeps its digits where all rewards are large', () => {
    const decisions = contextual(1, 500);
    const plain = reportOf(decisions, { policy: best });
    const raised = reportOf(
      decisions.map((one) => ({ ...one, reward: (one.reward as number) + 1e9 })),
      { policy: best },
    );
    expect(raised.selfNormalised.value - 1e9).toBeCloseTo(plain.selfNormalised.value, 5);
    expect(raised.selfNormalised.standardError).toBeCloseTo(plain.selfNormalised.standardError, 5);
  });

  it('cuts weights, and says what that took', () => {
    const decisions = [0.1, 0.5, 0.5].map((chance, i) => ({
      id: `${i}`,
      at: i,
      arm: 'a',
      propensity: chance,
      reward: 1,
    }));
    const report = reportOf(decisions, { policy: alwaysArm('a'), maxWeight: 4 });
    expect(report.ips.value).toBeCloseTo((4 + 2 + 2) / 3, 12);
    expect(report.clipped).toEqual({ decisions: 1, share: expect.closeTo(6 / 14, 12) });
    expect(report.largestWeight).toBe(4);
    expect(report.warnings).toEqual([
      expect.stringContaining('effective'),
      expect.stringContaining('1 weights were cut'),
    ]);
  });

  it('says so where the policy takes what was never tried, or propensities are wrong', () => {
    const untried = reportOf(contextual(2, 1000), { policy: () => ({ a: 0.25, b: 0.25, c: 0.5 }) });
    expect(untried.unsupported).toBeCloseTo(0.5, 12);
    expect(untried.warnings).toEqual([
      expect.stringContaining('50 % of the policy'),
      expect.stringContaining('Weights average 0.5'),
    ]);
    const wrong = contextual(2, 1000).map((one) => ({ ...one, propensity: one.propensity / 2 }));
    expect(reportOf(wrong, { policy: best }).warnings).toEqual([expect.stringContaining('propensities are wrong')]);
    expect(reportOf(contextual(2, 1000), { policy: best }).warnings).toEqual([]);
  });

  it('never takes a missing reward for a zero, unless it is told to', () => {
    const decisions: LoggedDecision[] = [
      { id: '1', at: 0, arm: 'a', propensity: 1, reward: 1 },
      { id: '2', at: 0, arm: 'a', propensity: 1 },
    ];
    const left = reportOf(decisions, { policy: alwaysArm('a') });
    expect(left).toMatchObject({ decisions: 1, withoutReward: 1, ips: { value: 1 } });
    const zero = reportOf(decisions, { policy: alwaysArm('a'), missingReward: 0 });
    expect(zero).toMatchObject({ decisions: 2, withoutReward: 0, ips: { value: 0.5 } });
  });

  it('survives JSON, also where nothing that was tried is the policy’s', () => {
    const report = reportOf([{ id: '1', at: 0, arm: 'a', propensity: 1, reward: 1 }], { policy: alwaysArm('b') });
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    expect(report).toMatchObject({ ips: { value: 0 }, unsupported: 1, effectiveSampleSize: 0 });
  });

  it('names what is wrong, and counts nothing then', () => {
    const good: LoggedDecision = { id: 'good', at: 0, arm: 'a', propensity: 0.5, reward: 1 };
    for (const [bad, policy, field] of [
      [{ ...good, propensity: 0 }, alwaysArm('a'), 'propensity'],
      [{ ...good, propensity: 2 }, alwaysArm('a'), 'propensity'],
      [{ ...good, reward: Number.NaN }, alwaysArm('a'), 'reward'],
      [good, () => ({ a: 0.5 }), 'policy'],
      [good, () => ({ a: 1.5, b: -0.5 }), 'policy'],
      [good, () => undefined as unknown as Record<string, number>, 'policy'],
    ] as const) {
      const estimator = createOffPolicyEstimator({ policy });
      expect(thrownBy(() => estimator.add(bad), 'INVALID_INPUT').details).toMatchObject({ field, id: 'good' });
      expect(thrownBy(() => estimator.report(), 'NOT_FOUND').details.field).toBe('decisions');
    }
    const broken = createOffPolicyEstimator({ policy: alwaysArm('a'), rewardModel: () => Number.NaN });
    expect(thrownBy(() => broken.add(good), 'INVALID_INPUT').details.field).toBe('rewardModel');
    for (const [options, field] of [
      [{ policy: 'a' }, 'policy'],
      [{ policy: alwaysArm('a'), maxWeight: 0.5 }, 'maxWeight'],
      [{ policy: alwaysArm('a'), confidence: 1 }, 'confidence'],
      [{ policy: alwaysArm('a'), rewardModel: 'tree' }, 'rewardModel'],
    ] as const) {
      const call = () => createOffPolicyEstimator(options as unknown as OffPolicyOptions);
      expect(thrownBy(call, 'INVALID_OPTION').details.field).toBe(field);
    }
  });

  describe('estimateOffPolicy', () => {
    it('reads decisions one by one, tells how far it is, and can be aborted', async () => {
      const decisions = contextual(3, 2500);
      const progress: number[] = [];
      const controller = new AbortController();
      let read = 0;
      async function* source() {
        for (const one of decisions) {
          read++;
          yield one;
        }
      }
      const report = await estimateOffPolicy(source(), {
        policy: best,
        onProgress: (count) => void progress.push(count),
      });
      expect(report).toEqual(reportOf(decisions, { policy: best }));
      expect(progress).toEqual([1000, 2000]);
      read = 0;
      const aborted = estimateOffPolicy(source(), {
        policy: best,
        signal: controller.signal,
        onProgress: () => controller.abort(),
      });
      await rejection(aborted, 'ABORTED');
      expect(read).toBe(1001);
    });

    it('refuses what is no iterable', async () => {
      const call = estimateOffPolicy(7 as unknown as LoggedDecision[], { policy: best });
      expect((await rejection(call, 'INVALID_ARGUMENT')).details.field).toBe('decisions');
    });
  });
});
