import { describe, expect, it } from 'vitest';
import { createTensor } from '../tensor/tensor';
import { createVirtualClock } from '../testing/virtual-clock';
import { createDriftMonitor } from './drift-monitor';
import { fitReference } from './fit-reference';
import { createQualityMonitor } from './quality/quality-monitor';
import { createRandom } from './random';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const random = createRandom(1);
const rows = (count: number, shift = 0) => ({
  x: createTensor(
    'float32',
    [count, 2],
    Float32Array.from({ length: count * 2 }, () => random() + shift),
  ),
});
const reference = await fitReference(rows(2000), { featureNames: ['a', '__proto__'] });
const createMonitor = () => {
  const clock = createVirtualClock();
  return { clock, monitor: createDriftMonitor({ reference, windowRows: 200, clock, logger: silent }) };
};

describe('report({ format: "full" })', () => {
  it('is the report with the bins of all features and the history, as plain data', async () => {
    const { monitor, clock } = createMonitor();
    monitor.observe(rows(1000));
    await clock.advance(1000);
    monitor.observe(rows(200, 0.5));
    const full = monitor.report({ format: 'full' });
    expect(JSON.parse(JSON.stringify(full))).toEqual(full);
    const { bins, history, ...plain } = full;
    expect(plain).toEqual(monitor.report());
    expect(Object.keys(bins)).toEqual(['a', '__proto__']);
    for (const name of ['a', '__proto__']) {
      const own = bins[name] ?? [];
      expect(own).toHaveLength(13);
      expect(own.reduce((sum, { referenceShare }) => sum + referenceShare, 0)).toBeCloseTo(1, 12);
      expect(own.reduce((sum, { windowShare }) => sum + windowShare, 0)).toBeCloseTo(1, 12);
      const psi = own.reduce((sum, bin) => sum + bin.psi, 0);
      expect(psi).toBeGreaterThan(0.5);
    }
    expect(history.points).toHaveLength(60);
    expect(history.points.at(-1)).toEqual({
      epochMs: clock.epochMs(),
      rowsSeen: 1200,
      evidenceLog10: expect.any(Number),
      state: 'drift',
    });
    expect(Math.max(...history.points.map(({ evidenceLog10 }) => evidenceLog10))).toBeGreaterThanOrEqual(6);
    expect(history.episodes).toMatchObject([{ ...plain.episode, endedAtMs: null }]);
    expect(history.episodes[0]?.evidenceLog10).toBeGreaterThanOrEqual(6);
    expect(history.episodes[0]?.topMovers.length).toBeGreaterThan(0);
  });

  it('tells how an episode ended', () => {
    const { monitor } = createMonitor();
    monitor.observe(rows(400, 0.5));
    monitor.observe(rows(1000));
    monitor.observe(rows(400, 0.5));
    monitor.useReference(undefined);
    const { history, bins } = monitor.report({ format: 'full' });
    expect(history.episodes.map(({ endReason }) => endReason)).toEqual(['recovered', 'reference-change']);
    expect(history.episodes[1]).toMatchObject({ endedAtRow: 1800 });
    expect(bins).toEqual({});
  });

  it('has no bins before any row', () => {
    const { monitor } = createMonitor();
    expect(monitor.report({ format: 'full' })).toMatchObject({ bins: {}, history: { points: [], episodes: [] } });
  });
});

describe('report({ format: "html" })', () => {
  it('is a page', async () => {
    const { monitor, clock } = createMonitor();
    monitor.observe(rows(400, 0.5));
    const page = await monitor.report({ format: 'html' });
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(page).toContain(new Date(clock.epochMs()).toISOString().slice(0, 10));
    expect(page).toContain('<h4 title="__proto__">__proto__</h4>');
  });

  it('is a page of a quality monitor, too', async () => {
    const quality = createQualityMonitor({
      rules: [{ rule: 'range', field: 'age', minimum: 0 }],
      clock: createVirtualClock(),
      logger: silent,
    });
    quality.observeRecord({ age: -1 });
    const page = await quality.report({ format: 'html' });
    expect(page).toContain('<h2 id="quality">Data quality</h2>');
    await quality.close();
  });

  it.each([
    ['pdf', '"pdf"'],
    [undefined, 'undefined'],
    [{}, '[object Object]'],
  ])('refuses %s', (format, given) => {
    const refusal = expect.objectContaining({
      code: 'INVALID_ARGUMENT',
      details: { field: 'format', expected: '"full" or "html"', given },
    });
    expect(() => createMonitor().monitor.report({ format: format as never })).toThrow(refusal);
  });
});
