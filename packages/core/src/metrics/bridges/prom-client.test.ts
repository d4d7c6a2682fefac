import * as prom from 'prom-client';
import { describe, expect, it, vi } from 'vitest';
import { FairleadError } from '../../errors';
import { mergeSnapshots, restoreSnapshot } from '../merge-snapshots';
import { toOpenMetrics } from '../openmetrics';
import { toPrometheusText } from '../prometheus-text';
import { readOpenMetrics } from '../read-exposition.fixture';
import { createRegistry } from '../registry';
import { pullMetrics } from '../scrape';
import { bridgePromClient, type PromClientRegistry } from './prom-client';

const openMetrics = 'application/openmetrics-text';

function theirRegistry(): prom.Registry<prom.OpenMetricsContentType> {
  const registry = new prom.Registry<prom.OpenMetricsContentType>();
  registry.setContentType(prom.Registry.OPENMETRICS_CONTENT_TYPE);
  return registry;
}

async function codeOf(action: Promise<unknown>): Promise<string> {
  try {
    await action;
  } catch (error) {
    if (FairleadError.isInstance(error)) return error.code;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('bridgePromClient', () => {
  it('shows every type in one exposition with its own, as they are at each pull', async () => {
    const theirs = theirRegistry();
    theirs.setDefaultLabels({ app: 'shop' });
    const registers = [theirs];
    const calls = new prom.Counter({
      name: 'http_calls_total',
      help: 'Calls.',
      labelNames: ['code', 'trace_id'],
      enableExemplars: true,
      registers,
    });
    calls.inc({ labels: { code: 'a"b' }, value: 2, exemplarLabels: { trace_id: 'x' } });
    new prom.Gauge({ name: 'size', help: 'Size.', labelNames: ['a', 'b'], registers }).set({ b: '1' }, Number.NaN);
    const wait = new prom.Histogram({ name: 'wait', help: 'W.', buckets: [1, 2], registers });
    wait.observe(1.5);
    wait.observe(9);
    new prom.Histogram({ name: 'signed', help: 'S.', buckets: [-1, 1], registers }).observe(-3);
    const length = new prom.Summary({ name: 'length', help: 'L.', percentiles: [0.5], registers });
    const registry = createRegistry();
    registry.gauge({ name: 'own', help: 'Own.' }).bind().set(1);
    const remove = await bridgePromClient(registry, theirs);

    const { body } = await pullMetrics(registry, openMetrics);
    const samples = readOpenMetrics(body).flatMap((family) => family.samples);
    const lines = samples.map(({ name, labels, value }) => [name, labels, value]);
    const app = { app: 'shop' };
    expect(lines).toEqual([
      ['own', {}, 1],
      ['http_calls_total', { ...app, code: 'a"b' }, 2],
      ['size', { ...app, b: '1' }, Number.NaN],
      ['wait_bucket', { ...app, le: '1.0' }, 0],
      ['wait_bucket', { ...app, le: '2.0' }, 1],
      ['wait_bucket', { ...app, le: '+Inf' }, 2],
      ['wait_count', app, 2],
      ['wait_sum', app, 10.5],
      ['signed_bucket', { ...app, le: '-1.0' }, 1],
      ['signed_bucket', { ...app, le: '1.0' }, 1],
      ['signed_bucket', { ...app, le: '+Inf' }, 1],
      ['length', { ...app, quantile: '0.5' }, Number.NaN],
      ['length_count', app, 0],
      ['length_sum', app, 0],
    ]);
    expect(samples[1]?.exemplar).toMatchObject({ labels: { trace_id: 'x' }, value: 2 });

    calls.inc({ labels: { code: 'a"b' }, value: 1 });
    length.observe(4);
    const later = (await pullMetrics(registry)).body;
    expect(later).toContain(String.raw`http_calls_total{code="a\"b",app="shop"} 3`);
    expect(later).toContain('length{app="shop",quantile="0.5"} 4\n');
    remove();
    expect((await pullMetrics(registry)).body).not.toContain('http_calls');
  });

  it('names a counter with _total whether prom-client did or not', async () => {
    const theirs = theirRegistry();
    new prom.Counter({ name: 'calls', help: 'Calls.', registers: [theirs] }).inc(3);
    const registry = createRegistry();
    await bridgePromClient(registry, theirs);
    expect(toOpenMetrics(registry)).toContain('# TYPE calls counter\n# HELP calls Calls.\ncalls_total 3\n');
    expect(toPrometheusText(registry)).toContain('# TYPE calls_total counter\ncalls_total 3\n');
  });

  it('refuses a name that is taken, at once; one that comes later is left out, logged and counted', async () => {
    const error = vi.fn();
    const registry = createRegistry({ logger: { debug() {}, info() {}, warn() {}, error } });
    registry.counter({ name: 'calls', help: 'Calls.' }).bind().inc();
    const theirs = theirRegistry();
    new prom.Gauge({ name: 'calls_total', help: 'Calls.', registers: [theirs] });
    expect(await codeOf(bridgePromClient(registry, theirs))).toBe('ALREADY_EXISTS');
    const empty = theirRegistry();
    await bridgePromClient(registry, empty);
    new prom.Gauge({ name: 'calls', help: 'Calls.', registers: [empty] }).set(9);
    const { body } = await pullMetrics(registry, openMetrics);
    expect(body).toContain('calls_total 1\n');
    expect(body).not.toContain('\ncalls 9');
    expect(error).toHaveBeenCalledOnce();
    expect(toOpenMetrics(registry)).toContain('fairlead_metrics_collect_failures_total 1\n');
  });

  it('shows what it pulled before when a metric of prom-client fails, which is logged and counted', async () => {
    const theirs = theirRegistry();
    let failing = false;
    new prom.Gauge({
      name: 'size',
      help: 'Size.',
      registers: [theirs],
      collect() {
        if (failing) throw new Error('disk gone');
        this.set(5);
      },
    });
    const error = vi.fn();
    const registry = createRegistry({ logger: { debug() {}, info() {}, warn() {}, error } });
    await bridgePromClient(registry, theirs);
    failing = true;
    expect((await pullMetrics(registry, openMetrics)).body).toContain('size 5\n');
    expect(error).toHaveBeenCalledOnce();
  });

  it('refuses what is no registry, and a metric that it does not know', async () => {
    const registry = createRegistry();
    expect(await codeOf(bridgePromClient(registry, {} as PromClientRegistry))).toBe('INVALID_ARGUMENT');
    expect(await codeOf(bridgePromClient(registry, undefined as unknown as PromClientRegistry))).toBe(
      'INVALID_ARGUMENT',
    );
    const odd = { getMetricsAsJSON: async () => [{ name: 'x', help: 'X.', type: 'untyped', values: [] }] };
    expect(await codeOf(bridgePromClient(registry, odd))).toBe('INVALID_ARGUMENT');
    const illegal = { getMetricsAsJSON: async () => [{ name: 'x y', help: 'X.', type: 'gauge', values: [] }] };
    expect(await codeOf(bridgePromClient(registry, illegal))).toBe('INVALID_ARGUMENT');
  });

  it('leaves out what OpenMetrics forbids of values that prom-client lets in', async () => {
    const theirs = theirRegistry();
    const registers = [theirs];
    new prom.Histogram({ name: 'wait', help: 'W.', buckets: [1], registers }).observe(-3);
    new prom.Summary({ name: 'length', help: 'L.', percentiles: [0.5], registers }).observe(-3);
    const registry = createRegistry();
    await bridgePromClient(registry, theirs);
    for (const text of [toOpenMetrics(registry), toPrometheusText(registry)]) {
      expect(text.split('\n').filter((line) => /^(wait|length)/.test(line))).toEqual([
        expect.stringMatching(/^wait_bucket\{le="1(\.0)?"\} 1$/),
        'wait_bucket{le="+Inf"} 1',
        'length{quantile="0.5"} NaN',
        'length_count 1',
      ]);
    }
  });

  it.each<[string, string, (theirs: ReturnType<typeof theirRegistry>) => void]>([
    [
      'a label that OpenMetrics reserves',
      'labels.0',
      (theirs) =>
        new prom.Gauge({ name: 'x', help: 'X.', labelNames: ['__x'], registers: [theirs] }).set({ __x: '1' }, 1),
    ],
    [
      'a quantile above 1',
      'quantiles.0',
      (theirs) => new prom.Summary({ name: 'x', help: 'X.', percentiles: [1.5], registers: [theirs] }).observe(1),
    ],
  ])('refuses %s', async (_, field, define) => {
    const theirs = theirRegistry();
    define(theirs);
    const error = await bridgePromClient(createRegistry(), theirs).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', details: { field } });
  });

  it('merges with the same registry of another process, but for quantiles, which do not add up', async () => {
    const snapshotOf = async (value: number) => {
      const theirs = theirRegistry();
      const registers = [theirs];
      new prom.Counter({ name: 'calls', help: 'Calls.', registers }).inc(value);
      new prom.Gauge({ name: 'size', help: 'Size.', aggregator: 'max', registers }).set(value);
      new prom.Summary({ name: 'length', help: 'L.', registers }).observe(value);
      const registry = createRegistry();
      await bridgePromClient(registry, theirs);
      return registry.snapshot();
    };
    const text = toOpenMetrics(restoreSnapshot(mergeSnapshots([await snapshotOf(2), await snapshotOf(5)])));
    expect(text.split('\n').filter((line) => !line.startsWith('#'))).toEqual([
      'calls_total 7',
      'size 5',
      'length_count 2',
      'length_sum 7',
      '',
    ]);
  });
});
