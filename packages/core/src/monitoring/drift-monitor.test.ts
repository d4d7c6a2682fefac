import { describe, expect, it } from 'vitest';
import type { Clock } from '../clock';
import { createTensor, type Tensors } from '../tensor/tensor';
import { createVirtualClock } from '../testing/virtual-clock';
import { createDriftMonitor } from './drift-monitor';
import type { DriftMonitorOptions } from './drift-options';
import { fitReference } from './fit-reference';
import type { ObservedFeature } from './monitor';
import { createRandom } from './random';
import type { Reference } from './reference';
import { parseFeatureSketch, serializeFeatureSketch } from './sketches/feature-sketch-format';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** Rows of two features, uniform in [0, 1), moved by `shift`. */
function createRows(seed: number) {
  const random = createRandom(seed);
  return (rows: number, shift = 0): Tensors => ({
    x: createTensor(
      'float32',
      [rows, 2],
      Float32Array.from({ length: rows * 2 }, () => random() + shift),
    ),
  });
}

const rowsOf = createRows(1);
const reference = await fitReference(rowsOf(2000), { featureNames: ['a', 'b'] });

function createMonitor(options: DriftMonitorOptions = {}) {
  const clock = createVirtualClock();
  const events: [string, unknown][] = [];
  const monitor = createDriftMonitor({
    reference,
    windowRows: 200,
    clock,
    logger: silent,
    on: {
      'drift-start': (event) => void events.push(['drift-start', event]),
      'drift-end': (event) => void events.push(['drift-end', event]),
      'state-change': (event) => void events.push(['state-change', event]),
      'reference-change': (event) => void events.push(['reference-change', event]),
    },
    ...options,
  });
  const of = <T>(name: string): T[] => events.filter(([one]) => one === name).map(([, event]) => event as T);
  return { monitor, clock, events, names: () => events.map(([name]) => name), of };
}

describe('createDriftMonitor', () => {
  it('goes from ok to drift and back, in one episode', async () => {
    const { monitor, clock, events, of } = createMonitor();
    const rows = createRows(2);
    monitor.observe(rows(1000));
    expect(monitor.state).toBe('ok');
    expect(events).toEqual([]);
    monitor.observe(rows(200, 0.5));
    expect(monitor.state).toBe('drift');
    const episode = monitor.report().episode;
    expect(of('drift-start')).toMatchObject([{ episode, report: { state: 'drift', episode } }]);
    expect(episode).toMatchObject({ startedAtMs: clock.epochMs() });
    expect(episode?.startedAtRow).toBeGreaterThan(1000);
    expect(episode?.startedAtRow).toBeLessThanOrEqual(1200);
    await clock.advance(5000);
    monitor.observe(rows(1000));
    expect(monitor.state).toBe('ok');
    expect(of<{ from: string; to: string }>('state-change').map(({ from, to }) => [from, to])).toEqual([
      ['ok', 'drift'],
      ['drift', 'ok'],
    ]);
    const [end, ...more] = of<{ rows: number }>('drift-end');
    expect(end).toMatchObject({ episode, reason: 'recovered', durationMs: 5000 });
    expect(more).toEqual([]);
    // The window is clean after 200 rows, and five looks of 20 rows have to be quiet.
    expect(end?.rows).toBeLessThanOrEqual(200 + 300);
    expect(monitor.report().episode).toBeNull();
    expect(monitor.snapshot()).toMatchObject({ alarms: 1, rowsSeen: 2200, rowsObserved: 2200, looks: 110 });
  });

  it('reports plain data: features by evidence, their parts, means and top bins', () => {
    const { monitor } = createMonitor();
    const random = createRandom(3);
    const data = Float32Array.from({ length: 800 }, (_, i) => (i % 2 === 0 ? random() : random() * 0.5));
    monitor.observe({ x: createTensor('float32', [400, 2], data) });
    const report = monitor.report();
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    expect(report.features.map(({ name }) => name)).toEqual(['b', 'a']);
    const [moved, still] = report.features;
    expect(moved?.share).toBeGreaterThan(0.95);
    expect((moved?.share ?? 0) + (still?.share ?? 0)).toBeCloseTo(1, 12);
    expect(moved?.windowMean).toBeCloseTo(0.25, 1);
    expect(moved?.meanShift).toBeLessThan(-0.5);
    expect(moved?.psi).toBeGreaterThan(1);
    expect(moved?.ks).toBeCloseTo(0.5, 1);
    expect(moved?.topBins).toHaveLength(3);
    expect(moved?.topBins[0]?.psi).toBeGreaterThanOrEqual(moved?.topBins[1]?.psi ?? Infinity);
    expect(still?.psi).toBeLessThan(0.2);
    expect(report.topMovers.map(({ name }) => name)).toContain('b');
    expect(report.windowRows).toBe(200);
    expect(report.alarmLevelLog10).toBeCloseTo(6, 12);
    expect(report.alarmUnit).toBe('rows');
    expect(report.warningLevelLog10).toBeCloseTo(report.alarmLevelLog10 - 1, 12);
  });

  it('has a report before the first look', () => {
    const report = createMonitor().monitor.report();
    expect(report).toMatchObject({ state: 'ok', looks: 0, windowRows: 0, evidenceLog10: 0, topMovers: [] });
    expect(report.features[0]).toMatchObject({ psi: 0, share: 0, windowMean: null, topBins: [] });
  });

  it('counts values that are not finite, and alarms when they come in numbers', () => {
    const { monitor } = createMonitor();
    const { x } = createRows(4)(200) as unknown as { x: { data: Float32Array } };
    for (let i = 0; i < 40; i++) x.data[i * 10] = [Number.NaN, Infinity, -Infinity, Number.NaN][i % 4] as number;
    monitor.observe({ x: createTensor('float32', [200, 2], x.data) });
    const [first] = monitor.report().features;
    expect(monitor.state).toBe('drift');
    expect(first).toMatchObject({ name: 'a', missingShare: 0.1 });
    expect(first?.topBins[0]).toMatchObject({ kind: 'missing', referenceShare: 0, windowShare: 0.1, above: null });
    expect(monitor.snapshot().features.map(({ missing }) => missing)).toEqual([20, 0]);
  });

  it('refuses a reference that is too small for the stated time, and says how many rows it needs', async () => {
    const small = await fitReference(createRows(12)(100));
    const tooSmall = (code: string) =>
      expect.objectContaining({
        code,
        details: { field: 'reference.rows', expected: expect.stringContaining('at least 151 rows'), given: '100' },
      });
    expect(() => createMonitor({ reference: small })).toThrow(tooSmall('INVALID_OPTION'));
    const { monitor } = createMonitor();
    expect(() => monitor.useReference(small)).toThrow(tooSmall('INVALID_ARGUMENT'));
    expect(monitor.reference).toEqual(reference);
    // A false alarm oftener needs less evidence.
    expect(() => createMonitor({ reference: small, meanTimeBetweenFalseAlarms: 1000 })).not.toThrow();
  });

  it('counts time where the stated time is a duration', async () => {
    const { monitor, clock } = createMonitor({ meanTimeBetweenFalseAlarms: { durationMs: 60_000 } });
    const { monitor: byRows } = createMonitor({ meanTimeBetweenFalseAlarms: { rows: 60_000 } });
    const rows = createRows(13);
    for (let i = 0; i < 20; i++) {
      await clock.advance(100);
      const batch = rows(10);
      monitor.observe(batch);
      byRows.observe(batch);
    }
    // Ten rows in 100 ms: a millisecond of the one is a tenth of a row of the other, but for the first batch, before which no time passed.
    expect(monitor.snapshot()).toMatchObject({ alarmUnit: 'ms' });
    expect(monitor.report().alarmLevelLog10).toBeCloseTo(Math.log10(60_000), 12);
    expect(10 ** monitor.snapshot().evidenceLog10).toBeGreaterThan(3 * 10 ** byRows.snapshot().evidenceLog10);
    monitor.observe(rows(200, 0.5));
    expect(monitor.state).toBe('drift');
  });

  it('takes a small effect for no drift when asked to', () => {
    const statesOf = (minimumEffect: number, shift: number) => {
      const { monitor } = createMonitor({ minimumEffect, meanTimeBetweenFalseAlarms: 10_000 });
      monitor.observe(createRows(14)(20_000, shift));
      return monitor.snapshot().alarms > 0;
    };
    // Uniform rows moved by .05 are .05 apart from the reference; the reference itself may be wrong by some .02.
    expect(statesOf(0, 0.05)).toBe(true);
    expect(statesOf(0.08, 0.05)).toBe(false);
    expect(statesOf(0.08, 0.2)).toBe(true);
  });

  it('keeps sketches that add up with those of another process', () => {
    const [a, b, both] = [createMonitor(), createMonitor(), createMonitor()];
    const rows = createRows(16);
    const [first, second] = [rows(100), rows(150)];
    a.monitor.observe(first);
    b.monitor.observe(second);
    both.monitor.observe(first);
    both.monitor.observe(second);
    const merged = a.monitor.sketches().map(({ sketch }, index) => {
      sketch.merge(parseFeatureSketch(serializeFeatureSketch((b.monitor.sketches()[index] as ObservedFeature).sketch)));
      return sketch;
    });
    expect(both.monitor.sketches().map(({ name }) => name)).toEqual(['a', 'b']);
    both.monitor.sketches().forEach(({ sketch }, index) => {
      expect(merged[index]?.parts.buckets?.toJSON()).toEqual(sketch.parts.buckets?.toJSON());
      expect(merged[index]?.summary().count).toBe(250);
    });
    expect(a.monitor.sketches()[0]?.sketch.summary().count).toBe(100);
  });

  it('compares a window of time', async () => {
    const { monitor, clock } = createMonitor({ windowRows: undefined as never, windowMs: 1000 });
    const rows = createRows(15);
    for (let i = 0; i < 30; i++) {
      await clock.advance(100);
      monitor.observe(rows(3));
    }
    const { windowRows, looks } = monitor.snapshot();
    expect(windowRows).toBe(33);
    expect(looks).toBe(29);
    await clock.advance(5000);
    monitor.observe(rows(1));
    expect(monitor.snapshot().windowRows).toBe(1);
  });

  it('works with a reference of one value', async () => {
    const constant = await fitReference(
      Array.from({ length: 500 }, () => [5]),
      { inputs: ['x'] },
    );
    const { monitor } = createMonitor({ reference: constant });
    const send = (rows: number, value: number) =>
      monitor.observe({ x: createTensor('float32', [rows, 1], new Float32Array(rows).fill(value)) });
    send(2000, 5);
    expect(monitor.state).toBe('ok');
    send(1, 5.5);
    send(199, 5);
    expect(monitor.state).toBe('ok');
    send(40, 4.9);
    expect(monitor.state).toBe('drift');
    expect(monitor.report().features[0]?.topBins[0]).toMatchObject({ kind: 'range', above: null });
  });

  it('starts the evidence anew with another reference, and ends the episode', async () => {
    const { monitor, of, names } = createMonitor();
    const rows = createRows(5);
    monitor.observe(rows(300, 0.5));
    expect(monitor.state).toBe('drift');
    const shifted = await fitReference(rows(2000, 0.5), { featureNames: ['a', 'b'] });
    const model = { name: 'm', version: '2', digest: 'd' };
    monitor.useReference(shifted, model);
    expect(names().slice(-3)).toEqual(['state-change', 'drift-end', 'reference-change']);
    expect(of('drift-end')).toMatchObject([{ reason: 'reference-change' }]);
    expect(of('reference-change')).toMatchObject([
      { model, reference: shifted, previous: { state: 'drift', rowsSeen: 300 } },
    ]);
    expect(monitor.report()).toMatchObject({ state: 'ok', evidenceLog10: 0, windowRows: 0, model });
    monitor.observe(rows(1000, 0.5));
    expect(monitor.state).toBe('ok');
    expect(monitor.snapshot().rowsSeen).toBe(1300);
  });

  it('keeps the count of missing values of a feature across references', () => {
    const { monitor } = createMonitor();
    const missing = { x: createTensor('float32', [3, 2], Float32Array.of(NaN, 1, NaN, 1, 0, 1)) };
    monitor.observe(missing);
    monitor.useReference(reference);
    monitor.observe(missing);
    expect(monitor.snapshot().features.map((feature) => feature.missing)).toEqual([4, 0]);
  });

  it('counts rows that there is no reference for', () => {
    const monitor = createDriftMonitor({ clock: createVirtualClock(), logger: silent });
    monitor.observe(rowsOf(7));
    monitor.observe({});
    expect(monitor.snapshot()).toMatchObject({ rowsSeen: 7, rowsObserved: 0, rowsSkipped: { noReference: 7 } });
    expect(monitor.snapshot()).toMatchObject({ referenceRows: null, features: [], model: null });
    expect(monitor.reference).toBeUndefined();
  });

  it('reads rows along another axis', () => {
    const { monitor } = createMonitor();
    const { monitor: other } = createMonitor();
    const { x } = createRows(6)(200) as unknown as { x: { data: Float32Array } };
    const turned = new Float32Array(400);
    for (let row = 0; row < 200; row++) {
      turned[row] = x.data[row * 2] as number;
      turned[200 + row] = x.data[row * 2 + 1] as number;
    }
    monitor.observe({ x: createTensor('float32', [200, 2], x.data) });
    other.observe({ x: createTensor('float32', [2, 200], turned) }, 1);
    expect(other.report().features).toEqual(monitor.report().features);
  });

  it('observes a sample when it would take more than its share of the time, and counts the rest', async () => {
    const virtual = createVirtualClock();
    let busyMs = 0;
    // Every glance at the clock takes 0.2 ms, so that a batch seems to cost that much.
    const clock: Clock = {
      ...virtual,
      now: () => {
        busyMs += 0.2;
        return virtual.now() + busyMs;
      },
    };
    const { monitor } = createMonitor({ clock, maxCpuShare: 0.05 });
    const rows = createRows(7);
    for (let i = 0; i < 3000; i++) {
      await virtual.advance(1);
      monitor.observe(rows(8));
    }
    const { rowsSeen, rowsObserved, rowsSkipped, cpuShare } = monitor.snapshot();
    expect(rowsSeen).toBe(24_000);
    expect(rowsObserved + rowsSkipped.budget).toBe(rowsSeen);
    expect(rowsObserved).toBeGreaterThan(100);
    expect(rowsSkipped.budget).toBeGreaterThan(1000);
    expect(cpuShare).toBeLessThan(0.06);
    // A sample by time says the same about the rows as all of them.
    expect(monitor.state).toBe('ok');
  });

  it('says so in the log when nobody listens for a drift', () => {
    const warnings: string[] = [];
    const logger = { ...silent, warn: (_details: object, message: string) => void warnings.push(message) };
    const { monitor } = createMonitor({ logger, on: {} });
    monitor.observe(createRows(8)(300, 1));
    expect(warnings).toEqual([expect.stringMatching(/drifted from the training rows after \d+ rows, most in [ab]/)]);
  });

  it('survives a listener that throws, or that gives another reference in the midst of a batch', () => {
    const { monitor } = createMonitor({
      on: {
        'state-change': () => {
          throw new Error('not my day');
        },
        'drift-start': () => monitor.useReference(undefined),
      },
    });
    monitor.observe(createRows(9)(300, 1));
    expect(monitor.state).toBe('ok');
    const { rowsSeen, rowsObserved, rowsSkipped } = monitor.snapshot();
    expect(rowsSeen).toBe(300);
    expect(rowsObserved + rowsSkipped.loading).toBe(300);
    expect(rowsSkipped.loading).toBeGreaterThan(0);
  });

  const float = (shape: number[]): Tensors => ({
    x: createTensor('float32', shape, new Float32Array(shape.reduce((product, size) => product * size, 1))),
  });
  it.each<[string, unknown, string]>([
    ['a missing input', { y: float([1, 2]).x }, 'x'],
    ['rows of another width', float([4, 3]), 'x'],
    ['another dtype', { x: createTensor('float64', [1, 2], Float64Array.of(1, 2)) }, 'x.dtype'],
    ['strings', { x: createTensor('string', [1, 2], ['a', 'b']) }, 'x.dtype'],
    [
      'data that does not fill its shape',
      { x: { dtype: 'float32', shape: [2, 2], data: new Float32Array(3) } },
      'x.data',
    ],
    ['no tensor', { x: 5 }, 'x'],
    ['a scalar', float([]), 'x'],
  ])('refuses %s and counts nothing', (_what, inputs, field) => {
    const { monitor } = createMonitor();
    expect(() => monitor.observe(inputs as Tensors)).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', details: expect.objectContaining({ field }) }),
    );
    expect(monitor.snapshot()).toMatchObject({ rowsSeen: 0, rowsObserved: 0 });
  });

  it.each<[string, DriftMonitorOptions, string]>([
    ['an unknown option', { threshold: 0.2 } as DriftMonitorOptions, 'threshold'],
    ['a window too small', { windowRows: 10 }, 'windowRows'],
    ['false alarms oftener than every hundred rows', { meanTimeBetweenFalseAlarms: 99 }, 'meanTimeBetweenFalseAlarms'],
    ['a time in no unit', { meanTimeBetweenFalseAlarms: { days: 3 } as never }, 'meanTimeBetweenFalseAlarms'],
    ['a time too short', { meanTimeBetweenFalseAlarms: { durationMs: 10 } }, 'meanTimeBetweenFalseAlarms.durationMs'],
    ['a window in two units', { windowRows: 100, windowMs: 1000 }, 'windowMs'],
    ['a minimum effect that nothing exceeds', { minimumEffect: 0.6 }, 'minimumEffect'],
    ['a share of nothing', { maxCpuShare: 0 }, 'maxCpuShare'],
    ['a share above 1', { maxCpuShare: 1.1 }, 'maxCpuShare'],
    ['a negative cool-down', { cooldownRows: -1 }, 'cooldownRows'],
    ['a reference without rows', { reference: { ...reference, rows: 0 } }, 'reference.rows'],
    ['a reference without features', { reference: { ...reference, features: [] } }, 'reference.features'],
    ['bytes for a reference', { reference: new Uint8Array(4) as unknown as Reference }, 'reference.rows'],
  ])('refuses %s', (_what, options, field) => {
    expect(() => createDriftMonitor(options)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field }) }),
    );
  });

  it('closes once, tells nobody afterwards, and refuses work', async () => {
    const { monitor, names } = createMonitor();
    const rows = createRows(10);
    monitor.observe(rows(100));
    await Promise.all([monitor.close(), monitor.close(), monitor[Symbol.asyncDispose]()]);
    const closed = expect.objectContaining({ code: 'CLOSED' });
    expect(() => monitor.observe(rows(10))).toThrow(closed);
    expect(() => monitor.useReference(reference)).toThrow(closed);
    expect(() => monitor.attach({} as never)).toThrow(closed);
    expect(monitor.snapshot().rowsSeen).toBe(100);
    expect(names()).toEqual([]);
  });
});
