import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairleadError } from '../errors';
import { fitReference, type Reference, serializeReference } from '../monitoring';
import { createRandom } from '../monitoring/random';
import { layOut } from '../monitoring/sketches/feature-layout';
import { type createMockBackend, mockModel } from '../testing';
import { closeBench, collectInto, openBench, rowsOf, until } from '../testing/test-kit.fixture';
import { fingerprintOf } from './fingerprint';
import { MergedCounts } from './merged-counts';
import { createTelemetryRecorder } from './recorder';
import type { TelemetryRecorderOptions } from './recorder-options';
import type { TelemetryReport } from './report';
import { twoFeatures } from './telemetry.fixture';
import { TelemetryWindow } from './telemetry-window';
import { encodeReport, sealBody } from './wire';

const signature = {
  inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 2] }],
  outputs: [
    { name: 'y', dtype: 'float32', shape: ['batch', 2] },
    { name: 'label', dtype: 'int64', shape: ['batch'] },
  ],
  batchAxis: 0,
} as const;

/** A runner whose label is the first value, by a tenth, and a recorder of it. */
async function watched(options: TelemetryRecorderOptions = {}) {
  const reference = await twoFeatures();
  const compute: NonNullable<Parameters<typeof createMockBackend>[0]>['compute'] = ({ x }, rows) => {
    const data = x?.data as Float32Array;
    if (data[0] === -1) throw new Error('this row cannot be computed');
    const label = BigInt64Array.from({ length: rows }, (_, row) => BigInt(Math.floor((data[2 * row] as number) / 10)));
    return {
      y: { dtype: 'float32', shape: [rows, 2], data: data.slice() },
      label: { dtype: 'int64', shape: [rows], data: label },
    };
  };
  const bench = await openBench({ signature, compute, latencyMs: () => 3, device: 'wasm' });
  const recorder = createTelemetryRecorder(bench.runner, {
    reference,
    clock: bench.clock,
    logger: collectInto(bench.log),
    maxCpuShare: 1,
    privacy: { minimumCount: 1 },
    ...options,
  });
  const run = (...rows: readonly (readonly number[])[]) => until(bench.runner.run({ x: rowsOf(...rows) }), bench.clock);
  return { ...bench, bench, reference, recorder, run };
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);

describe('createTelemetryRecorder', () => {
  it('counts rows by the bins of the reference, with predictions, times and failures, and tells no value', async () => {
    const { bench, clock, recorder, run, runner } = await watched({
      predictions: { output: 'label', classes: 10 },
      variant: 'fp16',
    });
    await run([5, 3], [15, 3], [15, Number.NaN]);
    await expect(run([-1, 0])).rejects.toThrow();
    await clock.settle();
    const [report, ...more] = recorder.take();
    expect(more).toEqual([]);
    expect(report).toMatchObject({
      modelName: runner.model.name,
      modelVersion: runner.model.version,
      variant: 'fp16',
      device: 'wasm',
      rows: 3,
      minimumCount: 1,
      predictions: [1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      failures: { RUN_FAILED: 1 },
    });
    expect(report?.counts.map(sum)).toEqual([3, 3]);
    expect(report?.counts[1]?.at(-3)).toBe(1); // NaN
    expect(sum(report?.latency ?? [])).toBe(1);
    expect(recorder.take()).toEqual([]);
    await recorder.close();
    await closeBench(bench);
  });

  it('holds small counts back until they add up, so that in the end nothing is missing', async () => {
    const { bench, recorder, run } = await watched({ privacy: { minimumCount: 5 } });
    const told: TelemetryReport[] = [];
    for (let turn = 0; turn < 25; turn++) {
      await run([turn * 4, 1]);
      told.push(...recorder.take());
    }
    for (const { rows, counts, latency, minimumCount } of told) {
      expect(minimumCount).toBe(5);
      for (const count of [rows, ...counts.flat(), ...latency]) expect(count % 5).toBe(0);
    }
    expect(sum(told.map(({ rows }) => rows))).toBe(25);
    expect(sum(told.map(({ counts }) => sum(counts[1] ?? [])))).toBe(25);
    await recorder.close();
    await closeBench(bench);
  });

  it('takes the reference of a model that brings one, and ends the window at a swap', async () => {
    const { bench, recorder, run, runner, clock, reference } = await watched();
    await run([1, 1], [2, 2]);
    const own = await fitReference(
      [
        [0, 0],
        [1, 5],
        [2, 9],
      ],
      { inputs: ['x'] },
    );
    await until(runner.swap(mockModel('2', { reference: serializeReference(own) })), clock);
    await clock.settle();
    await run([3, 3]);
    const [before, after, ...more] = recorder.take();
    expect(more).toEqual([]);
    expect(before).toMatchObject({ modelVersion: '1', rows: 2, reference: fingerprintOf(reference) });
    expect(after).toMatchObject({ modelVersion: '2', rows: 1, reference: fingerprintOf(own) });
    expect([before, after].map((report) => Number.parseInt(report?.id.slice(24) ?? '', 16))).toEqual([0, 1]);
    expect(before?.id.slice(0, 24)).toBe(after?.id.slice(0, 24));
    await recorder.close();
    await closeBench(bench);
  });

  it('counts no more rows than a window may have, and none that is not allowed', async () => {
    let isAllowed = true;
    const { bench, recorder, run } = await watched({ maxRowsPerWindow: 4, isAllowed: () => isAllowed });
    await run([1, 1], [2, 2], [3, 3]);
    await run([1, 1], [2, 2], [3, 3]);
    expect(recorder.rows).toEqual({ counted: 4, skipped: 2 });
    expect(recorder.take()[0]?.rows).toBe(4);
    isAllowed = false;
    await run([1, 1]);
    expect(recorder.rows).toEqual({ counted: 4, skipped: 3 });
    expect(recorder.take()).toEqual([]);
    await recorder.close();
    await closeBench(bench);
  });

  it('tells with noise only chosen features, negative counts and all, and spends no second budget on the others', async () => {
    const { bench, recorder, run } = await watched({ privacy: { epsilon: 1, featuresPerReport: 1 } });
    const seen = new Set<number>();
    for (let turn = 0; turn < 40; turn++) {
      await run([1, 1]);
      const [report] = recorder.take();
      expect(report?.features).toHaveLength(1);
      expect(report?.noise).toEqual({ epsilon: 1, featureScale: 2, otherScale: 8 });
      seen.add(report?.features[0] ?? -1);
    }
    expect([...seen].sort()).toEqual([0, 1]);
    await recorder.close();
    await closeBench(bench);
  });

  it('refuses options that contradict each other or the format', async () => {
    const { bench, recorder, runner, reference } = await watched();
    const faults: [TelemetryRecorderOptions, string][] = [
      [{ privacy: { epsilon: 1, minimumCount: 5 } }, 'privacy.minimumCount'],
      [{ privacy: { epsilon: 0 } }, 'privacy.epsilon'],
      [{ reference, privacy: { epsilon: 1e-4, unit: 'window' } }, 'privacy.epsilon'],
      [{ privacy: { minimumCount: 0 } }, 'privacy.minimumCount'],
      [{ predictions: { output: 'label', classes: ['a', 'a'] } }, 'predictions'],
      [{ variant: 'FP 16' }, 'variant'],
      [{ reference: { ...reference, rows: 3 } }, 'reference.features.0.counts'],
    ];
    for (const [options, field] of faults) {
      let error: unknown;
      try {
        createTelemetryRecorder(runner, options);
      } catch (thrown) {
        error = thrown;
      }
      expect(FairleadError.isInstance(error, 'INVALID_OPTION') && error.details.field).toBe(field);
    }
    await recorder.close();
    await closeBench(bench);
  });
});

describe('counts of devices', () => {
  it('add up to those of one stream, however rows are split and reports are merged', async () => {
    const reference = await twoFeatures();
    const row = fc.tuple(
      fc.integer({ min: -50, max: 150 }),
      fc.oneof(fc.integer({ min: 0, max: 12 }), fc.constant(Number.NaN)),
    );
    const devices = fc.array(fc.array(row, { minLength: 1, maxLength: 90 }), { minLength: 1, maxLength: 6 });
    const countedBy = (rows: [number, number][], id: number): TelemetryReport => {
      const window = new TelemetryWindow(reference, undefined, 1e6);
      window.addBatch({ x: rowsOf(...rows) }, {}, 0, 1, rows.length, 0);
      const all = reference.features.map((_, index) => index);
      const head = { id: String(id), modelName: 'm', modelVersion: '1', reference: '', variant: 'a', device: 'b' };
      return { ...head, fromEpochMs: 0, toEpochMs: 0, minimumCount: 1, ...window.take(all, 1) };
    };
    const mergedOf = (...reports: readonly TelemetryReport[]): MergedCounts => {
      const merged = new MergedCounts(layOut(reference), 0);
      for (const report of reports) merged.add(report);
      return merged;
    };
    const plain = ({ layout: _, ...rest }: MergedCounts) => rest;
    fc.assert(
      fc.property(devices, fc.nat(), (list, cut) => {
        const reports = list.map(countedBy);
        const at = cut % reports.length;
        const [left, right] = [mergedOf(...reports.slice(0, at)), mergedOf(...reports.slice(at))];
        const [one, other] = [mergedOf(), mergedOf()];
        for (const each of [left, right]) one.merge(each);
        for (const each of [right, left]) other.merge(each);
        expect(plain(one)).toEqual(plain(other));
        const whole = mergedOf(countedBy(list.flat(), 0));
        expect(one.counts).toEqual(whole.counts);
        expect(one.rows).toBe(whole.rows);
      }),
    );
  });

  /** 784 features of noise, as the pixels of an image. */
  async function image(): Promise<{ reference: Reference; rows: Float32Array }> {
    const random = createRandom(5);
    const data = Float32Array.from({ length: 2000 * 784 }, () => random() * 255);
    const reference = await fitReference({ pixels: { dtype: 'float32', shape: [2000, 784], data } }, { maxRows: 2000 });
    return { reference, rows: data };
  }

  it.each([
    ['counts as they are', undefined],
    ['counts with noise', 0.5],
  ])('of 784 features in default bins take less than 64 kB: %s', async (_, epsilon) => {
    const { reference, rows } = await image();
    const window = new TelemetryWindow(reference, undefined, 1_000_000);
    const inputs = { pixels: { dtype: 'float32', shape: [2000, 784], data: rows } as const };
    for (let turn = 0; turn < 10; turn++) window.addBatch(inputs, {}, 0, 1, 2000, 0);
    expect(window.rows).toBe(20_000);
    const { makeReports } = await import('./make-reports');
    const { createSecureUniform } = await import('./noise');
    const head = {
      modelName: 'digits',
      modelVersion: '1',
      reference: 'f'.repeat(16),
      variant: 'fp32',
      device: 'wasm',
      fromEpochMs: 0,
      toEpochMs: 1,
    };
    const rules = { minimumCount: 1, epsilon, protectedRows: 1, featuresPerReport: 784, hasPredictions: false };
    const reports = makeReports(window, head, rules, createSecureUniform(), () => '0'.repeat(32));
    expect(reports).toHaveLength(1);
    expect(reports[0]?.features).toHaveLength(784);
    const body = sealBody({ token: 'x'.repeat(140), sentEpochMs: 0, reports: reports.map(encodeReport) });
    expect(body.byteLength).toBeLessThan(64_000);
    expect(body.byteLength).toBeGreaterThan(10_000);
  });

  it('of more features than fit are cut into several reports', async () => {
    const random = createRandom(6);
    const width = 6000;
    const data = Float32Array.from({ length: 300 * width }, () => random());
    const reference = await fitReference({ x: { dtype: 'float32', shape: [300, width], data } }, { maxRows: 300 });
    const window = new TelemetryWindow(reference, undefined, 1_000_000);
    window.addBatch({ x: { dtype: 'float32', shape: [300, width], data } }, {}, 0, 1, 300, 0);
    const { makeReports } = await import('./make-reports');
    const { createSecureUniform } = await import('./noise');
    const head = {
      modelName: 'm',
      modelVersion: '1',
      reference: 'f'.repeat(16),
      variant: 'fp32',
      device: 'wasm',
      fromEpochMs: 0,
      toEpochMs: 1,
    };
    const rules = {
      minimumCount: 1,
      epsilon: undefined,
      protectedRows: 1,
      featuresPerReport: 1e9,
      hasPredictions: false,
    };
    const reports = makeReports(window, head, rules, createSecureUniform(), () => '0'.repeat(32));
    expect(reports.length).toBeGreaterThan(1);
    expect(reports.flatMap(({ features }) => features)).toEqual(Array.from({ length: width }, (_, index) => index));
    expect(reports.map(({ rows }) => rows)).toEqual([300, ...reports.slice(1).map(() => 0)]);
    for (const report of reports) expect(encodeReport(report).byteLength).toBeLessThan(60_000);
  });
});
