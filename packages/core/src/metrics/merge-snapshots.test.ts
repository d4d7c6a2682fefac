import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairleadError } from '../errors';
import { createVirtualClock } from '../testing/virtual-clock';
import { hostileRegistry } from './hostile-registry.fixture';
import { mergeSnapshots, restoreSnapshot } from './merge-snapshots';
import { toOpenMetrics } from './openmetrics';
import { identityOf, readOpenMetrics } from './read-exposition.fixture';
import { createRegistry } from './registry';
import type { RegistrySnapshot } from './snapshot';

function throughJson(snapshot: RegistrySnapshot): RegistrySnapshot {
  return JSON.parse(JSON.stringify(snapshot)) as RegistrySnapshot;
}

/** One process: every type of family, with whole numbers, whose sums do not depend on their order. */
function processOf(name: string, values: readonly number[], epochMs = 1_700_000_000_000): RegistrySnapshot {
  const clock = createVirtualClock(epochMs);
  const registry = createRegistry({ clock });
  const help = 'Help.';
  const calls = registry.counter({ name: 'calls', help, labels: ['code'] });
  const wait = registry.histogram({ name: 'wait', help, buckets: [2, 5] }).bind();
  const size = registry.summary({ name: 'size', help }).bind();
  const pixel = registry.gaugeHistogram({ name: 'pixel', help, buckets: [0] }).bind();
  for (const value of values) {
    calls.bind({ code: String(value % 3) }).inc(value, { labels: { process: name } });
    wait.observe(value, { labels: { process: name } });
    size.observe(value);
    pixel.set([value, 1], value);
    for (const aggregation of ['sum', 'max', 'min', 'last', 'by-process'] as const) {
      registry
        .gauge({ name: aggregation.replace('-', '_'), help, aggregation })
        .bind()
        .set(value);
    }
  }
  registry
    .stateSet({ name: 'drift', help, states: ['ok', 'warning', 'drift'] })
    .bind()
    .set((['ok', 'warning', 'drift'] as const)[values.length % 3] ?? 'ok');
  registry.info({ name: 'model', help, labels: ['version'] }).bind({ version: String(values.length % 2) });
  return throughJson(registry.snapshot({ process: name }));
}

/** The samples of a snapshot, in no order. */
function samplesOf(snapshot: RegistrySnapshot): Map<string, unknown> {
  const samples = readOpenMetrics(toOpenMetrics(restoreSnapshot(snapshot))).flatMap((family) => family.samples);
  return new Map(
    samples.map((sample): [string, unknown] => [identityOf(sample), [sample.value, sample.exemplar]]).sort(),
  );
}

const processes = fc
  .array(fc.tuple(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 6 }), fc.integer({ min: 0, max: 3 })), {
    minLength: 3,
    maxLength: 3,
  })
  .map((all) =>
    all.map(([values, second], index) => processOf(`p${index}`, values, 1_700_000_000_000 + 1000 * second)),
  );

function thrownBy(action: () => unknown): FairleadError {
  try {
    action();
  } catch (error) {
    if (FairleadError.isInstance(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('a snapshot', () => {
  it('goes through JSON and is written again, line by line as the registry was', () => {
    fc.assert(
      fc.property(hostileRegistry, ({ registry }) => {
        // Whoever reads a family that `by-process` labels sees that label; alone, it is empty and so not there.
        expect(toOpenMetrics(restoreSnapshot(throughJson(registry.snapshot())))).toBe(toOpenMetrics(registry));
      }),
      { numRuns: 200, seed: 5 },
    );
  });

  it('describes its families as the registry does', () => {
    const registry = createRegistry();
    registry.summary({ name: 's', help: 'S.', quantiles: [0.5] });
    registry.gauge({ name: 'g', help: 'G.', aggregation: 'max' });
    expect(restoreSnapshot(throughJson(registry.snapshot())).describe()).toEqual(registry.describe());
  });
});

describe('mergeSnapshots', () => {
  it('adds up what can be added, and takes the rest as its type and declaration have it', () => {
    const merged = mergeSnapshots([
      processOf('a', [1, 4], 1_700_000_002_000),
      processOf('b', [7], 1_700_000_003_000),
      processOf('c', [], 1_700_000_001_000),
    ]);
    const text = toOpenMetrics(restoreSnapshot(merged));
    const lines = text.split('\n').filter((line) => !line.startsWith('#') && !line.startsWith('fairlead_'));
    expect(lines).toEqual([
      'calls_total{code="1"} 12 # {process="b"} 7 1700000003',
      'calls_created{code="1"} 1700000002',
      'wait_bucket{le="2.0"} 1 # {process="a"} 1 1700000002',
      'wait_bucket{le="5.0"} 2 # {process="a"} 4 1700000002',
      'wait_bucket{le="+Inf"} 3 # {process="b"} 7 1700000003',
      'wait_count 3',
      'wait_sum 12',
      'wait_created 1700000001',
      'size{quantile="0.5"} 4.03125',
      'size{quantile="0.9"} 7.03125',
      'size{quantile="0.99"} 7.03125',
      'size_count 3',
      'size_sum 12',
      'size_created 1700000001',
      'pixel_bucket{le="0.0"} 11',
      'pixel_bucket{le="+Inf"} 13',
      'pixel_gcount 13',
      'pixel_gsum 11',
      'sum 11',
      'max 7',
      'min 4',
      'last 7',
      'by_process{process="a"} 4',
      'by_process{process="b"} 7',
      'drift{drift="ok"} 0',
      'drift{drift="warning"} 0',
      'drift{drift="drift"} 1',
      'model_info{version="0"} 1',
      'model_info{version="1"} 1',
      '',
    ]);
  });

  it('is commutative and associative', () => {
    fc.assert(
      fc.property(processes, ([a, b, c]) => {
        const [x, y, z] = [a, b, c] as [RegistrySnapshot, RegistrySnapshot, RegistrySnapshot];
        const all = samplesOf(mergeSnapshots([x, y, z]));
        expect(samplesOf(mergeSnapshots([z, x, y]))).toEqual(all);
        expect(samplesOf(mergeSnapshots([mergeSnapshots([x, y]), z]))).toEqual(all);
        expect(samplesOf(mergeSnapshots([x, throughJson(mergeSnapshots([y, z]))]))).toEqual(all);
      }),
      { numRuns: 100, seed: 6 },
    );
  });

  it('has one snapshot as it was, and none as nothing', () => {
    const one = processOf('a', [3, 4]);
    expect(mergeSnapshots([one])).toEqual(one);
    expect(mergeSnapshots([])).toEqual({ version: 1, families: [] });
  });

  it('keeps infinities and NaN through JSON, and lets NaN win neither max nor min', () => {
    const gaugeOf = (aggregation: 'max' | 'min' | 'sum', value: number): RegistrySnapshot => {
      const registry = createRegistry();
      registry.gauge({ name: 'g', help: 'G.', aggregation }).bind().set(value);
      return throughJson(registry.snapshot());
    };
    const merged = (aggregation: 'max' | 'min' | 'sum', ...values: number[]): unknown =>
      mergeSnapshots(values.map((value) => gaugeOf(aggregation, value))).families.find(({ name }) => name === 'g')
        ?.series[0]?.value;
    expect(merged('max', Number.NaN, 2, Number.NEGATIVE_INFINITY)).toBe(2);
    expect(merged('min', 2, Number.NaN, Number.NEGATIVE_INFINITY)).toBe('-Inf');
    expect(merged('max', Number.NaN, Number.NaN)).toBe('NaN');
    expect(merged('sum', Number.POSITIVE_INFINITY, 1)).toBe('+Inf');
    expect(merged('sum', 1, Number.NaN)).toBe('NaN');
  });

  it('keeps the one who set a gauge last, also where he set it low, and never one who did not set it', async () => {
    const clock = createVirtualClock(1_700_000_000_000);
    const registries = [0, 1, 2].map(() => createRegistry({ clock }));
    const gauges = registries.map((registry) => registry.gauge({ name: 'g', help: 'G.', aggregation: 'last' }).bind());
    gauges[0]?.set(-9);
    await clock.advance(1);
    gauges[1]?.set(-10);
    const merged = mergeSnapshots(registries.map((registry) => registry.snapshot()));
    expect(toOpenMetrics(restoreSnapshot(merged))).toContain('\ng -10\n');
  });

  it.each([
    ['another type', (registry: ReturnType<typeof createRegistry>) => registry.gauge({ name: 'x', help: 'X.' })],
    [
      'other labels',
      (registry: ReturnType<typeof createRegistry>) => registry.histogram({ name: 'x', help: 'X.', labels: ['y'] }),
    ],
    [
      'other buckets',
      (registry: ReturnType<typeof createRegistry>) => registry.histogram({ name: 'x', help: 'X.', buckets: [1] }),
    ],
    [
      'a name that clashes',
      (registry: ReturnType<typeof createRegistry>) => registry.gauge({ name: 'x_sum', help: 'X.' }),
    ],
  ])('refuses %s under one name', (_, define) => {
    const [one, other] = [createRegistry(), createRegistry()];
    one.histogram({ name: 'x', help: 'X.' });
    define(other);
    const error = thrownBy(() => mergeSnapshots([one.snapshot(), other.snapshot()]));
    expect(error.code).toBe('CONFLICT');
    expect(error.message).toContain('Let all processes run the same version.');
  });

  it('takes another help text for no other family', () => {
    const [one, other] = [createRegistry(), createRegistry()];
    one.gauge({ name: 'x', help: 'New.' }).bind().set(1);
    other.gauge({ name: 'x', help: 'Old.' }).bind().set(1);
    expect(toOpenMetrics(restoreSnapshot(mergeSnapshots([one.snapshot(), other.snapshot()])))).toContain(
      '# HELP x New.\nx 2\n',
    );
  });

  it('leaves out the sums of gauge histograms that are no number together', () => {
    const processWith = (sum: number) => {
      const registry = createRegistry();
      registry
        .gaugeHistogram({ name: 'x', help: 'X.', buckets: [-1] })
        .bind()
        .set([1, 0], sum);
      return registry.snapshot();
    };
    const [rising, falling] = [Number.MAX_VALUE, -Number.MAX_VALUE].map((sum) =>
      mergeSnapshots([processWith(sum), processWith(sum)]),
    ) as [RegistrySnapshot, RegistrySnapshot];
    const linesOf = (snapshot: RegistrySnapshot) =>
      toOpenMetrics(restoreSnapshot(snapshot))
        .split('\n')
        .filter((line) => line.startsWith('x'));
    expect(linesOf(falling)).toContain('x_gsum -Inf');
    expect(linesOf(mergeSnapshots([rising, falling]))).toEqual(['x_bucket{le="-1.0"} 4', 'x_bucket{le="+Inf"} 4']);
  });

  const family = { name: 'x', type: 'counter', help: 'X.', unit: '', labels: [], series: [] };
  it.each<[string, unknown, string]>([
    ['nothing', undefined, 'version'],
    ['text', 'abc', 'options'],
    ['another version', { version: 2, families: [] }, 'version'],
    ['a family without a type', { version: 1, families: [{ ...family, type: undefined }] }, 'families.0.type'],
    ['a name of several lines', { version: 1, families: [{ ...family, name: 'x\ny 1' }] }, 'families.0.name'],
    ['a label that is none', { version: 1, families: [{ ...family, labels: ['a"'] }] }, 'families.0.labels.0'],
    [
      'too many labels',
      { version: 1, families: [{ ...family, series: [{ labels: ['a'], value: 1 }] }] },
      'families.0.series.0',
    ],
    ['no value', { version: 1, families: [{ ...family, series: [{ labels: [] }] }] }, 'families.0.series.0'],
    [
      'null for a value',
      { version: 1, families: [{ ...family, series: [{ labels: [], value: null }] }] },
      'families.0.series.0.value',
    ],
    [
      'too few counts',
      {
        version: 1,
        families: [{ ...family, type: 'histogram', buckets: [1], series: [{ labels: [], sum: 1, counts: [1] }] }],
      },
      'families.0.series.0',
    ],
    [
      'half a bin',
      { version: 1, families: [{ ...family, type: 'summary', series: [{ labels: [], sum: 1, count: 1, bins: [1] }] }] },
      'families.0.series.0',
    ],
    [
      'a state that is none',
      { version: 1, families: [{ ...family, type: 'stateset', states: ['a'], series: [{ labels: [], state: 'b' }] }] },
      'families.0.series.0',
    ],
    [
      'a counter below 0',
      { version: 1, families: [{ ...family, series: [{ labels: [], value: -1 }] }] },
      'families.0.series.0',
    ],
    [
      'a counter that is no number',
      { version: 1, families: [{ ...family, series: [{ labels: [], value: 'NaN' }] }] },
      'families.0.series.0',
    ],
    [
      'half a value in a bucket',
      {
        version: 1,
        families: [{ ...family, type: 'histogram', buckets: [1], series: [{ labels: [], sum: 1, counts: [0.5, 1] }] }],
      },
      'families.0.series.0',
    ],
    [
      'half a value in a summary',
      { version: 1, families: [{ ...family, type: 'summary', series: [{ labels: [], sum: 1, count: 0.5 }] }] },
      'families.0.series.0',
    ],
    [
      'bounds that descend',
      { version: 1, families: [{ ...family, type: 'histogram', buckets: [2, 1] }] },
      'families.0.buckets.1',
    ],
    [
      'a quantile above 1',
      { version: 1, families: [{ ...family, type: 'summary', quantiles: [2] }] },
      'families.0.quantiles.0',
    ],
    [
      'a state twice',
      { version: 1, families: [{ ...family, type: 'stateset', states: ['a', 'a'] }] },
      'families.0.states.1',
    ],
    ['a label twice', { version: 1, families: [{ ...family, labels: ['a', 'a'] }] }, 'families.0.labels.1'],
    [
      'a label that OpenMetrics reserves',
      { version: 1, families: [{ ...family, labels: ['__proto__'] }] },
      'families.0.labels.0',
    ],
    [
      'the label of buckets',
      { version: 1, families: [{ ...family, type: 'histogram', labels: ['le'] }] },
      'families.0.labels.0',
    ],
    [
      'the label of quantiles',
      { version: 1, families: [{ ...family, type: 'summary', labels: ['quantile'] }] },
      'families.0.labels.0',
    ],
    [
      'the label of states',
      { version: 1, families: [{ ...family, type: 'stateset', labels: ['x'] }] },
      'families.0.labels.0',
    ],
    [
      'states that no label can be named like',
      { version: 1, families: [{ ...family, type: 'stateset', name: '__x' }] },
      'families.0.name',
    ],
    ['a unit that the name lacks', { version: 1, families: [{ ...family, unit: 'seconds' }] }, 'families.0.unit'],
    [
      'a unit of several lines',
      { version: 1, families: [{ ...family, name: 'x_a\nb', unit: 'a\nb' }] },
      'families.0.name',
    ],
    [
      'the unit of a fact',
      { version: 1, families: [{ ...family, name: 'x_seconds', type: 'info', unit: 'seconds' }] },
      'families.0.unit',
    ],
    ['a family twice', { version: 1, families: [family, family] }, 'families.1.name'],
    [
      'names that clash',
      { version: 1, families: [family, { ...family, name: 'x_total', type: 'gauge' }] },
      'families.1.name',
    ],
  ])('refuses %s', (_, snapshot, field) => {
    for (const read of [
      () => mergeSnapshots([snapshot as RegistrySnapshot]),
      () => restoreSnapshot(snapshot as RegistrySnapshot),
    ]) {
      const error = thrownBy(read);
      expect(error.code).toBe('INVALID_ARGUMENT');
      expect(error.details.field).toBe(field);
    }
  });
});
