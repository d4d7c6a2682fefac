import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { thrownBy } from '../testing/test-kit.fixture';
import { expectedCalibrationError } from './calibration-error';
import { calibrateScores, type ScoredRows } from './index';
import { fitTemperature, negativeLogLikelihood } from './temperature';

describe('temperature', () => {
  test('by hand: two classes, right 3 times in 4, logits that differ by 2', () => {
    // The most likely p solves σ(2 / T) = 3/4, so T = 2 / ln 3.
    const logits = Float64Array.of(2, 0, 2, 0, 0, 2, 2, 0);
    const labels = Int32Array.of(0, 0, 1, 1);
    const T = fitTemperature({ logits, classes: 2, labels });
    expect(T).toBeCloseTo(2 / Math.log(3), 9);
    const loss = -(3 * Math.log(0.75) + Math.log(0.25)) / 4;
    expect(negativeLogLikelihood({ logits, classes: 2, labels }, T)).toBeCloseTo(loss, 12);
  });

  test('logits times four want a temperature times four', () => {
    const logits = Float64Array.of(1, 0.5, 0, 0.2, 1, 0, 0, 0.3, 1, 1, 0, 0.4);
    const labels = Int32Array.of(0, 1, 1, 2);
    const T = fitTemperature({ logits, classes: 3, labels });
    expect(fitTemperature({ logits: logits.map((value) => value * 4), classes: 3, labels })).toBeCloseTo(4 * T, 8);
  });

  test('where the rows do not bound it, it is at its bound', () => {
    const logits = Float64Array.of(1, 0, 0, 1);
    expect(fitTemperature({ logits, classes: 2, labels: Int32Array.of(0, 1) })).toBe(0.01);
    expect(fitTemperature({ logits, classes: 2, labels: Int32Array.of(1, 0) })).toBe(100);
    expect(fitTemperature({ logits: new Float64Array(0), classes: 2, labels: new Int32Array(0) })).toBe(1);
  });

  test('no other temperature is more likely', () => {
    const row = fc.record({
      logits: fc.array(fc.double({ min: -20, max: 20, noNaN: true }), { minLength: 3, maxLength: 3 }),
      label: fc.integer({ min: 0, max: 2 }),
    });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 30 }), (rows) => {
        const given = {
          logits: Float64Array.from(rows.flatMap(({ logits }) => logits)),
          classes: 3,
          labels: Int32Array.from(rows, ({ label }) => label),
        };
        const T = fitTemperature(given);
        const least = negativeLogLikelihood(given, T);
        for (const other of [0.01, 0.1, 0.5, T * 0.99, 1, T * 1.01, 2, 10, 100]) {
          if (other >= 0.01 && other <= 100)
            expect(negativeLogLikelihood(given, other)).toBeGreaterThanOrEqual(least - 1e-9);
        }
      }),
    );
  });
});

describe('expected calibration error', () => {
  test('by hand', () => {
    // Bin (14/15, 1]: two rows at .95 and 1, one right: |1 − 1.95|. Bin (8/15, 9/15]: .6 right: |1 − .6|.
    expect(expectedCalibrationError([0.95, 1, 0.6], [1, 0, 1])).toBeCloseTo((0.95 + 0.4) / 3, 12);
    expect(expectedCalibrationError([0, Number.NaN], [0, 1])).toBe(0);
    expect(expectedCalibrationError([], [])).toBe(0);
  });

  test('an edge belongs to the bin below it', () => {
    expect(expectedCalibrationError([9 / 15, 8.5 / 15], [1, 0])).toBeCloseTo(Math.abs(1 - 17.5 / 15) / 2, 12);
  });
});

/** Two classes; the device is right on the sure rows, the cloud is always right but on row 3. */
const scored: ScoredRows = {
  scores: [0.9, 0.1, 0.2, 0.8, 0.6, 0.4, 0.55, 0.45],
  labels: [0, 1, 1, 0],
  cloudClasses: [0, 1, 1, 1],
};

describe('calibrateScores', () => {
  test('the table, by hand', () => {
    const { table, edge, cloud, recommended, rule } = calibrateScores(scored);
    expect(table.map((row) => row.escalationRate.value)).toEqual([0, 0.25, 0.5, 0.75, 1]);
    // Edge: right, right, wrong (unsure .6), right (unsure .55). Cloud: all right but the row of .55.
    expect(table.map((row) => row.accuracy?.value)).toEqual([0.75, 0.5, 0.75, 0.75, 0.75]);
    expect(table.map((row) => row.keptAccuracy?.value)).toEqual([3 / 4, 2 / 3, 1, 1, undefined]);
    expect(table.map((row) => row.cost)).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect([edge.value, cloud?.value]).toEqual([0.75, 0.75]);
    expect(recommended).toBe(table[0]);
    expect(rule.threshold).toBe(recommended.threshold);
    expect(table.at(-1)?.threshold).toBeGreaterThan(table.at(-2)?.threshold ?? 1);
  });

  test('Wilson’s interval, by hand: 3 of 4', () => {
    const { edge } = calibrateScores(scored);
    const z = 1.959963984540054;
    const centre = (0.75 + (z * z) / 8) / (1 + (z * z) / 4);
    const half = (z / (1 + (z * z) / 4)) * Math.sqrt((0.75 * 0.25) / 4 + (z * z) / 64);
    expect(edge.low).toBeCloseTo(centre - half, 12);
    expect(edge.high).toBeCloseTo(centre + half, 12);
    expect(edge.rows).toBe(4);
  });

  test('few rows are told', () => {
    expect(calibrateScores(scored).warnings.join(' ')).toMatch(
      /4 rows are few: accuracies are known to ± 0\.\d+\. About \d+ rows/,
    );
    const many = calibrateScores(rowsOfLaw(4000));
    expect(many.warnings).toEqual([]);
  });

  test('a model that is too sure of itself is cooled down, and its error shrinks', () => {
    const {
      temperature,
      expectedCalibrationError: error,
      negativeLogLikelihood: loss,
    } = calibrateScores(rowsOfLaw(4000));
    // Its logits are three times what the law of the labels is.
    expect(temperature).toBeGreaterThan(2.7);
    expect(temperature).toBeLessThan(3.3);
    expect(error?.after).toBeLessThan((error?.before ?? 0) / 3);
    expect(loss?.after).toBeLessThan(loss?.before ?? 0);
  });

  test('targets: an accuracy at the least cost, or the best within a rate or a cost', () => {
    const law = rowsOfLaw(4000);
    const none = calibrateScores(law);
    expect(none.assured).toBeUndefined();
    const wanted = (none.edge.value + (none.cloud?.value ?? 1)) / 2;
    const accurate = calibrateScores({ ...law, target: { accuracy: wanted } });
    expect(accurate.assured).toBe(true);
    expect(accurate.recommended.accuracy?.low).toBeGreaterThanOrEqual(wanted);
    for (const row of accurate.table) {
      if (row.cost < accurate.recommended.cost) expect(row.accuracy?.low).toBeLessThan(wanted);
    }
    const thrifty = calibrateScores({ ...law, target: { escalationRate: 0.2 } });
    expect(thrifty.recommended.escalationRate.value).toBeLessThanOrEqual(0.2);
    expect(thrifty.recommended.accuracy?.value).toBeGreaterThan(thrifty.edge.value);
    const cheap = calibrateScores({ ...law, cost: { edge: 1, cloud: 10 }, target: { cost: 3 } });
    expect(cheap.recommended.cost).toBeLessThanOrEqual(3);
    expect(cheap.recommended.threshold).toBeCloseTo(thrifty.recommended.threshold, 9);
    const impossible = calibrateScores({ ...law, target: { accuracy: 1 } });
    expect(impossible.assured).toBe(false);
    expect(impossible.warnings.join(' ')).toContain('No threshold reaches the target accuracy of 1');
    const broke = calibrateScores({ ...law, cost: { edge: 5 }, target: { cost: 1 } });
    expect(broke.warnings.join(' ')).toContain('No threshold stays within the target: the least is 5.');
    expect(calibrateScores({ ...scored, target: { accuracy: 0.75 } })).toMatchObject({ assured: false });
  });

  test('without a cloud the rows that stay are judged, and a target is needed', () => {
    const { cloudClasses: _, ...alone } = rowsOfLaw(4000);
    thrownBy(() => calibrateScores(alone), 'INVALID_OPTION');
    const { recommended, cloud } = calibrateScores({ ...alone, target: { accuracy: 0.95 } });
    expect(cloud).toBeUndefined();
    expect(recommended.accuracy).toBeUndefined();
    expect(recommended.keptAccuracy?.low).toBeGreaterThanOrEqual(0.95);
  });

  test('rows that are not finite are always escalated, and told', () => {
    const { table, warnings } = calibrateScores({
      scores: [Number.NaN, 1, 0.9, 0.1, 0.3, 0.7],
      labels: [0, 0, 1],
      cloudClasses: [0, 0, 1],
    });
    expect(table[0]?.escalationRate.value).toBeCloseTo(1 / 3);
    expect(table[0]?.accuracy?.value).toBe(1);
    expect(warnings[0]).toContain('1 of 3 rows have scores that are not finite');
  });

  test('it survives JSON, and its rule has what a cascade needs', () => {
    const calibration = calibrateScores({ ...rowsOfLaw(500), measure: 'margin' });
    expect(JSON.parse(JSON.stringify(calibration))).toEqual(calibration);
    expect(calibration.rule).toEqual({
      threshold: calibration.recommended.threshold,
      measure: 'margin',
      scores: 'logits',
      temperature: calibration.temperature,
    });
  });

  test.each<[string, Partial<ScoredRows>]>([
    ['labels', { labels: [0, 1, 1] }],
    ['labels', { labels: [] }],
    ['labels[2]', { labels: [0, 1, 2, 0] }],
    ['labels[1]', { labels: [0, 0.5, 1, 0] }],
    ['cloudClasses', { cloudClasses: [0] }],
  ])('refuses wrong %s', (field, wrong) => {
    expect(thrownBy(() => calibrateScores({ ...scored, ...wrong }), 'INVALID_ARGUMENT').details.field).toBe(field);
  });

  test('properties: rates only rise, the ends are the device’s and the cloud’s, and counts are those of the rule', () => {
    const row = fc.record({
      scores: fc.array(fc.double({ min: -8, max: 8, noNaN: true }), { minLength: 3, maxLength: 3 }),
      label: fc.integer({ min: 0, max: 2 }),
      cloud: fc.integer({ min: 0, max: 2 }),
    });
    const measure = fc.constantFrom('max-probability' as const, 'margin' as const, 'entropy' as const);
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 150 }), measure, (rows, by) => {
        const { table, edge, cloud } = calibrateScores({
          scores: rows.flatMap(({ scores }) => scores),
          labels: rows.map(({ label }) => label),
          cloudClasses: rows.map(({ cloud: answer }) => answer),
          kind: 'logits',
          measure: by,
        });
        expect(table.length).toBeLessThanOrEqual(101);
        for (const [index, each] of table.slice(1).entries()) {
          const before = table[index];
          expect(each.threshold).toBeGreaterThanOrEqual(before?.threshold ?? 0);
          expect(each.escalationRate.value).toBeGreaterThanOrEqual(before?.escalationRate.value ?? 0);
          expect(each.cost).toBeGreaterThanOrEqual(before?.cost ?? 0);
        }
        expect(table[0]?.escalationRate.value).toBe(0);
        expect(table[0]?.accuracy).toEqual(edge);
        expect(table.at(-1)?.escalationRate.value).toBe(1);
        expect(table.at(-1)?.accuracy).toEqual(cloud);
        expect(table.at(-1)?.keptAccuracy).toBeUndefined();
        for (const { accuracy } of table) {
          expect(accuracy?.low).toBeLessThanOrEqual(accuracy?.value ?? 0);
          expect(accuracy?.high).toBeGreaterThanOrEqual(accuracy?.value ?? 1);
        }
      }),
    );
  });
});

/** Labels drawn from softmax(z) and scores 3z: a model that is three times too sure. The cloud is right 19 times in 20. */
function rowsOfLaw(count: number): ScoredRows {
  let seed = 12345;
  const random = (): number => {
    // Numerical Recipes' linear congruential generator: the same rows on every machine.
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
  const scores: number[] = [];
  const labels: number[] = [];
  const cloudClasses: number[] = [];
  for (let row = 0; row < count; row++) {
    const z = [0, 1, 2].map(() => (random() - 0.5) * 8);
    const mass = z.reduce((sum, value) => sum + Math.exp(value), 0);
    let left = random() * mass;
    let label = 0;
    for (; label < 2; label++) {
      left -= Math.exp(z[label] as number);
      if (left < 0) break;
    }
    scores.push(...z.map((value) => value * 3));
    labels.push(label);
    cloudClasses.push(random() < 0.95 ? label : (label + 1) % 3);
  }
  return { scores, labels, cloudClasses, kind: 'logits' };
}
