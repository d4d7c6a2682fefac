import { describe, expect, it } from 'vitest';
import fixtures from '../fixtures/performance.json';
import { createRandom } from '../random';
import { calibrationError } from './calibration-error';
import { estimatePerformance } from './estimated-performance';
import { shareEstimate } from './intervals';
import { calibrate, fitIsotonic } from './isotonic';
import { classReports, confusionOf, type LabelledRows, measure } from './measure';
import { binomialAtMost, normalSurvival, normalUpperQuantile } from './normal-law';
import { rankScores } from './ranking';

const z = normalUpperQuantile(0.025);
const settings = { z, calibrationBins: 10 };
const digits = 9;

const binaryRows = (actual: number[], score: number[]): LabelledRows => ({
  task: 'binary',
  classes: 2,
  rows: actual.length,
  actual,
  predicted: score.map((value) => (value >= 0.5 ? 1 : 0)),
  probabilities: score,
});

const likeliest = (row: number[]) => row.indexOf(Math.max(...row));

const multiclassRows = (classes: number, actual: number[], probabilities: number[][]): LabelledRows => ({
  task: 'multiclass',
  classes,
  rows: actual.length,
  actual,
  predicted: probabilities.map(likeliest),
  probabilities: probabilities.flat(),
});

describe('metrics agree with scikit-learn', () => {
  it.each(fixtures.binary)('binary, case %#', (expected) => {
    const got = measure(binaryRows(expected.actual, expected.score), settings);
    for (const metric of ['accuracy', 'precision', 'recall', 'f1', 'auc', 'logLoss'] as const) {
      expect(got[metric]?.value, metric).toBeCloseTo(expected[metric], digits);
    }
    expect(got.calibrationError?.value).toBeCloseTo(expected.calibrationErrorWidth, digits);
    if (expected.calibrationErrorMass !== null) {
      const byMass = calibrationError(expected.score, expected.actual, 10, 'mass');
      expect(byMass?.value).toBeCloseTo(expected.calibrationErrorMass, digits);
      expect(byMass?.bins.every((bin) => bin.rows === expected.actual.length / 10)).toBe(true);
    }
  });

  it.each(fixtures.multiclass)('multiclass, case %#', (expected) => {
    const data = multiclassRows(expected.classes, expected.actual, expected.probabilities);
    const got = measure(data, settings);
    for (const metric of ['precision', 'recall', 'f1'] as const) {
      expect(got[metric]?.value, metric).toBeCloseTo(expected.macro[metric], digits);
      expect(got.accuracy?.value).toBeCloseTo(expected.micro[metric], digits);
      const perClass = classReports(confusionOf(data)).map((report) => report[metric]);
      for (const [index, value] of expected.perClass[metric].entries()) {
        expect(perClass[index]).toBeCloseTo(value, digits);
      }
    }
    for (const metric of ['accuracy', 'auc', 'logLoss', 'calibrationError'] as const) {
      expect(got[metric]?.value, metric).toBeCloseTo(expected[metric], digits);
    }
  });

  it.each(fixtures.regression)('regression, case %#', ({ actual, predicted, ...expected }) => {
    const got = measure(
      { task: 'regression', classes: 0, rows: actual.length, actual, predicted, probabilities: [] },
      settings,
    );
    for (const metric of ['mae', 'rmse', 'r2', 'mape'] as const) {
      expect(got[metric]?.value, metric).toBeCloseTo(expected[metric], digits);
    }
  });

  it.each(fixtures.isotonic)('isotonic regression, case %#', ({ scores, outcomes, probes, calibrated }) => {
    const curve = fitIsotonic(scores, outcomes);
    for (const [i, probe] of probes.entries()) {
      expect(calibrate(curve, probe)).toBeCloseTo(calibrated[i] as number, digits);
    }
  });

  it.each(fixtures.delong)('variance of the AUC by DeLong, case %#', ({ actual, score, auc, variance }) => {
    const ranked = rankScores(score, actual);
    expect(ranked?.auc).toBeCloseTo(auc, digits);
    expect(ranked?.variance).toBeCloseTo(variance, digits);
  });
});

describe('estimates without labels agree with nannyml', () => {
  it.each(fixtures.estimates)('binary, case %#', ({ score, calibrated, predicted, ...expected }) => {
    const both = (values: number[]) => values.flatMap((value) => [1 - value, value]);
    const got = estimatePerformance(
      { classes: 2, rows: score.length, predicted, calibrated: both(calibrated), scores: both(score) },
      z,
    );
    for (const metric of ['accuracy', 'precision', 'recall', 'f1', 'auc'] as const) {
      expect(got[metric]?.value, metric).toBeCloseTo(expected[metric], digits);
    }
  });

  it.each(fixtures.multiclassEstimates)(
    'multiclass, case %#',
    ({ classes, scores, calibrated, predicted, ...expected }) => {
      const data = { classes, rows: predicted.length, predicted, calibrated: calibrated.flat(), scores: scores.flat() };
      const got = estimatePerformance(data, z);
      for (const metric of ['accuracy', 'precision', 'recall', 'f1', 'auc'] as const) {
        expect(got[metric]?.value, metric).toBeCloseTo(expected[metric], digits);
      }
    },
  );
});

describe('laws and intervals', () => {
  it('agree with scipy', () => {
    for (const { z: at, survival } of fixtures.laws.normal) {
      expect(normalSurvival(at) / survival).toBeCloseTo(1, digits);
    }
    for (const { tail, z: at } of fixtures.laws.quantile) expect(normalUpperQuantile(tail)).toBeCloseTo(at, digits);
    for (const { k, n, p, atMost } of fixtures.laws.binomial) {
      expect(binomialAtMost(k, n, p) / atMost).toBeCloseTo(1, digits);
    }
    for (const { part, whole, interval } of fixtures.laws.wilson) {
      const { low, high } = shareEstimate(part, whole, z);
      expect(low).toBeCloseTo(interval[0] as number, digits);
      expect(high).toBeCloseTo(interval[1] as number, digits);
    }
  });

  it('hold the true value about as often as they say', () => {
    const random = createRandom(5);
    const truth = { accuracy: 0.75, precision: 0.75, recall: 0.75, f1: 0.75, auc: 5 / 6 };
    const held: Record<string, number> = {};
    const trials = 400;
    for (let trial = 0; trial < trials; trial++) {
      // The score is uniform, and a row is positive with its chance: so the classes overlap by a known amount.
      const score = Array.from({ length: 300 }, random);
      const actual = score.map((value) => (random() < value ? 1 : 0));
      const got = measure(binaryRows(actual, score), { ...settings, only: new Set(['auc'] as const) });
      for (const [metric, value] of Object.entries(truth)) {
        const { low, high } = got[metric as keyof typeof truth] as { low: number; high: number };
        if (low <= value && value <= high) held[metric] = (held[metric] ?? 0) + 1;
      }
    }
    for (const [metric, count] of Object.entries(held)) {
      expect(count / trials, metric).toBeGreaterThan(0.92);
      expect(count / trials, metric).toBeLessThan(0.98);
    }
  });

  it('hold the realised metric about as often as they say, where it is estimated from right probabilities', () => {
    const random = createRandom(6);
    const held: Record<string, number> = {};
    const trials = 300;
    for (let trial = 0; trial < trials; trial++) {
      const score = Array.from({ length: 200 }, () => random() ** 0.7);
      const actual = score.map((value) => (random() < value ? 1 : 0));
      const realised = measure(binaryRows(actual, score), settings);
      const both = score.flatMap((value) => [1 - value, value]);
      const predicted = score.map((value) => (value >= 0.5 ? 1 : 0));
      const estimated = estimatePerformance({ classes: 2, rows: 200, predicted, calibrated: both, scores: both }, z);
      for (const metric of ['accuracy', 'precision', 'recall', 'f1', 'auc'] as const) {
        const value = realised[metric]?.value as number;
        const { low, high } = estimated[metric] as { low: number; high: number };
        if (low <= value && value <= high) held[metric] = (held[metric] ?? 0) + 1;
      }
    }
    for (const [metric, count] of Object.entries(held)) {
      expect(count / trials, metric).toBeGreaterThan(0.91);
      expect(count / trials, metric).toBeLessThan(0.985);
    }
  });
});

describe('metrics that the rows do not define', () => {
  it('are absent', () => {
    expect(measure(binaryRows([], []), settings)).toEqual({});
    const noPositives = measure(binaryRows([0, 0, 0], [0.1, 0.2, 0.3]), settings);
    expect(Object.keys(noPositives).sort()).toEqual(['accuracy', 'calibrationError', 'logLoss']);
    const constant = { actual: [3, 3], predicted: [3, 4] };
    const regression = measure({ task: 'regression', classes: 0, rows: 2, ...constant, probabilities: [] }, settings);
    expect(Object.keys(regression).sort()).toEqual(['mae', 'mape', 'rmse']);
  });

  it('include those that need probabilities, where none came', () => {
    const rows = { ...binaryRows([0, 1], [0.1, 0.9]), probabilities: [Number.NaN, Number.NaN] };
    expect(Object.keys(measure(rows, settings)).sort()).toEqual(['accuracy', 'f1', 'precision', 'recall']);
  });

  it('leave a macro mean to the classes where they are defined', () => {
    const rows = multiclassRows(
      3,
      [0, 1, 0],
      [
        [1, 0, 0],
        [0, 1, 0],
        [0, 1, 0],
      ],
    );
    const got = measure(rows, settings);
    expect(got.recall?.value).toBeCloseTo(0.75);
    expect(got.precision?.value).toBeCloseTo(0.75);
  });
});

describe('the AUC of classes told apart without a fault', () => {
  it('still has an interval', () => {
    const { auc } = measure(binaryRows([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]), settings);
    expect(auc?.value).toBe(1);
    expect(auc?.low).toBeLessThan(0.5);
  });
});
