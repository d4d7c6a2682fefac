import { describe, expect, it } from 'vitest';
import { FairleadError } from '../../errors';
import { createRandom } from '../random';
import { createEmbeddings, silent } from './embedding.fixture';
import { parseEmbeddingReference, serializeEmbeddingReference } from './embedding-format';
import { createEmbeddingMonitor } from './embedding-monitor';
import { type EmbeddingRows, type FitEmbeddingOptions, fitEmbeddingReference } from './fit-embedding-reference';

const width = 5;
const tensor = createEmbeddings(4, width)(400);
const rows = Array.from({ length: 400 }, (_, row) => tensor.data.subarray(row * width, (row + 1) * width));

async function errorOf(promise: Promise<unknown>): Promise<FairleadError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!FairleadError.isInstance(error)) throw new Error(`no FairleadError: ${String(error)}`);
  return error;
}

function thrownBy(call: () => unknown): FairleadError {
  try {
    call();
  } catch (error) {
    if (FairleadError.isInstance(error)) return error;
  }
  throw new Error('no FairleadError');
}

describe('fitEmbeddingReference', () => {
  it('gives the same for a tensor, rows, tensors one after another, and another batch axis', async () => {
    const whole = await fitEmbeddingReference(tensor);
    const transposed = Float32Array.from(tensor.data, (_, i) => rows[i % 400]?.[Math.floor(i / 400)] as number);
    async function* later() {
      yield { dtype: 'float32' as const, shape: [1, width], data: rows[0] as Float32Array };
      yield { dtype: 'float32' as const, shape: [0, width], data: new Float32Array(0) };
      yield* rows.slice(1);
    }
    expect(await fitEmbeddingReference(rows)).toEqual(whole);
    expect(await fitEmbeddingReference(later())).toEqual(whole);
    const other = { dtype: 'float32' as const, shape: [width, 400], data: transposed };
    expect(await fitEmbeddingReference(other, { batchAxis: 1 })).toEqual(whole);
  });

  it('has moments, projections of variance about 1, and a sample of the rows', async () => {
    const { mean, deviation, projections, sample, sampleRows, ...reference } = await fitEmbeddingReference(tensor, {
      projections: 3,
      sampleRows: 50,
    });
    const column = rows.map((row) => row[1] as number);
    const average = column.reduce((sum, value) => sum + value, 0) / 400;
    expect(mean[1]).toBeCloseTo(average, 10);
    expect(deviation[1]).toBeCloseTo(Math.sqrt(column.reduce((sum, x) => sum + (x - average) ** 2, 0) / 400), 10);
    expect(reference).toEqual({ width, rows: 400, nonFiniteRows: 0, seed: 1, projectionCount: 3 });
    expect(projections.features.map(({ name }) => name)).toEqual([
      'projection[0]',
      'projection[1]',
      'projection[2]',
      'distance',
    ]);
    for (const feature of projections.features.slice(0, 3)) {
      expect(feature.mean).toBeCloseTo(0, 10);
      expect(feature.deviation).toBeGreaterThan(0.5);
      expect(feature.deviation).toBeLessThan(1.6);
    }
    expect(sampleRows).toBe(50);
    const all = new Set(rows.map((row) => row.join()));
    const kept = Array.from({ length: 50 }, (_, row) => sample.subarray(row * width, (row + 1) * width).join());
    expect(kept.every((row) => all.has(row))).toBe(true);
    expect(new Set(kept).size).toBe(50);
  });

  it('measures the distance of training rows as that of live ones: from what the others say', async () => {
    // 40 rows of 64 dimensions: from their own mean they would lie 2.5 % nearer, a third of a standard deviation.
    const draw = createEmbeddings(9, 64);
    const small = await fitEmbeddingReference(draw(40));
    const { mean } = small.projections.features.at(-1) ?? {};
    const live = draw(4000);
    let sum = 0;
    for (let row = 0; row < 4000; row++) {
      let squares = 0;
      for (let i = 0; i < 64; i++) {
        const value = (live.data[row * 64 + i] as number) - (small.mean[i] as number);
        squares += (value / (small.deviation[i] as number)) ** 2;
      }
      sum += Math.sqrt(squares / 64);
    }
    expect(mean).toBeGreaterThan(1);
    expect(Math.abs((mean ?? 0) - sum / 4000)).toBeLessThan(0.03);
  });

  it('counts rows that are not finite, as missing values of the projections', async () => {
    const some = [...rows, [Number.NaN, 0, 0, 0, 0], [0, 0, Number.POSITIVE_INFINITY, 0, 0], [1e39, 0, 0, 0, 0]];
    const reference = await fitEmbeddingReference(some);
    expect(reference).toMatchObject({ rows: 400, nonFiniteRows: 3, projections: { rows: 403 } });
    expect(reference.projections.features[0]?.missing).toBe(3);
    expect(reference.mean).toEqual((await fitEmbeddingReference(rows)).mean);
  });

  it('takes rows that are all the same, and any other row is a drift', async () => {
    const same = { dtype: 'float32' as const, shape: [500, 3], data: new Float32Array(1500).fill(0.1) };
    const reference = await fitEmbeddingReference(same);
    expect(Array.from(reference.deviation)).toEqual([0, 0, 0]);
    const monitor = createEmbeddingMonitor({ reference, maxCpuShare: 1, logger: silent });
    monitor.observe(same);
    expect(monitor.state).toBe('ok');
    monitor.observe({ ...same, data: new Float32Array(1500).fill(0.2) });
    expect(monitor.state).toBe('drift');
    await monitor.close();
  });

  it('counts a live row as the same training row, although values of few kinds lie on edges of bins', async () => {
    const random = createRandom(8);
    const draw = (count: number) => ({
      dtype: 'float32' as const,
      shape: [count, 3],
      data: new Float32Array(count * 3).map(() => Math.fround(random() < 0.3 ? 0.1 : 0.7)),
    });
    const training = draw(3000);
    const reference = await fitEmbeddingReference(training, { maxRows: 3000 });
    const monitor = createEmbeddingMonitor({ reference, maxCpuShare: 1, mmd: false, windowRows: 3000, logger: silent });
    monitor.observe(training);
    const { projections } = monitor.report();
    expect(projections.features.map(({ ks }) => ks)).toEqual(new Array(17).fill(0));
    monitor.observe(draw(20_000));
    expect(monitor.state).toBe('ok');
    await monitor.close();
  });

  it.each<[string, unknown, FitEmbeddingOptions, string]>([
    ['no row', [], {}, 'INVALID_INPUT'],
    ['an empty tensor', { dtype: 'float32', shape: [0, 4], data: new Float32Array(0) }, {}, 'INVALID_INPUT'],
    ['one row', [[1, 2]], {}, 'INVALID_INPUT'],
    ['only rows of NaN', [[Number.NaN], [Number.NaN]], {}, 'INVALID_INPUT'],
    ['rows of different widths', [[1, 2], [1]], {}, 'INVALID_INPUT'],
    ['rows of no value', [[], []], {}, 'INVALID_INPUT'],
    ['rows of strings', [['a'], ['b']], {}, 'INVALID_INPUT'],
    ['a tensor of strings', { dtype: 'string', shape: [2, 1], data: ['a', 'b'] }, {}, 'INVALID_INPUT'],
    ['a bare typed array', Float32Array.of(1, 2, 3), {}, 'INVALID_INPUT'],
    ['nothing', undefined, {}, 'INVALID_INPUT'],
    ['no projection', rows, { projections: 0 }, 'INVALID_OPTION'],
    ['a negative seed', rows, { seed: -1 }, 'INVALID_OPTION'],
    ['too wide rows', [new Float32Array(65_537)], {}, 'LIMIT_EXCEEDED'],
    ['too many signs', [new Float32Array(32_768)], { projections: 256 }, 'LIMIT_EXCEEDED'],
    ['too large a sample', [new Float32Array(16_384)], { sampleRows: 2048 }, 'LIMIT_EXCEEDED'],
    ['too many rows to keep', [new Float32Array(16_384)], {}, 'LIMIT_EXCEEDED'],
  ])('refuses %s', async (_what, given, options, code) => {
    expect((await errorOf(fitEmbeddingReference(given as EmbeddingRows, options))).code).toBe(code);
  });

  it('ends when its signal is aborted', async () => {
    const signal = AbortSignal.abort();
    expect((await errorOf(fitEmbeddingReference(rows, { signal }))).code).toBe('ABORTED');
  });
});

describe('the bytes of an embedding reference', () => {
  it('come back bit for bit', async () => {
    const reference = await fitEmbeddingReference(tensor, { projections: 3 });
    const bytes = serializeEmbeddingReference(reference);
    expect(parseEmbeddingReference(bytes)).toEqual(reference);
    // As part of a larger buffer at an odd place, too.
    const larger = new Uint8Array(bytes.length + 9);
    larger.set(bytes, 3);
    expect(parseEmbeddingReference(larger.subarray(3, 3 + bytes.length))).toEqual(reference);
  });

  it('are refused wherever they are cut', async () => {
    const bytes = serializeEmbeddingReference(await fitEmbeddingReference(tensor, { projections: 1, sampleRows: 2 }));
    for (let length = 0; length < bytes.length; length += 7) {
      expect(thrownBy(() => parseEmbeddingReference(bytes.slice(0, length))).code).toBe('STORE_CORRUPT');
    }
  });

  it.each<[string, (head: Record<string, unknown>) => void]>([
    ['a width that would take terabytes', (head) => Object.assign(head, { width: 2 ** 45 })],
    ['a width that the bytes do not have', (head) => Object.assign(head, { width: 65_536 })],
    ['a sample that would take gigabytes', (head) => Object.assign(head, { sampleRows: 2 ** 31 })],
    ['a sample of no number of rows', (head) => Object.assign(head, { sampleRows: 'many' })],
    ['projections without end', (head) => Object.assign(head, { projectionCount: 2 ** 40 })],
    ['other projections than it describes', (head) => Object.assign(head, { projectionCount: 2 })],
    ['no projections', (head) => Object.assign(head, { projections: null })],
    ['fewer rows than in the sample', (head) => Object.assign(head, { rows: 3 })],
  ])('are refused with %s', async (_what, change) => {
    const bytes = serializeEmbeddingReference(await fitEmbeddingReference(tensor, { projections: 1, sampleRows: 4 }));
    const headBytes = new DataView(bytes.buffer).getUint32(8, true);
    const head = JSON.parse(new TextDecoder().decode(bytes.subarray(12, 12 + headBytes))) as Record<string, unknown>;
    change(head);
    const json = new TextEncoder().encode(JSON.stringify(head));
    const hostile = new Uint8Array(12 + json.length + bytes.length - 12 - headBytes);
    hostile.set(bytes.subarray(0, 12));
    new DataView(hostile.buffer).setUint32(8, json.length, true);
    hostile.set(json, 12);
    hostile.set(bytes.subarray(12 + headBytes), 12 + json.length);
    expect(thrownBy(() => parseEmbeddingReference(hostile)).code).toBe('STORE_CORRUPT');
  });

  it('are refused with values that are not finite, of a later version, and when they are too many', async () => {
    const bytes = serializeEmbeddingReference(await fitEmbeddingReference(tensor));
    const view = new DataView(bytes.buffer);
    view.setFloat32(bytes.length - 4, Number.NaN, true);
    expect(thrownBy(() => parseEmbeddingReference(bytes)).details.field).toBe('reference.sample');
    view.setUint32(4, 2, true);
    expect(thrownBy(() => parseEmbeddingReference(bytes)).code).toBe('UNSUPPORTED');
    view.setUint32(4, 0, true);
    expect(thrownBy(() => parseEmbeddingReference(bytes)).code).toBe('STORE_CORRUPT');
    const many = new Uint8Array(80 * 2 ** 20 + 1);
    expect(thrownBy(() => parseEmbeddingReference(many)).code).toBe('LIMIT_EXCEEDED');
  });

  it('are not written of a reference that contradicts itself', async () => {
    const reference = await fitEmbeddingReference(tensor);
    const wrong = { ...reference, mean: new Float64Array(2) };
    expect(thrownBy(() => serializeEmbeddingReference(wrong)).code).toBe('INVALID_ARGUMENT');
  });
});
