import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { FairleadError } from '../../errors';
import { createVirtualClock } from '../../testing/virtual-clock';
import { createRegistry, type Registry } from '../registry';
import { createEmfWriter, type EmfOptions } from './cloudwatch';

/** The schema of the documented format: required members, their types and limits. */
const emf = z.looseObject({
  _aws: z.strictObject({
    Timestamp: z.int().check(z.gte(0), z.lte(8_640_000_000_000_000)),
    CloudWatchMetrics: z
      .array(
        z.strictObject({
          Namespace: z.string().check(z.minLength(1), z.maxLength(1024)),
          Dimensions: z
            .array(z.array(z.string().check(z.minLength(1), z.maxLength(250))).check(z.maxLength(30)))
            .check(z.minLength(1)),
          Metrics: z
            .array(
              z.strictObject({
                Name: z.string().check(z.minLength(1), z.maxLength(1024)),
                Unit: z.enum(['Seconds', 'Milliseconds', 'Microseconds', 'Bytes', 'Percent', 'Count', 'None']),
                StorageResolution: z.union([z.literal(1), z.literal(60)]),
              }),
            )
            .check(z.maxLength(100)),
        }),
      )
      .check(z.minLength(1)),
  }),
});
const target = z.union([z.number(), z.array(z.number()).check(z.maxLength(100))]);

interface Read {
  readonly dimensions: Readonly<Record<string, unknown>>;
  readonly metrics: Readonly<Record<string, unknown>>;
  readonly units: Readonly<Record<string, string>>;
}

/** Reads a line as CloudWatch would, and throws where it would refuse. */
function read(line: string): Read {
  if (Buffer.byteLength(line) > 256 * 1024 || line.includes('\n')) throw new Error('too long, or more than a line');
  const root: Record<string, unknown> = JSON.parse(line);
  const directive = emf.parse(root)._aws.CloudWatchMetrics[0];
  if (directive === undefined) throw new Error('no directive');
  const names = directive.Metrics.map(({ Name }) => Name);
  if (new Set(names).size !== names.length) throw new Error('a metric twice');
  const dimensions = Object.fromEntries(
    (directive.Dimensions[0] ?? []).map((name) => [name, z.string().check(z.minLength(1)).parse(root[name])]),
  );
  return {
    dimensions,
    metrics: Object.fromEntries(names.map((name) => [name, target.parse(root[name])])),
    units: Object.fromEntries(directive.Metrics.map(({ Name, Unit }) => [Name, Unit])),
  };
}

const clock = createVirtualClock(1_700_000_000_000.4);

function readAll(registry: Registry, writer = createEmfWriter(registry, { namespace: 'Shop', clock })): Read[] {
  return writer.lines().map(read);
}

describe('createEmfWriter', () => {
  it('writes a line a set of dimensions, and what was added since the line before', () => {
    const registry = createRegistry();
    const calls = registry
      .counter({ name: 'calls', help: 'C.', labels: ['code', 'note'] })
      .bind({ code: '1', note: '' });
    const size = registry
      .gauge({ name: 'size_bytes', unit: 'bytes', help: 'S.', labels: ['code'] })
      .bind({ code: '1' });
    const wait = registry.histogram({ name: 'wait_seconds', unit: 'seconds', help: 'W.', buckets: [1, 3] }).bind();
    const length = registry.summary({ name: 'length', help: 'L.', quantiles: [0.5, 0.999] }).bind();
    registry
      .gaugeHistogram({ name: 'pixel', help: 'P.', buckets: [-1, 1] })
      .bind()
      .set([1, 2, 1], -4);
    registry.info({ name: 'model', help: 'M.' }).bind();
    registry
      .stateSet({ name: 'drift', help: 'D.', states: ['ok', 'drift'] })
      .bind()
      .set('drift');
    const writer = createEmfWriter(registry, { namespace: 'Shop', storageResolution: 1, clock });
    calls.inc(3);
    size.set(-2);
    for (const value of [0.5, 2, 2, 9]) wait.observe(value);

    const first = writer.lines();
    expect(JSON.parse(first[0] as string)).toEqual({
      _aws: {
        Timestamp: 1_700_000_000_000,
        CloudWatchMetrics: [
          {
            Namespace: 'Shop',
            Dimensions: [['code']],
            Metrics: [
              { Name: 'calls', Unit: 'Count', StorageResolution: 1 },
              { Name: 'size_bytes', Unit: 'Bytes', StorageResolution: 1 },
            ],
          },
        ],
      },
      code: '1',
      calls: 3,
      size_bytes: -2,
    });
    expect(first.slice(1).map(read)).toEqual([
      {
        dimensions: {},
        metrics: {
          wait_seconds_count: 4,
          wait_seconds_sum: 13.5,
          wait_seconds: [0.5, 1.5, 2.5, 3],
          length_count: 0,
          length_sum: 0,
          pixel_gsum: -4,
          pixel: [-1, -0.5, 0.5, 1],
          model_info: 1,
        },
        units: expect.objectContaining({ wait_seconds: 'Seconds', wait_seconds_count: 'Count', length_sum: 'None' }),
      },
      { dimensions: { drift_state: 'ok' }, metrics: { drift: 0 }, units: { drift: 'None' } },
      { dimensions: { drift_state: 'drift' }, metrics: { drift: 1 }, units: { drift: 'None' } },
    ]);

    calls.inc(4);
    wait.observe(0.5);
    length.observe(0);
    const [second, rest] = writer.lines().map(read);
    expect(second?.metrics).toEqual({ calls: 4, size_bytes: -2 });
    expect(rest?.metrics).toMatchObject({
      wait_seconds_count: 1,
      wait_seconds_sum: 0.5,
      wait_seconds: [0.5],
      length_count: 1,
      length_p50: 0,
      'length_p99.9': 0,
    });
    const idle = writer.lines().map(read)[1]?.metrics ?? {};
    expect(idle).toMatchObject({ wait_seconds_count: 0, wait_seconds_sum: 0, length_count: 0 });
    expect(idle).not.toHaveProperty('wait_seconds');
    expect(writer.skipped).toBe(0);
  });

  it('counts a series that begins anew from its beginning', () => {
    const registry = createRegistry();
    const calls = registry.counter({ name: 'calls', help: 'C.' });
    const wait = registry.histogram({ name: 'wait', help: 'W.', buckets: [1] });
    const writer = createEmfWriter(registry, { namespace: 'Shop', clock });
    calls.bind().inc(9);
    for (let call = 0; call < 9; call++) wait.bind().observe(0.5);
    writer.lines();
    calls.remove();
    wait.remove();
    calls.bind().inc(2);
    wait.bind().observe(0.25);
    expect(readAll(registry, writer)[0]?.metrics).toMatchObject({ calls: 2, wait_count: 1, wait_sum: 0.25 });
  });

  it('keeps to the limits of a line: 100 metrics, 100 values an array, 256 KB', () => {
    const registry = createRegistry();
    for (let family = 0; family < 130; family++) {
      const wait = registry
        .histogram({ name: `wait_${'x'.repeat(150)}_${family}`, help: 'W.', buckets: [1 / 3, 1] })
        .bind();
      wait.observeTimes(0.9, 100_000);
    }
    const lines = readAll(registry);
    expect(lines.length).toBeGreaterThan(3);
    const arrays = lines.flatMap(({ metrics }) => Object.values(metrics).filter(Array.isArray));
    expect(arrays.map((array) => array.length)).toEqual(new Array(130).fill(100));
    expect(lines.reduce((sum, { metrics }) => sum + Object.keys(metrics).length, 0)).toBe(390);
  });

  it('leaves out and counts what CloudWatch does not take', () => {
    const registry = createRegistry();
    const gauge = registry.gauge({ name: 'g', help: 'G.', labels: ['x'] });
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 1e200, 1e-200]) {
      gauge.bind({ x: String(value) }).set(value);
    }
    for (const x of ['é', ' ', 'a\nb', 'x'.repeat(1025)]) gauge.bind({ x }).set(1);
    registry.gauge({ name: 'x', help: 'X.', labels: ['x'] }).bind({ x: 'called like the metric' });
    const names = Array.from({ length: 31 }, (_, index) => `l${index}`);
    registry
      .gauge<string>({ name: 'wide', help: 'W.', labels: names })
      .bind(Object.fromEntries(names.map((name) => [name, 'v'])));
    const writer = createEmfWriter(registry, { namespace: 'Shop', clock });
    expect(writer.lines()).toEqual([]);
    expect(writer.skipped).toBe(10);
  });

  it.each<[string, unknown, string]>([
    ['no namespace', {}, 'namespace'],
    ['an empty namespace', { namespace: '' }, 'namespace'],
    ['a namespace of several lines', { namespace: 'a\nb' }, 'namespace'],
    ['another resolution', { namespace: 'Shop', storageResolution: 5 }, 'storageResolution'],
    ['an unknown option', { namespace: 'Shop', unit: 'Seconds' }, 'unit'],
  ])('refuses %s', (_, options, field) => {
    let error: unknown;
    try {
      createEmfWriter(createRegistry(), options as EmfOptions);
    } catch (thrown) {
      error = thrown;
    }
    expect(FairleadError.isInstance(error, 'INVALID_OPTION')).toBe(true);
    expect((error as FairleadError).details.field).toBe(field);
  });
});
