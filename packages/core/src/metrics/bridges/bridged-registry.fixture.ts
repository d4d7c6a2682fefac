import * as prom from 'prom-client';
import { createRegistry, type Registry } from '../registry';
import { bridgePromClient } from './prom-client';

/** A registry that shows one of prom-client with all of its types, nasty labels and help texts, and what it itself gets wrong. */
export async function bridgedRegistry(): Promise<Registry> {
  const theirs = new prom.Registry<prom.OpenMetricsContentType>();
  theirs.setContentType(prom.Registry.OPENMETRICS_CONTENT_TYPE);
  theirs.setDefaultLabels({ app: 'a\\b"c\nd' });
  const registers = [theirs];
  const help = 'With \\ and " and\na line feed. # {';
  const calls = new prom.Counter({
    name: 'http_calls_total',
    help,
    labelNames: ['code', 'trace_id'],
    enableExemplars: true,
    registers,
  });
  for (const code of ['\\', '\n', '"', ' # {', '😀', '', '}']) {
    calls.inc({ labels: { code }, value: 1.5, exemplarLabels: { trace_id: code } });
  }
  new prom.Counter({ name: 'bare', help, registers }).inc();
  const size = new prom.Gauge({ name: 'size', help, labelNames: ['a', 'b'], registers });
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e21, -0]) {
    size.set({ b: String(value) }, value);
  }
  size.set({ a: '' }, 1);
  const wait = new prom.Histogram({
    name: 'wait',
    help,
    labelNames: ['x', 'trace_id'],
    buckets: [1e-7, 1, 1e6],
    enableExemplars: true,
    registers,
  });
  for (const value of [0, 1e-7, 0.5, 1, 7, 1e9]) {
    wait.observe({ labels: { x: '1' }, value, exemplarLabels: { trace_id: String(value) } });
  }
  new prom.Histogram({ name: 'signed', help, buckets: [-1, 1], registers }).observe(-3);
  const length = new prom.Summary({ name: 'length', help, labelNames: ['x'], percentiles: [0, 0.5, 1], registers });
  length.observe({ x: '1' }, 4);
  new prom.Summary({ name: 'empty', help, registers });
  prom.collectDefaultMetrics({ register: theirs });
  const registry = createRegistry({ prefix: 'own_' });
  registry.summary({ name: 'length', help }).bind().observe(3);
  await bridgePromClient(registry, theirs);
  return registry;
}
