import { describe, expect, it } from 'vitest';
import fixtures from '../fixtures/detectors.json';
import { createRandom } from '../random';
import { type AdwinDetector, createAdwin } from './adwin';
import { createCusum } from './cusum';
import { createDdm } from './ddm';
import type { StreamDetector } from './detector';
import { createEddm } from './eddm';
import { createHddmA } from './hddm-a';
import { createHddmW } from './hddm-w';
import { createKswin, type KswinDetector } from './kswin';
import { createPageHinkley } from './page-hinkley';

interface Segment {
  readonly law: string;
  readonly count: number;
  readonly p?: number;
  readonly low?: number;
  readonly high?: number;
  readonly mean?: number;
  readonly deviation?: number;
}

interface Stream {
  readonly digits?: string;
  readonly values?: readonly number[];
  readonly seed?: number;
  readonly segments?: readonly Segment[];
}

interface Case {
  readonly detector: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly stream: number;
  readonly drifts: readonly number[];
  readonly warnings: readonly (readonly number[])[];
  readonly holds?: {
    readonly width?: number;
    readonly estimate?: number;
    readonly variance?: number;
    readonly pValue?: number;
  };
}

const factories: Readonly<Record<string, (options: object) => StreamDetector>> = {
  adwin: createAdwin,
  ddm: createDdm,
  eddm: createEddm,
  hddmA: createHddmA,
  hddmW: createHddmW,
  pageHinkley: createPageHinkley,
  cusum: createCusum,
  kswin: createKswin,
};

const streams: readonly Stream[] = fixtures.streams;
const cases: readonly Case[] = fixtures.cases;

/** The values of a stream, as `detectors.py` draws them. */
function valuesOf({ digits, values, seed = 0, segments = [] }: Stream): readonly number[] {
  if (digits !== undefined) return Array.from(digits, Number);
  if (values !== undefined) return values;
  const random = createRandom(seed);
  return segments.flatMap(({ law, count, p = 0, low = 0, high = 1, mean = 0, deviation = 1 }) =>
    Array.from({ length: count }, () => {
      if (law === 'bernoulli') return random() < p ? 1 : 0;
      if (law === 'uniform') return low + (high - low) * random();
      let total = 0;
      for (let draw = 0; draw < 12; draw++) total += random();
      return mean + deviation * (total - 6);
    }),
  );
}

function observe(detector: StreamDetector, values: readonly number[]) {
  const drifts: number[] = [];
  const warnings: [number, number][] = [];
  values.forEach((value, index) => {
    const state = detector.update(value);
    if (detector.state !== state) throw new Error(`update says ${state}, state says ${detector.state} at ${index}`);
    if (state === 'drift') drifts.push(index);
    if (state !== 'warning') return;
    const last = warnings.at(-1);
    if (last?.[1] === index - 1) last[1] = index;
    else warnings.push([index, index]);
  });
  return { drifts, warnings };
}

function make({ detector, options }: Case): StreamDetector {
  const factory = factories[detector];
  if (factory === undefined) throw new Error(`no detector ${detector}`);
  return factory(options);
}

describe('the detectors agree with River, MOA and numpy', () => {
  it.each(cases)('$detector $options on stream $stream', (given) => {
    const values = valuesOf(streams[given.stream] as Stream);
    const detector = make(given);
    expect(observe(detector, values)).toEqual({ drifts: given.drifts, warnings: given.warnings });
    for (const [name, expected] of Object.entries(given.holds ?? {})) {
      const value = (detector as AdwinDetector & KswinDetector)[name as keyof typeof given.holds];
      expect(Math.abs(value - expected), name).toBeLessThanOrEqual(1e-9 * Math.abs(expected));
    }
    // Once more from the beginning: a reset forgets everything.
    detector.reset();
    expect(detector.state).toBe('ok');
    expect(observe(detector, values)).toEqual({ drifts: given.drifts, warnings: given.warnings });
  });

  it('at the indices that River prints in its examples and tests', () => {
    const drifts = (detector: string, options = '{}') =>
      cases
        .filter((given) => given.detector === detector && JSON.stringify(given.options) === options)
        .map((given) => given.drifts);
    expect(drifts('adwin').slice(0, 3)).toEqual([[1023], [1023, 2015, 3007], [1023]]);
    expect(drifts('ddm').slice(0, 2)).toEqual([[1334], [1049]]);
    expect(drifts('eddm', '{"alpha":0.9,"beta":0.8}')[0]).toEqual([1059]);
    expect(drifts('hddmW').slice(0, 2)).toEqual([[1077], [1018]]);
    expect(drifts('hddmA')[1]).toEqual([1047]);
    expect(drifts('pageHinkley').slice(0, 2)).toEqual([[1006], [588, 1097, 1585]]);
    expect(drifts('cusum')[0]).toEqual([201, 251]);
    const warnings = (detector: string) => cases.find((given) => given.detector === detector)?.warnings;
    expect(warnings('ddm')?.[0]?.[0]).toBe(1084);
    expect(warnings('hddmW')?.[0]?.[0]).toBe(451);
  });
});
