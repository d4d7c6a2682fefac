import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FairleadError } from '../../errors';
import { createRandom } from '../../monitoring/random';
import type { Guardrail, GuardrailEvidence, Tally } from '../contracts';
import { createPairing } from './pairing';
import { createSequentialTest, type SequentialTestOptions } from './sequential-test';
import { mergeTallies } from './tally';

const guard = (given: Partial<Guardrail> = {}): Guardrail => ({
  name: 'errors',
  harmfulWhen: 'higher',
  margin: 0,
  bounds: [0, 1],
  measure: () => undefined,
  ...given,
});

type Pairs = readonly (readonly [challenger: number, control: number])[];

function tallyOf(pairs: Pairs, guardrail = guard(), options: SequentialTestOptions = {}): Tally {
  const sequential = createSequentialTest(guardrail, 0.05, options);
  return pairs.reduce(
    (tally, [challenger, control]) => sequential.observe(tally, challenger, control),
    sequential.start(),
  );
}

function assess(pairs: Pairs, guardrail = guard(), options: SequentialTestOptions = {}): GuardrailEvidence {
  return createSequentialTest(guardrail, 0.05, options).assess(tallyOf(pairs, guardrail, options));
}

const capitals = (tally: Tally, name: 'harm' | 'fair'): number[] => (tally[name] as readonly number[]).map(Math.exp);
const share = fc.double({ min: 0, max: 1, noNaN: true });
const somePairs = fc.array(fc.tuple(share, share), { maxLength: 30 });

describe('what a pair pays', () => {
  test('are the bets that the docstring names, multiplied and averaged', () => {
    const margin = 0.02;
    const pairs: Pairs = [
      [1, 0],
      [0.25, 0.125],
      [0, 0.5],
      [0, 0],
    ];
    const product = (pay: (difference: number) => number): number =>
      pairs.reduce((capital, [x, y]) => capital * pay(x - y), 1);
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    const harm = [0.25, 0.8, 2.4, 7, 20, 60].map((s) =>
      product((d) => (1 + 0.98 * Math.tanh(s * d)) / (1 + 0.98 * s * margin)),
    );
    const fair = [0.03, 0.1, 0.25, 0.5, 0.75, 0.98].map((stake) =>
      product((d) => 1 + (stake / (1 - margin)) * (margin - d)),
    );
    const found = assess(pairs, guard({ margin }));
    expect(found.harm.eValue).toBeCloseTo(mean(harm), 12);
    expect(found.nonInferiority.eValue).toBeCloseTo(mean(fair), 12);
    expect(found.harm.pValue).toBeCloseTo(Math.min(1, 1 / mean(harm)), 12);
    expect(found.estimate.difference).toBeCloseTo(0.625 / 4, 12);
    expect(found.blocks).toBe(4);
  });

  test('is 1 on average over all ways in which arms could have been thrown, whatever is in the blocks', () => {
    fc.assert(
      fc.property(fc.array(share, { minLength: 7, maxLength: 7 }), (values) => {
        const sums = [0, 0, 0, 0, 0, 0];
        const ways = 2 ** values.length;
        for (let way = 0; way < ways; way++) {
          const pairing = createPairing<number>();
          const pairs = values.flatMap((value, index) => {
            const pair = pairing.add((way >> index) & 1 ? 'challenger' : 'control', value);
            return pair === undefined ? [] : [[pair.challenger, pair.control] as const];
          });
          capitals(tallyOf(pairs), 'harm').forEach((capital, bet) => {
            sums[bet] = (sums[bet] ?? 0) + capital / ways;
          });
        }
        for (const mean of sums) expect(mean).toBeCloseTo(1, 9);
      }),
      { numRuns: 30, seed: 1 },
    );
  });

  test('is at most 1 on average where the challenger does what its control does and at most the margin on top', () => {
    const law = fc.array(
      fc.record({ value: share, extra: share, weight: fc.double({ min: 0.01, max: 1, noNaN: true }) }),
      {
        minLength: 1,
        maxLength: 5,
      },
    );
    fc.assert(
      fc.property(law, (outcomes) => {
        const total = outcomes.reduce((sum, { weight }) => sum + weight, 0);
        const extraOf = ({ value, extra }: { value: number; extra: number }): number => extra * (1 - value);
        const margin = outcomes.reduce((sum, outcome) => sum + (outcome.weight / total) * extraOf(outcome), 0);
        if (margin >= 1) return;
        const sums = [0, 0, 0, 0, 0, 0];
        for (const mine of outcomes) {
          for (const other of outcomes) {
            const chance = (mine.weight / total) * (other.weight / total);
            const pair = tallyOf([[mine.value + extraOf(mine), other.value]], guard({ margin }));
            capitals(pair, 'harm').forEach((capital, bet) => {
              sums[bet] = (sums[bet] ?? 0) + chance * capital;
            });
          }
        }
        for (const mean of sums) expect(mean).toBeLessThanOrEqual(1 + 1e-9);
      }),
      { numRuns: 200, seed: 2 },
    );
  });

  test('is for non-inferiority a straight line in the difference that is 1 at the margin, and never below 0', () => {
    const margin = 0.1;
    const pay = (difference: number): number[] =>
      capitals(tallyOf([difference >= 0 ? [difference, 0] : [0, -difference]], guard({ margin })), 'fair');
    expect(pay(margin)).toEqual(pay(margin).map(() => expect.closeTo(1, 12)));
    pay(1).forEach((worst, bet) => {
      expect(worst).toBeGreaterThan(0);
      expect(pay(0.4)[bet]).toBeCloseTo((worst * 0.3 + (pay(margin)[bet] as number) * 0.6) / 0.9, 9);
    });
  });

  test('is worth more the worse the challenger does', () => {
    fc.assert(
      fc.property(somePairs, share, share, (pairs, value, less) => {
        const worse = assess([...pairs, [value, 0.3]], guard({ margin: 0.01 }));
        const better = assess([...pairs, [value * less, 0.3]], guard({ margin: 0.01 }));
        expect(worse.harm.eValue).toBeGreaterThanOrEqual(better.harm.eValue * (1 - 1e-9));
        expect(worse.nonInferiority.eValue).toBeLessThanOrEqual(better.nonInferiority.eValue * (1 + 1e-9));
      }),
      { seed: 3 },
    );
  });
});

describe('the state', () => {
  test('of several replicas adds up to that of one, in any order, also after JSON', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3), share, share), { minLength: 1, maxLength: 40 }), (observed) => {
        const guardrail = guard({ margin: 0.02 });
        const one = assess(
          observed.map(([, challenger, control]) => [challenger, control]),
          guardrail,
        );
        const replicas = [3, 1, 0, 2].map((replica) =>
          tallyOf(
            observed.filter(([owner]) => owner === replica).map(([, challenger, control]) => [challenger, control]),
            guardrail,
          ),
        );
        const sum = replicas.map((tally) => JSON.parse(JSON.stringify(tally)) as Tally).reduce(mergeTallies, {});
        const many = createSequentialTest(guardrail, 0.05).assess(sum);
        expect(many.blocks).toBe(one.blocks);
        expect(many.verdict).toBe(one.verdict);
        expect(many.harm.eValue / one.harm.eValue).toBeCloseTo(1, 9);
        expect(many.nonInferiority.eValue / one.nonInferiority.eValue).toBeCloseTo(1, 9);
        expect(many.estimate.lower).toBeCloseTo(one.estimate.lower, 6);
      }),
      { seed: 4 },
    );
  });

  test('that is empty says nothing', () => {
    const found = createSequentialTest(guard({ margin: 0.01 }), 0.05).assess({});
    expect(found).toMatchObject({ blocks: 0, verdict: 'inconclusive', harm: { eValue: 1, pValue: 1 } });
    expect(found.estimate).toEqual({ difference: 0, lower: -1, upper: 1 });
  });

  test('stays finite however much evidence there is', () => {
    const found = assess(Array.from({ length: 3000 }, () => [1, 0] as const));
    expect(found.verdict).toBe('harm');
    expect(JSON.parse(JSON.stringify(found))).toEqual(found);
  });
});

describe('the verdict', () => {
  const failing = (pairs: number): Pairs => Array.from({ length: pairs }, () => [1, 0] as const);

  test('is harm once the evidence has reached 1 / alpha, and not before', () => {
    const sequential = createSequentialTest(guard(), 0.01);
    let tally = sequential.start();
    for (let pair = 1; ; pair++) {
      tally = sequential.observe(tally, 1, 0);
      const { verdict, harm } = sequential.assess(tally);
      expect(verdict).toBe(harm.eValue >= 100 ? 'harm' : 'inconclusive');
      if (verdict === 'harm') {
        // A challenger that answers nothing is worth a doubling a pair at most, so seven are the fewest.
        expect(pair).toBeLessThanOrEqual(9);
        break;
      }
    }
  });

  test('is no harm while the mean difference is within the margin', () => {
    // Fails one in eight, always; its control fails everything, seldom: the same mean, and differences of another kind.
    const pairs: Pairs = Array.from({ length: 400 }, (_, index) => [0.125, index % 8 === 0 ? 1 : 0] as const);
    const found = assess(pairs);
    expect(found.harm.eValue).toBeGreaterThan(20);
    expect(found.verdict).toBe('inconclusive');
  });

  test('is non-inferior when the challenger has shown that it is within the margin', () => {
    const equal = Array.from({ length: 500 }, () => [0, 0] as const);
    expect(assess(equal, guard({ margin: 0.02 })).verdict).toBe('non-inferior');
    expect(assess(equal, guard({ margin: 0.001 })).verdict).toBe('inconclusive');
    // Nobody can show in a finite time that two things are equal.
    expect(assess(equal, guard({ margin: 0 })).nonInferiority.eValue).toBeCloseTo(1, 9);
    expect(assess(equal, guard({ margin: 0.02 }), { maxFalsePromotionRate: 1e-9 }).verdict).toBe('inconclusive');
  });

  test('is in the unit of the measure, and lower may be the harm', () => {
    const reward = guard({ name: 'reward', harmfulWhen: 'lower', bounds: [-10, 10], margin: 0.5 });
    const found = assess(
      Array.from({ length: 200 }, (_, index) => [-4 + (index % 3), 4 + (index % 2)] as const),
      reward,
    );
    expect(found.verdict).toBe('harm');
    expect(found.estimate.difference).toBeCloseTo(-7.505, 9);
    expect(found.estimate.lower).toBeLessThan(found.estimate.difference);
    expect(found.estimate.upper).toBeGreaterThan(found.estimate.difference);
    // More of what is good shows that it is not worse, with no margin at all.
    expect(assess(failing(50), guard({ harmfulWhen: 'lower' })).verdict).toBe('non-inferior');
  });

  test('takes what lies outside the bounds for the nearer of them', () => {
    expect(assess([[50, -3]])).toEqual(assess([[1, 0]]));
  });
});

/**
 * Canaries without harm against an adversary: he knows all that happened, sees to it that the blocks to come are those that would serve
 * the present capital best, and decides nothing but who gets which of them.
 */
describe('an adversary', () => {
  test('who lets the service break down at once and recover slowly, under nineteen times as many blocks of the challenger', () => {
    const random = createRandom(11);
    const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const canaries = 150;
    let rolledBack = 0;
    for (let canary = 0; canary < canaries; canary++) {
      const sequential = createSequentialTest(guard(), 0.05);
      const pairing = createPairing<number>(random);
      let tally = sequential.start();
      let isHarm = false;
      for (let block = 0; block < 3000 && !isHarm; block++) {
        // Whoever comes first of two neighbours fails more often, by little, and with blocks so large that it shows.
        const failing = 0.5 * Math.exp(-(block % 60) / 15);
        const failed = failing + normal() * Math.sqrt((failing * (1 - failing)) / 400);
        const pair = pairing.add(random() < 0.95 ? 'challenger' : 'control', Math.min(1, Math.max(0, failed)));
        if (pair === undefined) continue;
        tally = sequential.observe(tally, pair.challenger, pair.control);
        isHarm = sequential.assess(tally).verdict === 'harm';
      }
      if (isHarm) rolledBack++;
    }
    // More than half of them, where the one that comes first is nearly always the challenger.
    expect(rolledBack / canaries).toBeLessThanOrEqual(0.05);
  });

  test('who picks the blocks but not their arm gets no more than alpha of the canaries rolled back, at every look', () => {
    const random = createRandom(7);
    const canaries = 1500;
    const rolledBack = { '0.05': 0, '0.01': 0 };
    for (let canary = 0; canary < canaries; canary++) {
      const tests = [createSequentialTest(guard(), 0.05), createSequentialTest(guard(), 0.01)] as const;
      const pairing = createPairing<number>();
      let tally = tests[0].start();
      let last = 0;
      const harmed = { '0.05': false, '0.01': false };
      for (let block = 0; block < 300; block++) {
        // Behind after a bad block: quiet blocks, so that it stands out. Ahead: batches that fail as a whole, in rows.
        const capital = Math.max(...(tally.harm as readonly number[]));
        const chance = capital > 1 ? (last > 0 ? 0.9 : 0.3) : 0.05;
        last = random() < chance ? (random() < 0.5 ? 1 : 1 / 32) : 0;
        const pair = pairing.add(random() < 0.5 ? 'challenger' : 'control', last);
        if (pair === undefined) continue;
        tally = tests[0].observe(tally, pair.challenger, pair.control);
        harmed['0.05'] ||= tests[0].assess(tally).verdict === 'harm';
        harmed['0.01'] ||= tests[1].assess(tally).verdict === 'harm';
      }
      if (harmed['0.05']) rolledBack['0.05']++;
      if (harmed['0.01']) rolledBack['0.01']++;
    }
    // The adversary comes close to the rate, so three standard errors of so many canaries are left to chance.
    const bound = (rate: number): number => rate + 3 * Math.sqrt((rate * (1 - rate)) / canaries);
    expect(rolledBack['0.05'] / canaries).toBeLessThanOrEqual(bound(0.05));
    expect(rolledBack['0.01'] / canaries).toBeLessThanOrEqual(bound(0.01));
    // A test that never rolled back would hold the rate, and find nothing.
    expect(rolledBack['0.05']).toBeGreaterThan(0);
  });

  test('whose challenger fails otherwise with the same mean is no harm to a test of means', () => {
    const random = createRandom(8);
    let rolledBack = 0;
    for (let canary = 0; canary < 100; canary++) {
      const sequential = createSequentialTest(guard(), 0.05, { harmless: 'same-mean' });
      let tally = sequential.start();
      for (let pair = 0; pair < 400; pair++) {
        tally = sequential.observe(tally, random() < 0.4 ? 1 / 8 : 0, random() < 0.05 ? 1 : 0);
        if (sequential.assess(tally).verdict !== 'harm') continue;
        rolledBack++;
        break;
      }
    }
    expect(rolledBack / 100).toBeLessThanOrEqual(0.05);
  });
});

describe('bad input', () => {
  const failure = (make: () => unknown): FairleadError => {
    try {
      make();
    } catch (error) {
      if (FairleadError.isInstance(error)) return error;
    }
    throw new Error('It did not fail as it should.');
  };

  test.each<[string, Partial<Guardrail>, number, SequentialTestOptions, string]>([
    ['an alpha of 0', {}, 0, {}, 'alpha'],
    ['an alpha of 1', {}, 1, {}, 'alpha'],
    ['an alpha that is no number', {}, Number.NaN, {}, 'alpha'],
    ['a promotion rate of 0', {}, 0.05, { maxFalsePromotionRate: 0 }, 'maxFalsePromotionRate'],
    ['an unknown kind of harm', {}, 0.05, { harmless: 'nothing' as 'same-mean' }, 'harmless'],
    ['bounds the wrong way round', { bounds: [1, 0] }, 0.05, {}, 'guardrails.errors.bounds'],
    ['infinite bounds', { bounds: [0, Number.POSITIVE_INFINITY] }, 0.05, {}, 'guardrails.errors.bounds'],
    ['a margin below 0', { margin: -0.1 }, 0.05, {}, 'guardrails.errors.margin'],
    ['a margin beyond the bounds', { margin: 1 }, 0.05, {}, 'guardrails.errors.margin'],
  ])('%s is refused', (_what, given, alpha, options, field) => {
    const error = failure(() => createSequentialTest(guard(given), alpha, options));
    expect(error.code).toBe('INVALID_OPTION');
    expect(error.details.field).toBe(field);
  });

  test('a value that is no number is refused, and the state is as before', () => {
    const sequential = createSequentialTest(guard(), 0.05);
    const tally = sequential.start();
    expect(failure(() => sequential.observe(tally, Number.NaN, 0)).code).toBe('INVALID_ARGUMENT');
    expect(tally).toEqual(sequential.start());
  });
});
