import { describe, expect, it } from 'vitest';
import { createRegistry, toOpenMetrics } from '../metrics';
import { createTensor } from '../tensor/tensor';
import { createVirtualClock } from '../testing/virtual-clock';
import { createDriftMonitor } from './drift-monitor';
import { fitReference } from './fit-reference';
import { instrumentMonitor } from './instrument';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const rows = (count: number, value: (row: number) => number) => ({
  x: createTensor(
    'float32',
    [count, 2],
    Float32Array.from({ length: count * 2 }, (_, i) => (i % 2 === 0 ? value(i / 2) : 1)),
  ),
});
const model = (version: string) => ({ name: 'digits', version, digest: version });

async function setUp() {
  const reference = await fitReference(
    rows(1000, (row) => row % 10),
    { featureNames: ['a', 'b'] },
  );
  const clock = createVirtualClock();
  const monitor = createDriftMonitor({ windowRows: 100, clock, logger: silent });
  monitor.useReference(reference, model('1'));
  const registry = createRegistry({ clock, logger: silent });
  const stop = instrumentMonitor(registry, monitor);
  const lines = () =>
    toOpenMetrics(registry)
      .split('\n')
      .filter((line) => !line.startsWith('#') && !line.includes('_created'));
  return { reference, monitor, registry, stop, lines };
}

describe('instrumentMonitor', () => {
  it('writes scores, state and counts when the registry is collected', async () => {
    const { monitor, lines } = await setUp();
    monitor.observe(rows(100, (row) => (row < 5 ? Number.NaN : 20)));
    const written = lines();
    const of = '{model_name="digits",model_version="1"';
    expect(written).toContain(`ml_drift_state${of},ml_drift_state="drift"} 1`);
    expect(written).toContain(`ml_drift_state${of},ml_drift_state="ok"} 0`);
    expect(written).toContain(`ml_drift_alarms_total${of}} 1`);
    expect(written).toContain(`ml_drift_rows_seen_total${of}} 100`);
    expect(written).toContain(`ml_drift_rows_observed_total${of}} 100`);
    expect(written).toContain(`ml_feature_missing_total${of},feature="a"} 5`);
    const score = written.find((line) => line.startsWith(`ml_feature_drift_score${of},method="psi",feature="a"}`));
    expect(Number(score?.split(' ').at(-1))).toBeCloseTo(monitor.snapshot().features[0]?.psi ?? 0, 9);
    // Nine tenths of the training values lie in bins that the window left empty.
    expect(written).toContain(`ml_feature_drift_score${of},method="ks",feature="a"} 0.9`);
    expect(written.find((line) => line.startsWith('ml_drift_rows_skipped_total'))).toContain('reason="');
  });

  it('adds only what is new at each collection', async () => {
    const { monitor, lines } = await setUp();
    monitor.observe(rows(10, () => 1));
    lines();
    monitor.observe(rows(7, () => Number.NaN));
    lines();
    expect(lines()).toContain('ml_drift_rows_seen_total{model_name="digits",model_version="1"} 17');
    expect(lines()).toContain('ml_feature_missing_total{model_name="digits",model_version="1",feature="a"} 7');
  });

  it('counts for each model what it saw, and takes out the gauges of the one before', async () => {
    const { reference, monitor, lines } = await setUp();
    monitor.observe(rows(30, () => Number.NaN));
    lines();
    monitor.observe(rows(5, () => Number.NaN));
    monitor.useReference(reference, model('2'));
    monitor.observe(rows(8, () => Number.NaN));
    const written = lines();
    expect(written).toContain('ml_drift_rows_seen_total{model_name="digits",model_version="1"} 35');
    expect(written).toContain('ml_drift_rows_seen_total{model_name="digits",model_version="2"} 8');
    expect(written).toContain('ml_feature_missing_total{model_name="digits",model_version="1",feature="a"} 35');
    expect(written).toContain('ml_feature_missing_total{model_name="digits",model_version="2",feature="a"} 8');
    expect(written.filter((line) => /^ml_(drift_state|feature_drift_score).*version="1"/.test(line))).toEqual([]);
  });

  it('stops when told to', async () => {
    const { monitor, stop, lines } = await setUp();
    monitor.observe(rows(10, () => 1));
    lines();
    stop();
    monitor.observe(rows(10, () => 1));
    expect(lines()).toContain('ml_drift_rows_seen_total{model_name="digits",model_version="1"} 10');
  });
});
