import { describe, expect, it, vi } from 'vitest';
import { FairleadError } from '../errors';
import { createVirtualClock } from '../testing/virtual-clock';
import { toOpenMetrics } from './openmetrics';
import { createRegistry, type Registry } from './registry';

function thrownBy(action: () => unknown): FairleadError {
  try {
    action();
  } catch (error) {
    if (FairleadError.isInstance(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

function linesOf(registry: Registry, start: string): string[] {
  return toOpenMetrics(registry)
    .split('\n')
    .filter((line) => line.startsWith(start));
}

describe('counters', () => {
  it('adds what each bound handle is given', () => {
    const registry = createRegistry();
    const rows = registry.counter({ name: 'rows', help: 'Rows.', labels: ['model_name', 'model_version'] });
    const first = rows.bind({ model_name: 'digits', model_version: '1' });
    const second = rows.bind({ model_name: 'digits', model_version: '2' });
    first.inc();
    first.inc(2.5);
    second.inc(0);
    expect([first.value, second.value]).toEqual([3.5, 0]);
    expect(rows.bind({ model_version: '1', model_name: 'digits' })).toBe(first);
  });

  it('leaves out and counts what is no amount, and never throws into a hot path', () => {
    const registry = createRegistry();
    const errors = registry.counter({ name: 'errors', help: 'Errors.' }).bind();
    errors.inc(2);
    errors.inc(-1);
    errors.inc(Number.NaN);
    errors.inc(Number.POSITIVE_INFINITY);
    errors.inc('3' as unknown as number);
    expect(errors.value).toBe(2);
    expect(linesOf(registry, 'fairlead_metrics_dropped_total')).toEqual([
      'fairlead_metrics_dropped_total{family="errors",reason="negative"} 1',
      'fairlead_metrics_dropped_total{family="errors",reason="not_finite"} 2',
      'fairlead_metrics_dropped_total{family="errors",reason="not_a_number"} 1',
    ]);
  });
});

describe('gauges', () => {
  it('sets, adds and takes away, and takes any number', () => {
    const registry = createRegistry();
    const pending = registry.gauge({ name: 'pending', help: 'Pending.' }).bind();
    pending.set(4);
    pending.inc();
    pending.dec(3);
    expect(pending.value).toBe(2);
    for (const value of [Number.NEGATIVE_INFINITY, Number.NaN]) {
      pending.set(value);
      expect(pending.value).toBe(value);
    }
    expect(linesOf(registry, 'pending')).toEqual(['pending NaN']);
  });

  it('refuses text, which could smuggle lines into the exposition', () => {
    const registry = createRegistry();
    const pending = registry.gauge({ name: 'pending', help: 'Pending.' }).bind();
    pending.set('1\nevil 2' as unknown as number);
    pending.inc('1' as unknown as number);
    pending.dec({} as unknown as number);
    expect(pending.value).toBe(0);
    expect(linesOf(registry, 'fairlead_metrics_dropped_total')).toEqual([
      'fairlead_metrics_dropped_total{family="pending",reason="not_a_number"} 3',
    ]);
  });
});

describe('histograms', () => {
  it('counts a value in the first bucket whose bound is not below it', () => {
    const registry = createRegistry();
    const sizes = registry.histogram({ name: 'sizes', help: 'Sizes.', buckets: [1, 2, 4] }).bind();
    for (const value of [0, 1, 1.5, 2, 4, 4.001, 1e9]) sizes.observe(value);
    expect(sizes.count).toBe(7);
    expect(linesOf(registry, 'sizes_bucket')).toEqual([
      'sizes_bucket{le="1.0"} 2',
      'sizes_bucket{le="2.0"} 4',
      'sizes_bucket{le="4.0"} 5',
      'sizes_bucket{le="+Inf"} 7',
    ]);
    expect(linesOf(registry, 'sizes_count')).toEqual(['sizes_count 7']);
    expect(linesOf(registry, 'sizes_sum')).toEqual([`sizes_sum ${sizes.sum}`]);
    expect(sizes.sum).toBeCloseTo(1e9 + 12.501, 6);
  });

  it('counts a value that was seen several times at once', () => {
    const registry = createRegistry();
    const sizes = registry.histogram({ name: 'sizes', help: 'Sizes.', buckets: [1, 2] }).bind();
    sizes.observeTimes(1.5, 64);
    sizes.observeTimes(0.5, 0);
    expect([sizes.count, sizes.sum]).toEqual([64, 96]);
    for (const times of [-1, Number.NaN]) sizes.observeTimes(1, times);
    expect(sizes.count).toBe(64);
    expect(linesOf(registry, 'fairlead_metrics_dropped_total')).toEqual([
      'fairlead_metrics_dropped_total{family="sizes",reason="negative"} 1',
      'fairlead_metrics_dropped_total{family="sizes",reason="not_finite"} 1',
    ]);
  });

  it('leaves out and counts values that would break its sum', () => {
    const registry = createRegistry();
    const sizes = registry.histogram({ name: 'sizes', help: 'Sizes.' }).bind();
    for (const value of [-1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) sizes.observe(value);
    sizes.observe(undefined as unknown as number);
    expect([sizes.count, sizes.sum]).toEqual([0, 0]);
    expect(linesOf(registry, 'fairlead_metrics_dropped_total')).toEqual([
      'fairlead_metrics_dropped_total{family="sizes",reason="negative"} 1',
      'fairlead_metrics_dropped_total{family="sizes",reason="not_finite"} 3',
      'fairlead_metrics_dropped_total{family="sizes",reason="not_a_number"} 1',
    ]);
  });

  it('takes negative values where a bound is negative, and then writes neither sum nor count', () => {
    const registry = createRegistry();
    const shifts = registry.histogram({ name: 'shifts', help: 'Shifts.', buckets: [-1, 1] }).bind();
    for (const value of [-5, -1, 0, 3]) shifts.observe(value);
    expect(linesOf(registry, 'shifts')).toEqual([
      'shifts_bucket{le="-1.0"} 2',
      'shifts_bucket{le="1.0"} 3',
      'shifts_bucket{le="+Inf"} 4',
      expect.stringMatching(/^shifts_created \d/),
    ]);
  });
});

describe('gauge histograms', () => {
  it('shows the distribution last set, which may shrink and be signed', () => {
    const registry = createRegistry();
    const pixels = registry
      .gaugeHistogram({ name: 'pixels', help: 'Pixels.', labels: ['feature'], buckets: [-1, 0, 1] })
      .bind({ feature: 'p0' });
    const counts = new Uint32Array([5, 0, 2, 1]);
    pixels.set(counts, -7.5);
    counts.fill(9);
    expect(linesOf(registry, 'pixels')).toEqual([
      'pixels_bucket{feature="p0",le="-1.0"} 5',
      'pixels_bucket{feature="p0",le="0.0"} 5',
      'pixels_bucket{feature="p0",le="1.0"} 7',
      'pixels_bucket{feature="p0",le="+Inf"} 8',
      'pixels_gcount{feature="p0"} 8',
      'pixels_gsum{feature="p0"} -7.5',
    ]);
    pixels.set([0, 1, 0, 0], 0);
    expect(linesOf(registry, 'pixels_gcount')).toEqual(['pixels_gcount{feature="p0"} 1']);
  });

  it('refuses a distribution of another shape and keeps the one before', () => {
    const registry = createRegistry();
    const pixels = registry.gaugeHistogram({ name: 'pixels', help: 'Pixels.', buckets: [0, 1] }).bind();
    pixels.set([1, 2, 3], 4);
    for (const [counts, sum, field] of [
      [[1, 2], 0, 'counts'],
      [[1, -2, 3], 0, 'counts.1'],
      [[1, 2, 0.5], 0, 'counts.2'],
      [[1, 2, 3], Number.NaN, 'sum'],
      [[1, 2, 3], -1, 'sum'],
    ] as const) {
      const error = thrownBy(() => pixels.set(counts, sum));
      expect([error.code, error.details.field]).toEqual(['INVALID_ARGUMENT', field]);
    }
    expect(linesOf(registry, 'pixels_gsum')).toEqual(['pixels_gsum 4']);
  });
});

describe('infos and state sets', () => {
  it('shows a fact while it is bound', () => {
    const registry = createRegistry();
    const model = registry.info({ name: 'model', help: 'Model.', labels: ['version'] });
    model.bind({ version: '1' });
    model.bind({ version: '2' });
    expect(model.remove({ version: '1' })).toBe(true);
    expect(model.remove({ version: '1' })).toBe(false);
    expect(linesOf(registry, 'model_info')).toEqual(['model_info{version="2"} 1']);
  });

  it('holds exactly one state', () => {
    const registry = createRegistry();
    const drift = registry.stateSet({
      name: 'drift',
      help: 'Drift.',
      labels: ['feature'],
      states: ['ok', 'warning', 'drift'],
    });
    const handle = drift.bind({ feature: 'p0' });
    expect(handle.state).toBe('ok');
    handle.set('drift');
    expect(linesOf(registry, 'drift{')).toEqual([
      'drift{feature="p0",drift="ok"} 0',
      'drift{feature="p0",drift="warning"} 0',
      'drift{feature="p0",drift="drift"} 1',
    ]);
    expect(thrownBy(() => handle.set('gone' as 'ok')).message).toContain('one of ok, warning, drift');
    expect(handle.state).toBe('drift');
  });
});

describe('labels', () => {
  const registry = createRegistry();
  const family = registry.counter({ name: 'calls', help: 'Calls.', labels: ['path', 'code'] });

  it.each([
    ['a missing one', { path: '/' }, 'code'],
    ['an unknown one', { path: '/', code: '200', host: 'x' }, 'host'],
    ['a number', { path: '/', code: 200 }, 'code'],
    ['nothing', undefined, 'path'],
  ])('refuses %s, naming it', (_, labels, field) => {
    for (const method of ['bind', 'remove'] as const) {
      const error = thrownBy(() => family[method](labels as { path: string; code: string }));
      expect([error.code, error.details.field]).toEqual(['INVALID_ARGUMENT', field]);
      expect(error.message).toContain('calls');
    }
  });

  it('does not take what an object inherits for a label', () => {
    const odd = registry.counter({ name: 'odd', help: 'Odd.', labels: ['constructor'] });
    expect(thrownBy(() => odd.bind({} as { constructor: string })).code).toBe('INVALID_ARGUMENT');
  });

  it('drops empty ones, which are the same as absent', () => {
    family.bind({ path: '', code: '' }).inc();
    family.bind({ path: '', code: '404' }).inc(2);
    expect(linesOf(registry, 'calls_total')).toEqual(['calls_total 1', 'calls_total{code="404"} 2']);
  });

  it('keeps values apart that only escaping tells apart', () => {
    const apart = registry.counter({ name: 'apart', help: 'Apart.', labels: ['a', 'b'] });
    const values = [
      { a: 'x",b="y', b: '' },
      { a: 'x', b: 'y' },
      { a: 'x\n', b: '' },
      { a: 'x\\n', b: '' },
    ];
    expect(new Set(values.map((labels) => apart.bind(labels))).size).toBe(values.length);
  });
});

describe('the cap on series', () => {
  it('folds counters and histograms into one series of all others, so that sums stay right', () => {
    const registry = createRegistry({ maxSeries: 2 });
    const calls = registry.counter({ name: 'calls', help: 'Calls.', labels: ['user'] });
    const sizes = registry.histogram({ name: 'sizes', help: 'Sizes.', labels: ['user'], buckets: [1], maxSeries: 1 });
    for (const user of ['a', 'b', 'c', 'd', 'a', 'c']) {
      calls.bind({ user }).inc();
      sizes.bind({ user }).observe(1);
    }
    expect(linesOf(registry, 'calls_total')).toEqual([
      'calls_total{user="a"} 2',
      'calls_total{user="b"} 1',
      'calls_total{user="__other__"} 3',
    ]);
    expect(linesOf(registry, 'sizes_count')).toEqual(['sizes_count{user="a"} 2', 'sizes_count{user="__other__"} 4']);
    expect(linesOf(registry, 'fairlead_metrics_folded_total')).toEqual([
      'fairlead_metrics_folded_total{family="sizes"} 4',
      'fairlead_metrics_folded_total{family="calls"} 3',
    ]);
  });

  it('shares the series of all others with whoever names it, which needs no room', () => {
    const registry = createRegistry();
    const calls = registry.counter({ name: 'calls', help: 'Calls.', labels: ['user'], maxSeries: 1 });
    calls.bind({ user: '__other__' }).inc();
    calls.bind({ user: 'a' }).inc();
    calls.bind({ user: 'b' }).inc();
    expect(linesOf(registry, 'calls_total')).toEqual(['calls_total{user="__other__"} 2', 'calls_total{user="a"} 1']);
    expect(calls.remove({ user: '__other__' })).toBe(true);
    expect(calls.remove({ user: 'a' })).toBe(true);
    calls.bind({ user: 'b' }).inc();
    expect(linesOf(registry, 'calls_total')).toEqual(['calls_total{user="b"} 1']);
  });

  it('drops what cannot be added up, and counts every write', () => {
    const registry = createRegistry({ maxSeries: 1 });
    const gauge = registry.gauge({ name: 'gauge', help: 'Gauge.', labels: ['id'] });
    const info = registry.info({ name: 'fact', help: 'Fact.', labels: ['id'] });
    const states = registry.stateSet({ name: 'state', help: 'State.', labels: ['id'], states: ['on', 'off'] });
    const shape = registry.gaugeHistogram({ name: 'shape', help: 'Shape.', labels: ['id'], buckets: [1] });
    for (const id of ['a', 'b']) {
      const handle = gauge.bind({ id });
      handle.set(5);
      handle.inc();
      handle.dec(2);
      info.bind({ id });
      states.bind({ id }).set('off');
      shape.bind({ id }).set([1, 2], 3);
    }
    expect(linesOf(registry, 'gauge')).toEqual(['gauge{id="a"} 4']);
    expect(linesOf(registry, 'fact')).toEqual(['fact_info{id="a"} 1']);
    expect(linesOf(registry, 'state{')).toEqual(['state{id="a",state="on"} 0', 'state{id="a",state="off"} 1']);
    expect(linesOf(registry, 'shape_g')).toEqual(['shape_gcount{id="a"} 3', 'shape_gsum{id="a"} 3']);
    expect(linesOf(registry, 'fairlead_metrics_dropped_total')).toEqual([
      'fairlead_metrics_dropped_total{family="gauge",reason="series_limit"} 3',
      'fairlead_metrics_dropped_total{family="fact",reason="series_limit"} 1',
      'fairlead_metrics_dropped_total{family="state",reason="series_limit"} 1',
      'fairlead_metrics_dropped_total{family="shape",reason="series_limit"} 1',
    ]);
  });

  it('leaves the counters of what was left out without a cap', () => {
    const registry = createRegistry({ maxSeries: 1 });
    for (const name of ['a', 'b', 'c']) registry.counter({ name, help: 'Some.' }).bind().inc(-1);
    expect(linesOf(registry, 'fairlead_metrics_dropped_total')).toHaveLength(3);
    expect(linesOf(registry, 'fairlead_metrics_folded_total')).toEqual([]);
  });
});

describe('registering', () => {
  it('answers the family that is there for the same definition', () => {
    const registry = createRegistry({ prefix: 'shop_' });
    const options = { name: 'sizes', help: 'Sizes.', labels: ['a'], buckets: [1, 2] } as const;
    expect(registry.histogram(options)).toBe(registry.histogram({ ...options, buckets: [1, 2] }));
    expect(registry.histogram(options).name).toBe('shop_sizes');
    for (const other of [{ help: 'Other.' }, { labels: ['b'] as const }, { buckets: [1, 3] }, { maxSeries: 5 }]) {
      expect(thrownBy(() => registry.histogram({ ...options, ...other })).code).toBe('ALREADY_EXISTS');
    }
    expect(thrownBy(() => registry.gaugeHistogram(options)).code).toBe('ALREADY_EXISTS');
  });

  it.each<[string, (registry: Registry) => unknown, (registry: Registry) => unknown]>([
    [
      'a gauge beside the total of a counter',
      (r) => r.counter({ name: 'foo', help: 'x' }),
      (r) => r.gauge({ name: 'foo_total', help: 'x' }),
    ],
    [
      'the creation time of a counter',
      (r) => r.counter({ name: 'foo', help: 'x' }),
      (r) => r.gauge({ name: 'foo_created', help: 'x' }),
    ],
    [
      'the sum of a histogram',
      (r) => r.histogram({ name: 'foo', help: 'x' }),
      (r) => r.gauge({ name: 'foo_sum', help: 'x' }),
    ],
    [
      'the count of a gauge histogram',
      (r) => r.gaugeHistogram({ name: 'foo', help: 'x' }),
      (r) => r.gauge({ name: 'foo_gcount', help: 'x' }),
    ],
    [
      'the sample of an info',
      (r) => r.info({ name: 'foo', help: 'x' }),
      (r) => r.gauge({ name: 'foo_info', help: 'x' }),
    ],
  ])('refuses a clash with %s, in either order', (_, first, second) => {
    for (const [one, other] of [
      [first, second],
      [second, first],
    ] as const) {
      const registry = createRegistry();
      one(registry);
      const error = thrownBy(() => other(registry));
      expect(error.code).toBe('ALREADY_EXISTS');
      expect(error.message).toContain('foo');
    }
  });

  it('keeps the names of what it counts about itself', () => {
    const registry = createRegistry();
    const error = thrownBy(() => registry.gauge({ name: 'fairlead_metrics_dropped_total', help: 'x' }));
    expect(error.code).toBe('ALREADY_EXISTS');
  });

  it.each<[string, (registry: Registry) => unknown, string]>([
    ['a name with a dash', (r) => r.gauge({ name: 'a-b', help: 'x' }), 'name'],
    ['a name with a colon, kept for recording rules', (r) => r.gauge({ name: 'a:b', help: 'x' }), 'name'],
    ['a name with a leading underscore', (r) => r.gauge({ name: '_a', help: 'x' }), 'name'],
    ['a name with a line feed', (r) => r.gauge({ name: 'a\n', help: 'x' }), 'name'],
    ['a counter that brings _total', (r) => r.counter({ name: 'a_total', help: 'x' }), 'name'],
    ['an info that brings _info', (r) => r.info({ name: 'a_info', help: 'x' }), 'name'],
    ['a name without its unit', (r) => r.gauge({ name: 'a_ms', help: 'x', unit: 'seconds' }), 'name'],
    ['a unit that is no name', (r) => r.gauge({ name: 'a_b c', help: 'x', unit: 'b c' }), 'name'],
    ['an empty unit', (r) => r.gauge({ name: 'a', help: 'x', unit: '' }), 'unit'],
    ['no help', (r) => r.gauge({ name: 'a', help: '' }), 'help'],
    ['a reserved label', (r) => r.histogram({ name: 'a', help: 'x', labels: ['le'] }), 'labels.0'],
    [
      'a label that is called like its state set',
      (r) => r.stateSet({ name: 'a', help: 'x', labels: ['a'], states: ['on'] }),
      'labels.0',
    ],
    [
      'a label with a leading underscore',
      (r) => r.gauge({ name: 'a', help: 'x', labels: ['b', '__name__'] }),
      'labels.1',
    ],
    ['a label twice', (r) => r.gauge({ name: 'a', help: 'x', labels: ['b', 'b'] }), 'labels.1'],
    ['buckets out of order', (r) => r.histogram({ name: 'a', help: 'x', buckets: [1, 3, 3] }), 'buckets.2'],
    [
      'an infinite bucket',
      (r) => r.histogram({ name: 'a', help: 'x', buckets: [1, Number.POSITIVE_INFINITY] }),
      'buckets.1',
    ],
    ['no buckets', (r) => r.histogram({ name: 'a', help: 'x', buckets: [] }), 'buckets'],
    ['no states', (r) => r.stateSet({ name: 'a', help: 'x', states: [] }), 'states'],
    ['a state twice', (r) => r.stateSet({ name: 'a', help: 'x', states: ['on', 'on'] }), 'states.1'],
    [
      'states that UTF-8 cannot tell apart',
      (r) => r.stateSet({ name: 'a', help: 'x', states: ['\ud800', '\udfff'] }),
      'states.1',
    ],
    ['a state without a name', (r) => r.stateSet({ name: 'a', help: 'x', states: ['on', ''] }), 'states.1'],
    ['a cap below 1', (r) => r.gauge({ name: 'a', help: 'x', maxSeries: 0 }), 'maxSeries'],
    ['an unknown option', (r) => r.gauge({ name: 'a', help: 'x', buckets: [1] } as never), 'buckets'],
    ['nothing at all', (r) => r.gauge(undefined as never), 'name'],
  ])('refuses %s, naming the option', (_, register, field) => {
    const registry = createRegistry();
    const before = registry.families().length;
    const error = thrownBy(() => register(registry));
    expect([error.code, error.details.field]).toEqual(['INVALID_OPTION', field]);
    expect(error.message).toMatch(/expected .+, given .+/);
    expect(registry.families()).toHaveLength(before);
  });

  it('refuses bad options of the registry', () => {
    for (const options of [{ maxSeries: 0 }, { prefix: 5 }, { clock: {} }, { logger: 'x' }, { labels: {} }]) {
      expect(thrownBy(() => createRegistry(options as never)).code).toBe('INVALID_OPTION');
    }
    expect(thrownBy(() => createRegistry({ prefix: '9_' }).gauge({ name: 'a', help: 'x' })).details.field).toBe('name');
  });
});

describe('collect callbacks', () => {
  it('run before every exposition until they are taken away', () => {
    const registry = createRegistry();
    const gauge = registry.gauge({ name: 'pending', help: 'Pending.' }).bind();
    const stop = registry.onCollect(() => gauge.inc());
    toOpenMetrics(registry);
    expect(linesOf(registry, 'pending')).toEqual(['pending 2']);
    stop();
    expect(linesOf(registry, 'pending')).toEqual(['pending 2']);
    expect(registry.families().map(({ name }) => name)).toContain('pending');
    expect(gauge.value).toBe(2);
  });

  it('that throw or reject are logged and counted, and hurt nobody else', async () => {
    const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
    const registry = createRegistry({ logger });
    const gauge = registry.gauge({ name: 'pending', help: 'Pending.' }).bind();
    registry.onCollect(() => {
      throw new Error('the queue is gone');
    });
    const late: () => unknown = () => Promise.reject(new Error('too late'));
    registry.onCollect(late);
    registry.onCollect(() => gauge.set(7));
    expect(linesOf(registry, 'pending')).toEqual(['pending 7']);
    await Promise.resolve();
    expect(logger.error.mock.calls.map(([, message]) => message)).toEqual([
      expect.stringContaining('the queue is gone'),
      expect.stringContaining('too late'),
    ]);
    expect(linesOf(registry, 'fairlead_metrics_collect_failures_total')).toEqual([
      'fairlead_metrics_collect_failures_total 3',
    ]);
  });

  it('may render the registry themselves', () => {
    const registry = createRegistry();
    let inner = '';
    registry.onCollect(() => {
      inner = toOpenMetrics(registry);
    });
    expect(toOpenMetrics(registry)).toBe('# EOF\n');
    expect(inner).toBe('# EOF\n');
  });
});

describe('creation times', () => {
  it('come from the clock at the binding of each series, and anew after a removal', async () => {
    const clock = createVirtualClock(1_700_000_000_000);
    const registry = createRegistry({ clock });
    const calls = registry.counter({ name: 'calls', help: 'Calls.', labels: ['id'] });
    calls.bind({ id: 'a' }).inc();
    await clock.advance(1250);
    calls.bind({ id: 'b' });
    expect(linesOf(registry, 'calls_created')).toEqual([
      'calls_created{id="a"} 1700000000',
      'calls_created{id="b"} 1700000001.25',
    ]);
    calls.remove({ id: 'a' });
    calls.bind({ id: 'a' });
    expect(linesOf(registry, 'calls_')).toEqual([
      'calls_total{id="b"} 0',
      'calls_created{id="b"} 1700000001.25',
      'calls_total{id="a"} 0',
      'calls_created{id="a"} 1700000001.25',
    ]);
  });
});
