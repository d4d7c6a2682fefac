import { describe, expect, it } from 'vitest';
import { createRandom } from '../../monitoring/random';
import type { Tally } from '../contracts';
import type { SampleRatioAssessment } from '../evidence/sample-ratio';
import { mergeTallies } from '../evidence/tally';
import { createAssigner } from './assignment';
import { createSampleRatioWatch, type SampleRatioWatch } from './sample-ratio';

type Shares = Readonly<Record<string, number>>;

const half: Shares = { champion: 0.5, canary: 0.5 };

let replicas = 0;

function watch(shares: Shares) {
  const alarms: SampleRatioAssessment[] = [];
  const watching = createSampleRatioWatch(Object.keys(shares), `replica ${replicas++}`, (found) => alarms.push(found));
  watching.follow(shares);
  return { watching, alarms };
}

/** What a look does: everybody gives what he has, and takes the sum of all. */
function exchangeAll(watches: readonly SampleRatioWatch[], sum: Tally): Tally {
  let next = sum;
  for (const watching of watches) next = mergeTallies(next, watching.take() ?? {});
  for (const watching of watches) watching.setKnown(next);
  return next;
}

describe('the sample ratio', () => {
  it('raises an alarm where an arm gets less than its share, once', () => {
    const { watching, alarms } = watch(half);
    for (let index = 0; index < 4000; index++) watching.add(index % 5 < 3 ? 'champion' : 'canary', index);
    expect(alarms).toHaveLength(1);
    expect(watching.now).toMatchObject({ units: 4000, isMismatch: true, expected: half });
    expect(watching.now?.observed.champion).toBeCloseTo(0.6, 9);
    expect(watching.now?.chiSquared).toMatchObject({ degreesOfFreedom: 1 });
    expect(watching.now?.chiSquared.statistic).toBeCloseTo(160, 6);
  });

  it('counts a key once, however often it comes and whatever the weights are by then', () => {
    const { watching, alarms } = watch(half);
    for (let index = 0; index < 4000; index++) watching.add('canary', 7);
    watching.follow({ champion: 0.2, canary: 0.8 });
    for (let index = 0; index < 4000; index++) watching.add('canary', 7);
    expect(watching.now?.units).toBe(1);
    expect(alarms).toEqual([]);
  });

  it('goes on while weights change, and expects what they were', () => {
    const { watching } = watch({ champion: 0.9, canary: 0.1 });
    for (let index = 0; index < 100; index++) watching.add(index < 10 ? 'canary' : 'champion', undefined);
    watching.follow(half);
    for (let index = 0; index < 100; index++) watching.add(index < 50 ? 'canary' : 'champion', undefined);
    expect(watching.now).toMatchObject({ units: 200, isMismatch: false });
    expect(watching.now?.expected.canary).toBeCloseTo(0.3, 9);
    expect(watching.now?.observed.canary).toBeCloseTo(0.3, 9);
    expect(watching.now?.eValue).toBeLessThan(1);
    watching.follow({ champion: 0, canary: 1 });
    expect(watching.now).toBeUndefined();
  });

  it('knows nothing of a run before', () => {
    const { watching } = watch(half);
    for (let index = 0; index < 4000; index++) watching.add('canary', index);
    watching.restart();
    expect(watching.now).toMatchObject({ units: 0, isMismatch: false, observed: { champion: 0, canary: 0 } });
    expect(watching.take()).toBeUndefined();
    watching.add('canary', 1);
    expect(watching.now?.units).toBe(1);
  });

  it('is that of all replicas: requests without a key add up, and an alarm of all is raised in each', () => {
    const watches = Array.from({ length: 20 }, () => watch({ champion: 0.9, canary: 0.1 }));
    let sum: Tally = {};
    // By itself none of them has seen enough: 15 % of 200.
    for (let look = 0; look < 2; look++) {
      for (const { watching } of watches) {
        for (let index = 0; index < 100; index++) watching.add(index < 15 ? 'canary' : 'champion', undefined);
      }
      sum = exchangeAll(
        watches.map(({ watching }) => watching),
        sum,
      );
    }
    expect(watches.map(({ alarms }) => alarms.length)).toEqual(new Array(20).fill(1));
    const [one] = watches;
    expect(one?.watching.now).toMatchObject({ units: 4000, isMismatch: true });
    const alone = watch({ champion: 0.9, canary: 0.1 });
    for (let index = 0; index < 200; index++) alone.watching.add(index % 100 < 15 ? 'canary' : 'champion', undefined);
    expect(alone.alarms).toEqual([]);
  });

  it('knows how many replicas have counted keys, though the store loses what it had', () => {
    const watches = [watch(half), watch(half), watch(half)].map(({ watching }) => watching);
    watches.forEach((watching) => {
      for (let key = 0; key < 30; key++) watching.add(key % 2 === 0 ? 'canary' : 'champion', key);
    });
    exchangeAll(watches, {});
    expect(watches[0]?.now?.units).toBe(30);
    // Everything is gone, then each comes with what is new.
    exchangeAll(watches, {});
    watches.forEach((watching) => {
      for (let key = 30; key < 36; key++) watching.add(key % 2 === 0 ? 'canary' : 'champion', key);
    });
    exchangeAll(watches, {});
    expect(watches[0]?.now?.units).toBe(6);
  });

  it('finds that an arm loses keys, whether replicas share their keys or not', () => {
    for (const areShared of [true, false]) {
      const watches = Array.from({ length: 4 }, () => watch(half));
      let sum: Tally = {};
      for (let key = 0; key < 4000; key++) {
        watches.forEach(({ watching }, replica) => {
          watching.add(key % 5 < 3 ? 'champion' : 'canary', areShared ? key : key * 4 + replica);
        });
        if (key % 500 === 499) {
          sum = exchangeAll(
            watches.map(({ watching }) => watching),
            sum,
          );
        }
      }
      for (const { alarms } of watches) expect(alarms).toHaveLength(1);
      expect(watches[0]?.watching.now?.units).toBe(4000);
    }
  });
});

/** How often any of several replicas raises an alarm over a run, where nothing is wrong. */
function falseAlarms(runs: number, play: (random: () => number, run: number) => boolean): number {
  let alarms = 0;
  for (let run = 0; run < runs; run++) if (play(createRandom(run + 1), run)) alarms++;
  return alarms;
}

/** A key by a law with a heavy tail: a few come all the time, most come once. */
function keyOf(random: () => number, run: number): string {
  return `${run}:${Math.floor(random() ** -1.5)}`;
}

// With an error rate of .001, of 1,000 runs 5 or more have an alarm with a chance of .004 if the rate is used up to the last.
describe('where nothing is wrong, the sample ratio raises next to no alarm, though it looks again and again', () => {
  it('with keys of a heavy-tailed law that come in bursts, while weights grow', () => {
    const alarms = falseAlarms(1000, (random, run) => {
      const { watching, alarms: raised } = watch({ champion: 0.9, canary: 0.1 });
      for (const weight of [0.1, 0.25, 0.5]) {
        const assigner = createAssigner(`run ${run}`, { champion: 1 - weight, canary: weight }, {}, random);
        watching.follow(assigner.shares);
        for (let burst = 0; burst < 200; burst++) {
          const key = keyOf(random, run);
          const hash = assigner.hashOf(key);
          const { arm } = assigner.assign(key, hash);
          // Up to a thousand requests of one key in a row.
          const length = Math.floor(Math.min(1000, random() ** -1.5));
          for (let request = 0; request < length; request++) watching.add(arm, hash);
        }
      }
      return raised.length > 0;
    });
    expect(alarms).toBeLessThan(5);
  });

  it('with requests without a key', () => {
    const alarms = falseAlarms(1000, (random) => {
      const { watching, alarms: raised } = watch({ champion: 0.9, canary: 0.1 });
      for (let index = 0; index < 2000; index++) watching.add(random() < 0.1 ? 'canary' : 'champion', undefined);
      return raised.length > 0;
    });
    expect(alarms).toBeLessThan(5);
  });

  it('with twenty replicas that are all asked by the same keys, of which some come anew', () => {
    const alarms = falseAlarms(200, (random, run) => {
      const weights = { champion: 0.8, canary: 0.2 };
      const assigner = createAssigner(`run ${run}`, weights, {}, random);
      const watches = Array.from({ length: 5 }, () => watch(weights));
      let sum: Tally = {};
      for (let look = 0; look < 12; look++) {
        if (look === 6) watches.push(...Array.from({ length: 15 }, () => watch(weights)));
        for (const { watching } of watches) {
          for (let request = 0; request < 30; request++) {
            const key = keyOf(random, run);
            const hash = assigner.hashOf(key);
            watching.add(assigner.assign(key, hash).arm, hash);
          }
        }
        sum = exchangeAll(
          watches.map(({ watching }) => watching),
          sum,
        );
      }
      return watches.some(({ alarms: raised }) => raised.length > 0);
    });
    expect(alarms).toBeLessThan(3);
  });

  it('and counting requests instead of keys would raise one in most runs', () => {
    const alarms = falseAlarms(100, (random, run) => {
      const weights = { champion: 0.8, canary: 0.2 };
      const assigner = createAssigner(`run ${run}`, weights, {}, random);
      const { watching, alarms: raised } = watch(weights);
      for (let burst = 0; burst < 200; burst++) {
        const { arm } = assigner.assign(keyOf(random, run));
        const length = Math.floor(Math.min(1000, random() ** -1.5));
        for (let request = 0; request < length; request++) watching.add(arm, undefined);
      }
      return raised.length > 0;
    });
    expect(alarms).toBeGreaterThan(50);
  });
});
