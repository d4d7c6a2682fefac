import { describe, expect, it } from 'vitest';
import { createDriftMonitor } from './drift-monitor';
import type { DriftMonitorOptions } from './drift-options';
import { fitReference } from './fit-reference';
import { createRandom } from './random';

const features = 6;

/** Rows of six independent features: uniform, exponential, two grids with ties, a rare event, a near constant. */
function createSource(seed: number) {
  const random = createRandom(seed);
  return (rows: number, change: (x: number, feature: number) => number = (x) => x): Float64Array => {
    const data = new Float64Array(rows * features);
    for (let row = 0; row < rows; row++) {
      const values = [
        random(),
        -Math.log(1 - random()),
        Math.floor(random() * 5),
        Math.max(0, Math.floor(random() * 30 - 13)),
        random() < 0.01 ? 1 : 0,
        random() < 0.999 ? 7 : Number.NaN,
      ];
      values.forEach((x, feature) => {
        data[row * features + feature] = change(x, feature);
      });
    }
    return data;
  };
}

const tensors = (data: Float64Array) => ({
  x: { dtype: 'float64' as const, shape: [data.length / features, features], data },
});

async function monitorFor(source: ReturnType<typeof createSource>, rows: number, options: DriftMonitorOptions) {
  const reference = await fitReference(tensors(source(rows)));
  return createDriftMonitor({ reference, maxCpuShare: 1, logger: silent, ...options });
}

const silent = { debug() {}, info() {}, warn() {}, error() {} };

describe('the stated mean time between false alarms', () => {
  it.each([
    [200, 4000],
    [1000, 4000],
    [10_000, 4000],
  ])('is kept with references of %i rows, averaged over references', async (referenceRows, stated) => {
    const references = 40;
    const rows = stated * 10;
    let alarms = 0;
    let warnings = 0;
    for (let run = 0; run < references; run++) {
      const source = createSource(1000 * referenceRows + run);
      const on = {
        'drift-start': () => void alarms++,
        'state-change': ({ from, to }: { from: string; to: string }) =>
          void (from === 'ok' && to === 'warning' && warnings++),
      };
      const monitor = await monitorFor(source, referenceRows, {
        windowRows: 200,
        cooldownRows: 0,
        meanTimeBetweenFalseAlarms: stated,
        on,
      });
      for (let sent = 0; sent < rows; sent += 500) monitor.observe(tensors(source(500)));
    }
    // 400 alarms are allowed: the mean time is at least the stated one (less three standard errors of this count) …
    const allowed = (references * rows) / stated;
    expect(alarms).toBeLessThanOrEqual(allowed + 3 * Math.sqrt(allowed));
    // … and at most five times as long: the monitor is not deaf either.
    expect(alarms).toBeGreaterThan(allowed / 5);
    expect(warnings).toBeGreaterThan(alarms);
  });
});

describe('a shift', () => {
  it.each<[string, (x: number, feature: number) => number, string, number]>([
    ['of one feature by half a standard deviation', (x, i) => (i === 0 ? x + 0.145 : x), 'x[0]', 1000],
    ['of one feature by a standard deviation', (x, i) => (i === 1 ? x + 1 : x), 'x[1]', 200],
    ['of a constant to a value it never had', (x, i) => (i === 5 ? x - 1 : x), 'x[5]', 200],
    ['to missing values', (x, i) => (i === 2 && x > 3 ? Number.NaN : x), 'x[2]', 300],
  ])('%s alarms soon, and its cause is named', async (_what, change, name, within) => {
    const source = createSource(77);
    const monitor = await monitorFor(source, 2000, { windowRows: 1000 });
    monitor.observe(tensors(source(20_000)));
    expect(monitor.state).toBe('ok');
    monitor.observe(tensors(source(within, change)));
    expect(monitor.state).toBe('drift');
    const { topMovers, episode } = monitor.report();
    expect(topMovers[0]?.name).toBe(name);
    expect(topMovers[0]?.share).toBeGreaterThan(0.9);
    expect((episode?.startedAtRow ?? 0) - 20_000).toBeLessThanOrEqual(within);
  });
});
