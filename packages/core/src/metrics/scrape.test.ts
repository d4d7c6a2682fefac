import { describe, expect, it, vi } from 'vitest';
import { CounterFamily } from './counter';
import { toOpenMetrics } from './openmetrics';
import { createRegistry } from './registry';
import { restoreFamily } from './restore-family';
import { answerScrape, pullMetrics } from './scrape';
import type { FamilySnapshot } from './snapshot';

function gaugeOf(name: string, value: number): FamilySnapshot {
  return { name, type: 'gauge', help: 'G.', unit: '', labels: [], aggregation: 'sum', series: [{ labels: [], value }] };
}

describe('answerScrape', () => {
  it('negotiates format and encoding, and says so', async () => {
    const registry = createRegistry();
    const gauge = registry.gauge({ name: 'size', help: 'Size.', labels: ['x'] });
    for (let index = 0; index < 200; index++) gauge.bind({ x: String(index) });
    const { headers, body } = await answerScrape(registry, {
      accept: 'application/openmetrics-text;version=1.0.0',
      acceptEncoding: 'gzip',
    });
    expect(headers).toEqual({
      'content-type': 'application/openmetrics-text; version=1.0.0; charset=utf-8',
      'content-encoding': 'gzip',
      vary: 'Accept, Accept-Encoding',
    });
    const stream = new Blob([body]).stream().pipeThrough(new DecompressionStream('gzip'));
    expect(await new Response(stream).text()).toBe(toOpenMetrics(registry));
    const plain = await answerScrape(registry);
    expect(plain.headers).toEqual({
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
      vary: 'Accept, Accept-Encoding',
    });
    expect(new TextDecoder().decode(plain.body)).toContain('size{x="199"} 0\n');
  });
});

describe('sources of families', () => {
  it('are brought up to date before a pull, and shown with the families of the registry', async () => {
    const registry = createRegistry();
    registry.gauge({ name: 'own', help: 'Own.' }).bind();
    let present = 1;
    let shown = gaugeOf('theirs', 0);
    const remove = registry.addSource({
      refresh: async () => {
        shown = gaugeOf('theirs', present++);
      },
      families: () => [restoreFamily(shown)],
    });
    expect(registry.describe().map(({ name }) => name)).toContain('theirs');
    expect((await pullMetrics(registry)).body).toContain('own 0\n# HELP theirs G.\n# TYPE theirs gauge\ntheirs 1\n');
    expect((await pullMetrics(registry)).body).toContain('theirs 2\n');
    expect(registry.snapshot().families.find(({ name }) => name === 'theirs')?.series).toEqual([
      { labels: [], value: 2 },
    ]);
    remove();
    expect((await pullMetrics(registry)).body).not.toContain('theirs');
  });

  it('stay as they were when they fail, which is logged and counted', async () => {
    const error = vi.fn();
    const registry = createRegistry({ logger: { debug() {}, info() {}, warn() {}, error } });
    registry.addSource({
      refresh: () => Promise.reject(new Error('gone')),
      families: () => [restoreFamily(gaugeOf('theirs', 5))],
    });
    expect((await pullMetrics(registry)).body).toContain('theirs 5\n');
    expect(error).toHaveBeenCalledOnce();
    expect(toOpenMetrics(registry)).toContain('fairlead_metrics_collect_failures_total 1\n');
  });

  it('are refused for a name that is taken, whoever has it, and have theirs to themselves', () => {
    const registry = createRegistry();
    registry.counter({ name: 'a', help: 'A.' });
    const sourceOf = (...names: string[]) => ({ families: () => names.map((name) => restoreFamily(gaugeOf(name, 1))) });
    expect(() => registry.addSource(sourceOf('b', 'a_total'))).toThrow(/"a_total" belongs to counter a\b/);
    registry.addSource(sourceOf('b'));
    expect(() => registry.addSource(sourceOf('b'))).toThrow(/"b" belongs to gauge b of a source/);
    expect(() => registry.gauge({ name: 'b', help: 'B.' })).toThrow(/"b" belongs to gauge b of a source/);
  });

  it('lose a family that comes later and clashes, which is logged once and counted', () => {
    const error = vi.fn();
    const registry = createRegistry({ logger: { debug() {}, info() {}, warn() {}, error } });
    registry.gauge({ name: 'a', help: 'A.' }).bind();
    const names = ['b'];
    registry.addSource({ families: () => names.map((name) => restoreFamily(gaugeOf(name, 1))) });
    names.push('a');
    for (let scrape = 0; scrape < 3; scrape++) expect(toOpenMetrics(registry)).toContain('\na 0\n');
    expect(toOpenMetrics(registry)).toContain('\nb 1\n');
    expect(toOpenMetrics(registry)).not.toContain('\na 1\n');
    expect(error).toHaveBeenCalledOnce();
    expect(toOpenMetrics(registry)).toContain('fairlead_metrics_collect_failures_total 1\n');
  });
});

it('a family can be removed from and bound again without its old labels', () => {
  const registry = createRegistry();
  const family = registry.counter({ name: 'a', help: 'A.', labels: ['x'] });
  family.bind({ x: '1' });
  family.remove({ x: '1' });
  family.bind({ x: '2' });
  expect(family).toBeInstanceOf(CounterFamily);
  expect(family.snapshot().series.map(({ labels }) => labels)).toEqual([['2']]);
});
