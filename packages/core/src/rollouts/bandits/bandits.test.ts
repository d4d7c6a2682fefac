import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../monitoring/random';
import { type ArmEvidence, championArm, type EvidenceSummary, type Strategy, type StrategyState } from '../contracts';
import { epsilonGreedy } from './epsilon-greedy';
import { linUcb } from './lin-ucb';
import { thompson } from './thompson';
import { ucb1 } from './ucb1';

const arms = [championArm, 'a', 'b'];
/** What a call throws. */
function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('It threw nothing.');
}

const now = { epochMs: 0, approved: false };

/** A state after rewards, each given as arm, reward and context. */
function learnAll(
  strategy: Strategy,
  rewards: readonly (readonly [arm: string, reward: number, context?: readonly number[] | undefined])[],
): StrategyState {
  let state = strategy.start(['a', 'b'], 0);
  for (const [arm, reward, context] of rewards) state = strategy.learn?.(state, arm, reward, context) as StrategyState;
  return state;
}

function choose(strategy: Strategy, state: StrategyState, uniform: number, context?: readonly number[], among = arms) {
  const choice = strategy.choose?.(state, context, () => uniform, among);
  if (choice === undefined) throw new Error('no choice');
  return choice;
}

/** How much of [0, 1) leads to each arm, from choices alone, and the propensities that they told. */
function sharesByChoices(strategy: Strategy, state: StrategyState, context?: readonly number[], among = arms) {
  const found: Record<string, { share: number; propensity: number }> = {};
  const steps = 20_000;
  for (let i = 0; i < steps; i++) {
    const { arm, propensity } = choose(strategy, state, (i + 0.5) / steps, context, among);
    found[arm] = { share: (found[arm]?.share ?? 0) + 1 / steps, propensity };
  }
  return found;
}

function evidence(verdicts: Readonly<Record<string, ArmEvidence['verdict']>>): EvidenceSummary {
  const of = (arm: string, verdict: ArmEvidence['verdict']): ArmEvidence => ({
    arm,
    requests: 10,
    failedRequests: 0,
    controlRequests: 10,
    controlFailedRequests: 0,
    guardrails: [],
    verdict,
  });
  return { arms: Object.fromEntries(Object.entries(verdicts).map(([arm, verdict]) => [arm, of(arm, verdict)])) };
}

const all: readonly [string, () => Strategy, readonly number[] | undefined][] = [
  ['epsilonGreedy', () => epsilonGreedy(), undefined],
  ['thompson', () => thompson(), undefined],
  ['ucb1', () => ucb1(), undefined],
  ['linUcb', () => linUcb({ dimensions: 2 }), [1, -0.5]],
];

describe.each(all)('%s', (_, make, context) => {
  const reward = fc.tuple(fc.constantFrom(...arms), fc.double({ min: 0, max: 1, noNaN: true }));

  it('tells the chance with which it chooses, whatever it has learnt', () => {
    fc.assert(
      fc.property(
        fc.array(reward, { maxLength: 40 }),
        fc.shuffledSubarray(arms, { minLength: 1 }),
        (rewards, among) => {
          const strategy = make();
          const state = learnAll(
            strategy,
            rewards.map(([arm, value]) => [arm, value, context]),
          );
          const found = sharesByChoices(strategy, state, context, among);
          for (const { share, propensity } of Object.values(found)) expect(share).toBeCloseTo(propensity, 3);
          const sum = Object.values(found).reduce((total, { propensity }) => total + propensity, 0);
          expect(sum).toBeCloseTo(1, 9);
          expect(among).toEqual(expect.arrayContaining(Object.keys(found)));
          expect(Object.keys(found)).toHaveLength(among.length);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('goes on from its state after JSON, and changes no state', () => {
    const strategy = make();
    const before = learnAll(strategy, [['a', 1, context]]);
    const frozen = JSON.stringify(before);
    const next = strategy.learn?.(before, 'b', 0.25, context);
    expect(JSON.stringify(before)).toBe(frozen);
    const resumed = make();
    const again = resumed.learn?.(JSON.parse(frozen), 'b', 0.25, context) as StrategyState;
    expect(again).toEqual(next);
    expect(resumed.weights(JSON.parse(JSON.stringify(again)))).toEqual(strategy.weights(again));
  });

  it('has weights that sum to 1, equal at the start, and a plan of one step', () => {
    const strategy = make();
    const weights = strategy.weights(strategy.start(['a', 'b'], 0));
    for (const arm of arms) expect(weights[arm]).toBeCloseTo(1 / 3, 9);
    const later = strategy.weights(
      learnAll(strategy, [
        ['a', 1, context],
        ['b', 0, context],
      ]),
    );
    expect(Object.values(later).reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 12);
    expect(strategy.plan(['a'])).toEqual([{ weights: { champion: 0.5, a: 0.5 }, until: expect.any(String) }]);
  });

  it('takes out an arm that harms, gives its share to the champion, and learns nothing until approved', () => {
    const strategy = make();
    const state = learnAll(strategy, [
      ['a', 1, context],
      ['b', 0.5, context],
    ]);
    const before = strategy.weights(state);
    const decision = strategy.decide(state, evidence({ a: 'harm', b: 'inconclusive' }), now);
    expect(decision).toMatchObject({ action: 'rollback', arm: 'a' });
    const weights = strategy.weights(decision.state);
    expect(Object.keys(weights)).toEqual([championArm, 'b']);
    if (context === undefined && strategy.name !== 'thompson') {
      expect(weights[championArm]).toBeGreaterThanOrEqual(before[championArm] as number);
    }
    expect(strategy.learn?.(decision.state, 'b', 1, context)).toBe(decision.state);

    const waiting = strategy.decide(decision.state, evidence({ b: 'inconclusive' }), now);
    expect(waiting.action).toBe('wait-for-approval');
    const approved = strategy.decide(decision.state, evidence({ b: 'inconclusive' }), { epochMs: 1, approved: true });
    expect(approved.action).toBe('stay');
    expect(strategy.learn?.(approved.state, 'b', 1, context)).not.toBe(approved.state);
    // A reward for the arm that left comes late, and is no error.
    expect(strategy.learn?.(approved.state, 'a', 1, context)).toBe(approved.state);
  });

  it('stays while nothing harms', () => {
    const strategy = make();
    const state = strategy.start(['a', 'b'], 0);
    expect(strategy.decide(state, evidence({ a: 'non-inferior', b: 'inconclusive' }), now).action).toBe('stay');
  });

  it('names what is wrong', () => {
    const strategy = make();
    const state = strategy.start(['a', 'b'], 0);
    const learn = (arm: string, value: number) => () => strategy.learn?.(state, arm, value, context);
    expect(thrownBy(learn('c', 1))).toMatchObject({ code: 'INVALID_ARGUMENT', details: { field: 'arm', given: 'c' } });
    expect(thrownBy(learn('a', Number.NaN))).toMatchObject({ code: 'INVALID_ARGUMENT', details: { field: 'reward' } });
    expect(thrownBy(() => choose(strategy, state, 0.5, context, []))).toMatchObject({ details: { field: 'arms' } });
    expect(thrownBy(() => choose(strategy, state, 0.5, context, ['c']))).toMatchObject({ code: 'INVALID_ARGUMENT' });
    for (const wrong of [{}, { ...state, sums: {} }, { ...state, shares: { a: -1 } }, { step: 1, arms: ['a'] }]) {
      expect(thrownBy(() => strategy.weights(wrong))).toMatchObject({
        code: 'INVALID_ARGUMENT',
        details: { field: 'state' },
      });
    }
  });
});

describe('epsilonGreedy', () => {
  it('gives ε / k to all and the rest to the best mean', () => {
    const strategy = epsilonGreedy({ epsilon: 0.3 });
    const state = learnAll(strategy, [
      ['a', 4],
      ['a', 2],
      ['b', 3.5],
      [championArm, -10],
    ]);
    expect(strategy.weights(state)).toEqual({
      champion: expect.closeTo(0.1, 12),
      a: expect.closeTo(0.1, 12),
      b: expect.closeTo(0.1 + 0.7, 12),
    });
  });

  it('takes an arm without a reward for an average one', () => {
    const strategy = epsilonGreedy({ epsilon: 0 });
    expect(
      strategy.weights(
        learnAll(strategy, [
          ['a', 1],
          [championArm, 0],
        ]),
      ),
    ).toEqual({ champion: 0, a: 1, b: 0 });
    expect(strategy.weights(learnAll(strategy, [['a', 1]]))).toEqual({ champion: 1 / 3, a: 1 / 3, b: 1 / 3 });
  });

  it('forgets by its discount', () => {
    const strategy = epsilonGreedy({ epsilon: 0, discount: 0.5 });
    // a: (0.5·1 + 0) / 1.5 = 1/3 after its two rewards; in plain means it would be 1/2, above b's.
    const state = learnAll(strategy, [
      ['a', 1],
      ['a', 0],
      ['b', 0.4],
      [championArm, 0],
    ]);
    expect(strategy.weights(state)).toEqual({ champion: 0, a: 0, b: 1 });
  });

  it.each([
    [{ epsilon: 1.1 }, 'epsilon'],
    [{ epsilon: -0.1 }, 'epsilon'],
    [{ discount: 0 }, 'discount'],
    [{ explorationFloor: 0.1 }, 'explorationFloor'],
  ])('refuses %o', (options: object, field) => {
    expect(thrownBy(() => epsilonGreedy(options))).toMatchObject({ code: 'INVALID_OPTION', details: { field } });
  });
});

describe('ucb1', () => {
  it('chooses by mean + √(c ln N / n), with a floor for the rest', () => {
    const strategy = ucb1({ exploration: 2, explorationFloor: 0.02 });
    const rewards: [string, number][] = [
      ['a', 1],
      ['a', 0],
      ['a', 1],
      ['b', 1],
      ['b', 0],
      [championArm, 0.5],
    ];
    const bounds = [
      0.5 + Math.sqrt(2 * Math.log(6)),
      2 / 3 + Math.sqrt((2 * Math.log(6)) / 3),
      0.5 + Math.sqrt(Math.log(6)),
    ];
    expect(bounds.indexOf(Math.max(...bounds))).toBe(0);
    expect(strategy.weights(learnAll(strategy, rewards))).toEqual({
      champion: expect.closeTo(0.96, 12),
      a: 0.02,
      b: 0.02,
    });
  });

  it('shares among arms without a reward first, and compares the rest where they may not be chosen', () => {
    const strategy = ucb1({ explorationFloor: 0 });
    const state = learnAll(strategy, [
      ['a', 0.9],
      ['b', 0.1],
    ]);
    expect(strategy.weights(state)).toEqual({ champion: 1, a: 0, b: 0 });
    expect(choose(strategy, state, 0.99, undefined, ['b', 'a'])).toEqual({ arm: 'a', propensity: 1 });
  });

  it('scales rewards by their range, and refuses those outside', () => {
    const scaled = ucb1({ rewardRange: [-10, 30] });
    const plain = ucb1();
    const rewards = [
      ['a', 0.5],
      ['b', 1],
      [championArm, 0],
    ] as const;
    expect(
      scaled.weights(
        learnAll(
          scaled,
          rewards.map(([arm, reward]) => [arm, reward * 40 - 10]),
        ),
      ),
    ).toEqual(plain.weights(learnAll(plain, rewards)));
    expect(thrownBy(() => learnAll(scaled, [['a', 31]]))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'reward', expected: expect.stringContaining('-10 to 30'), given: '31' },
    });
  });

  it('refuses a floor that the arms have no room for', () => {
    expect(thrownBy(() => ucb1({ explorationFloor: 0.4 }).start(['a', 'b'], 0))).toMatchObject({
      code: 'INVALID_OPTION',
      details: { field: 'explorationFloor' },
    });
  });

  it('forgets by its discount, so that it finds the arm that became better', () => {
    const strategy = ucb1({ discount: 0.98, explorationFloor: 0 });
    const random = createRandom(3);
    let state = strategy.start(['a', 'b'], 0);
    const chosen: string[] = [];
    for (let step = 0; step < 4000; step++) {
      const { arm } = choose(strategy, state, random());
      const good = step < 2000 ? 'a' : 'b';
      state = strategy.learn?.(state, arm, arm === good ? 1 : 0, undefined) as StrategyState;
      chosen.push(arm);
    }
    const share = (from: number, arm: string) =>
      chosen.slice(from, from + 1000).filter((one) => one === arm).length / 1000;
    expect(share(1000, 'a')).toBeGreaterThan(0.6);
    expect(share(3000, 'b')).toBeGreaterThan(0.6);
  });
});

describe('thompson', () => {
  it.each([
    ['of every arm', 1],
    ['of some arms, with what is expected of the rest', 0.3],
    ['of one arm in three', undefined],
  ])('chooses an arm as often as draws make it the best: %s', (_, exploration) => {
    const strategy = thompson({ explorationFloor: 0, ...(exploration === undefined ? {} : { exploration }) });
    const rewards: [string, number][] = [
      ...Array.from({ length: 12 }, (_, i): [string, number] => ['a', i % 2]),
      ...Array.from({ length: 9 }, (_, i): [string, number] => ['b', i % 3 === 0 ? 0 : 1]),
      ...Array.from({ length: 10 }, (_, i): [string, number] => [championArm, i < 4 ? 1 : 0]),
    ];
    const weights = strategy.weights(learnAll(strategy, rewards));
    const random = createRandom(11);
    const judge = (alpha: number, beta: number) =>
      random() < (exploration ?? 1 / 3)
        ? (Array.from({ length: alpha + beta - 1 }, random).sort((x, y) => x - y)[alpha - 1] as number)
        : alpha / (alpha + beta);
    const wins: Record<string, number> = { champion: 0, a: 0, b: 0 };
    const draws = 30_000;
    for (let i = 0; i < draws; i++) {
      const judged = { champion: judge(5, 7), a: judge(7, 7), b: judge(7, 4) };
      const best = arms.reduce((one, other) => (judged[other as 'a'] > judged[one as 'a'] ? other : one));
      wins[best] = (wins[best] as number) + 1;
    }
    for (const arm of arms) {
      const chance = weights[arm] as number;
      expect(Math.abs((wins[arm] as number) / draws - chance)).toBeLessThan(
        4 * Math.sqrt((chance * (1 - chance)) / draws),
      );
    }
  });

  it('keeps its chances while little is new, and within 2 % of what is known of an arm', () => {
    const strategy = thompson();
    let state = strategy.start(['a', 'b'], 0);
    let changes = 0;
    for (let step = 0; step < 2000; step++) {
      const next = strategy.learn?.(state, 'a', step % 2, undefined) as StrategyState;
      if (next.shares !== state.shares) changes++;
      state = next;
      const { a } = state.sharesAt as { a: number };
      expect(step + 1 - a).toBeLessThan(0.02 * (a + 2) + 1);
    }
    expect(changes).toBeGreaterThan(100);
    expect(changes).toBeLessThan(300);
  });

  it('begins at its prior', () => {
    const strategy = thompson({ prior: { alpha: 3, beta: 1 }, exploration: 1, explorationFloor: 0 });
    // P(Beta(3, 1) is the best of three) after champion and a each earned nothing once: Beta(3, 2) twice. By integration:
    // ∫ 3x² · F(x)² dx with F(x) = 4x³ − 3x⁴ is 3 · (16/9 − 24/10 + 9/11).
    const weights = strategy.weights(
      learnAll(strategy, [
        [championArm, 0],
        ['a', 0],
      ]),
    );
    expect(weights.b).toBeCloseTo(3 * (16 / 9 - 24 / 10 + 9 / 11), 7);
  });

  it('leaves every arm its floor', () => {
    const strategy = thompson({ explorationFloor: 0.05 });
    const state = learnAll(
      strategy,
      Array.from({ length: 300 }, (_, i) => [arms[i % 3] as string, i % 3 === 1 ? 1 : 0]),
    );
    const weights = strategy.weights(state);
    expect(weights.champion).toBeCloseTo(0.05, 6);
    expect(weights.a).toBeCloseTo(0.9, 6);
  });

  it('leaves the arms a hundredth of the requests together, however many they are', () => {
    for (const challengers of [['a'], Array.from({ length: 9 }, (_, index) => `arm-${index}`)]) {
      const strategy = thompson();
      let state = strategy.start(challengers, 0);
      for (let i = 0; i < 4000; i++) {
        const arm = [championArm, ...challengers][i % (1 + challengers.length)] as string;
        state = strategy.learn?.(state, arm, arm === championArm ? 1 : 0, undefined) as StrategyState;
      }
      const { champion, ...others } = strategy.weights(state);
      expect(champion).toBeCloseTo(1 - 0.01 + 0.01 / (1 + challengers.length), 9);
      for (const weight of Object.values(others)) expect(weight).toBeCloseTo(0.01 / (1 + challengers.length), 9);
    }
  });

  it.each([
    [{ prior: { alpha: 0.5, beta: 1 } }, 'prior.alpha'],
    [{ exploration: 0 }, 'exploration'],
    [{ exploration: 1.1 }, 'exploration'],
    [{ rewardRange: [1, 1] as const }, 'rewardRange'],
    [{ explorationFloor: 0.6 }, 'explorationFloor'],
    [{ temperature: 1 }, 'temperature'],
  ])('refuses %o', (options: object, field) => {
    expect(thrownBy(() => thompson(options))).toMatchObject({ code: 'INVALID_OPTION', details: { field } });
  });
});

/** The inverse of a matrix, by Gauss and Jordan. */
function inverse(matrix: readonly (readonly number[])[]): number[][] {
  const size = matrix.length;
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))]);
  for (let pivot = 0; pivot < size; pivot++) {
    const from = rows.slice(pivot).reduce((best, row, i) => {
      return Math.abs(row[pivot] as number) > Math.abs(rows[best]?.[pivot] as number) ? pivot + i : best;
    }, pivot);
    [rows[pivot], rows[from]] = [rows[from] as number[], rows[pivot] as number[]];
    const by = (rows[pivot] as number[])[pivot] as number;
    rows[pivot] = (rows[pivot] as number[]).map((value) => value / by);
    for (let i = 0; i < size; i++) {
      if (i === pivot) continue;
      const factor = (rows[i] as number[])[pivot] as number;
      rows[i] = (rows[i] as number[]).map((value, j) => value - factor * ((rows[pivot] as number[])[j] as number));
    }
  }
  return rows.map((row) => row.slice(size));
}

describe('linUcb', () => {
  it('chooses by θᵀx + α √(xᵀ A⁻¹ x), as by explicit inverses', () => {
    const number = fc.double({ min: -3, max: 3, noNaN: true });
    const vector = fc.tuple(number, number, number);
    const step = fc.tuple(fc.constantFrom(...arms), number, vector);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), vector, (steps, x) => {
        const strategy = linUcb({ dimensions: 3, exploration: 1.5, ridge: 0.7, explorationFloor: 0 });
        const bounds = arms.map((arm) => {
          const mine = steps.filter(([other]) => other === arm);
          const matrix = [0, 1, 2].map((i) =>
            [0, 1, 2].map((j) =>
              mine.reduce((sum, [, , c]) => sum + (c[i] as number) * (c[j] as number), i === j ? 0.7 : 0),
            ),
          );
          const b = [0, 1, 2].map((i) => mine.reduce((sum, [, reward, c]) => sum + reward * (c[i] as number), 0));
          const solved = inverse(matrix).map((row) => row.reduce((sum, value, j) => sum + value * (x[j] as number), 0));
          const mean = solved.reduce((sum, value, i) => sum + value * (b[i] as number), 0);
          const variance = solved.reduce((sum, value, i) => sum + value * (x[i] as number), 0);
          return mean + 1.5 * Math.sqrt(variance);
        });
        const best = Math.max(...bounds);
        const { arm } = choose(strategy, learnAll(strategy, steps), 0.5, x);
        expect(bounds[arms.indexOf(arm)]).toBeGreaterThan(best - 1e-9 * Math.max(1, Math.abs(best)));
      }),
      { numRuns: 200 },
    );
  });

  it('stays finite where contexts are huge, tiny or all the same', () => {
    for (const scale of [1e-150, 1, 1e100]) {
      const strategy = linUcb({ dimensions: 3 });
      const random = createRandom(1);
      let state = strategy.start(['a', 'b'], 0);
      for (let i = 0; i < 500; i++) {
        const x = i % 2 === 0 ? [scale, scale, scale] : [scale * random(), scale, 0];
        const { arm, propensity } = choose(strategy, state, random(), x);
        expect(propensity).toBeGreaterThan(0);
        state = strategy.learn?.(state, arm, random(), x) as StrategyState;
      }
      expect(JSON.stringify(state)).not.toContain('null');
    }
  });

  it('chooses by the context', () => {
    const strategy = linUcb({ dimensions: 2, exploration: 0.5 });
    const rewards = Array.from({ length: 200 }, (_, i): [string, number, number[]] => {
      const x = i % 2 === 0 ? [1, 0] : [0, 1];
      const arm = arms[i % 3] as string;
      return [arm, arm === 'a' ? (x[0] as number) : arm === 'b' ? (x[1] as number) : 0.5, x];
    });
    const state = learnAll(strategy, rewards);
    expect(choose(strategy, state, 0.5, [1, 0])).toEqual({ arm: 'a', propensity: expect.closeTo(1 - 0.02 / 3, 12) });
    expect(choose(strategy, state, 0.5, [0, 1])).toEqual({ arm: 'b', propensity: expect.closeTo(1 - 0.02 / 3, 12) });
  });

  it('forgets by its discount, but not the ridge', () => {
    const strategy = linUcb({ dimensions: 1, discount: 0.9, explorationFloor: 0 });
    let state = learnAll(strategy, [['a', 5, [1]]]);
    for (let i = 0; i < 50; i++) state = strategy.learn?.(state, championArm, 0, [1]) as StrategyState;
    const { a } = state.sums as unknown as { a: { count: number; gram: number[]; moment: number[] } };
    expect(a.gram[0]).toBeCloseTo(0.9 ** 50, 12);
    expect(a.moment[0]).toBeCloseTo(5 * 0.9 ** 50, 12);
  });

  it.each([
    [undefined, 'nothing'],
    [[1], '[1]'],
    [[1, Number.NaN], '[1,null]'],
    [[1, 2, 3], '[1,2,3]'],
  ])('refuses the context %o', (context, given) => {
    const strategy = linUcb({ dimensions: 2 });
    const state = strategy.start(['a', 'b'], 0);
    const error = { code: 'INVALID_INPUT', details: { field: 'context', expected: '2 finite numbers', given } };
    expect(thrownBy(() => choose(strategy, state, 0.5, context))).toMatchObject(error);
    expect(thrownBy(() => strategy.learn?.(state, 'a', 1, context))).toMatchObject(error);
  });

  it('refuses a state of other dimensions, and options that are wrong', () => {
    const state = linUcb({ dimensions: 3 }).start(['a', 'b'], 0);
    expect(thrownBy(() => linUcb({ dimensions: 2 }).weights(state))).toMatchObject({ details: { field: 'state' } });
    for (const dimensions of [0, 1.5, 257]) {
      expect(thrownBy(() => linUcb({ dimensions }))).toMatchObject({ details: { field: 'dimensions' } });
    }
    expect(thrownBy(() => linUcb({ dimensions: 1, ridge: 0 }))).toMatchObject({ details: { field: 'ridge' } });
  });
});
