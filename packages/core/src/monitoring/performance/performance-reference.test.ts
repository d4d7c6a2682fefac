import { describe, expect, it } from 'vitest';
import { createRandom } from '../random';
import { fitPerformanceReference, type LabelledPrediction } from './fit-performance-reference';
import {
  checkPerformanceReference,
  parsePerformanceReference,
  serializePerformanceReference,
} from './performance-reference-format';

const random = createRandom(8);
const binary = (rows: number): LabelledPrediction[] =>
  Array.from({ length: rows }, () => {
    const score = random();
    return { score, label: random() < score, tags: { country: random() < 0.5 ? 'ch' : 'fr' } };
  });
const encode = (plain: unknown) => new TextEncoder().encode(JSON.stringify(plain));

describe('a reference of performance', () => {
  it('survives its file, and that of another JSON', async () => {
    const reference = await fitPerformanceReference(binary(500), { task: 'binary', slices: { country: 'country' } });
    const bytes = serializePerformanceReference(reference);
    expect(parsePerformanceReference(bytes)).toEqual(reference);
    expect(checkPerformanceReference(JSON.parse(JSON.stringify({ inner: reference })).inner)).toEqual(reference);
    expect(reference.slices.map(({ part }) => part).sort()).toEqual(['ch', 'fr']);
    expect(reference.rows).toBe(500);
    expect(bytes.byteLength).toBeLessThan(20_000);
  });

  it('is fitted from anything that yields rows, and the same each time', async () => {
    const rows = Array.from({ length: 400 }, (): LabelledPrediction => {
      const x = random();
      return { value: x, features: [x, random()], label: x + random() * x };
    });
    const stream = async function* () {
      yield* rows;
    };
    const first = await fitPerformanceReference(rows, { task: 'regression' });
    const second = await fitPerformanceReference(stream(), { task: 'regression' });
    expect(second).toEqual(first);
    expect(
      parsePerformanceReference(serializePerformanceReference(first)).losses?.absolute.trees.length,
    ).toBeGreaterThan(0);
    expect(first.calibration).toEqual([]);
  });

  it('goes without curves where no row had probabilities, and without loss models where none had features', async () => {
    const decided = await fitPerformanceReference(
      [
        { predicted: 1, label: 1 },
        { predicted: 0, label: 1 },
      ],
      { task: 'binary' },
    );
    expect(decided.calibration).toEqual([]);
    expect(decided.metrics.accuracy).toMatchObject({ value: 0.5, rows: 2 });
    const plain = await fitPerformanceReference([{ value: 1, label: 2 }], { task: 'regression' });
    expect(plain.losses).toBeUndefined();
  });

  it.each([
    [[], { task: 'binary' }, 'INVALID_INPUT', 'rows'],
    [5, { task: 'binary' }, 'INVALID_INPUT', 'rows'],
    [[{ score: 2, label: 1 }], { task: 'binary' }, 'INVALID_INPUT', 'prediction.score'],
    [[{ score: 0.5, label: 'yes' }], { task: 'binary' }, 'INVALID_INPUT', 'label'],
    [
      [
        { value: 1, label: 1, features: [1, 2] },
        { value: 1, label: 1, features: [1] },
      ],
      { task: 'regression' },
      'INVALID_INPUT',
      'prediction.features',
    ],
    [
      [
        { value: 1, label: 1, features: [1] },
        { value: 1, label: 1 },
      ],
      { task: 'regression' },
      'INVALID_INPUT',
      'prediction.features',
    ],
    [
      [{ value: 1, label: 1, features: [Number.POSITIVE_INFINITY] }],
      { task: 'regression' },
      'INVALID_INPUT',
      'prediction.features[0]',
    ],
    [[{ value: 1, label: 1, features: [1] }], { task: 'regression' }, 'INVALID_INPUT', 'rows'],
    [
      [
        { score: 0.5, label: 1 },
        { score: 0.5, label: 1 },
      ],
      { task: 'binary', maxRows: 1 },
      'LIMIT_EXCEEDED',
      'rows',
    ],
    [[], { task: 'other' }, 'INVALID_OPTION', 'task'],
    [[], { task: 'binary', maxParts: 0 }, 'INVALID_OPTION', 'maxParts'],
    [[], { task: 'binary', speed: 1 }, 'INVALID_OPTION', 'speed'],
  ])('is not fitted from %j with %j', async (rows, options, code, field) => {
    await expect(fitPerformanceReference(rows as never, options as never)).rejects.toMatchObject({
      code,
      details: { field },
    });
  });

  it('stops when it is aborted', async () => {
    await expect(
      fitPerformanceReference(binary(5), { task: 'binary', signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it('is not read from what is none', async () => {
    const good = await fitPerformanceReference(binary(100), { task: 'binary' });
    const curve = good.calibration[0] as { scores: number[]; probabilities: number[] };
    const bad: unknown[] = [
      null,
      [],
      {},
      { ...good, version: 0 },
      { ...good, rows: 0 },
      { ...good, task: 'multiclass', classes: ['a'] },
      { ...good, classes: [1, 1] },
      { ...good, metrics: { speed: { value: 1, standardError: 0, rows: 1 } } },
      { ...good, metrics: { auc: { value: '1', standardError: 0, rows: 1 } } },
      { ...good, calibration: [{ ...curve, scores: [...curve.scores].reverse() }] },
      { ...good, calibration: [{ ...curve, probabilities: [2] }] },
      { ...good, calibration: [curve, curve] },
      { ...good, extra: 1 },
      { ...good, losses: { absolute: { edges: [] } } },
    ];
    for (const plain of bad) {
      expect(() => parsePerformanceReference(encode(plain)), JSON.stringify(plain)?.slice(0, 80)).toThrow(
        expect.objectContaining({ code: 'STORE_CORRUPT' }),
      );
    }
    expect(() => parsePerformanceReference(encode({ ...good, version: 2 }))).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED' }),
    );
    expect(() => parsePerformanceReference(Uint8Array.of(0xff))).toThrow(
      expect.objectContaining({ code: 'STORE_CORRUPT' }),
    );
    const huge = { byteLength: 2 ** 30 } as Uint8Array;
    expect(() => parsePerformanceReference(huge)).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
    const tree = { feature: [0, 9, 0], bin: [0, 0, 0], leaves: [0, 0, 0, 0] };
    const loss = { base: 1, edges: [[0]], trees: [tree], residualVariance: 0, bias: 0, heldOutRows: 1 };
    const regression = {
      ...good,
      task: 'regression',
      classes: [],
      calibration: [],
      losses: { absolute: loss, squared: loss },
    };
    expect(() => checkPerformanceReference(regression)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
  });
});
