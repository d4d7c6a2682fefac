import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createRunner } from '@fairlead/core';
import {
  createRegistry,
  instrumentRunner,
  type MetricsFormat,
  mergeSnapshots,
  pullMetrics,
  restoreSnapshot,
  toOpenMetrics,
  toPrometheusText,
} from '@fairlead/core/metrics';
import { createMockBackend } from '@fairlead/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bridgedRegistry } from '../../packages/core/src/metrics/bridges/bridged-registry.fixture';
import {
  droppedIn,
  exemplarsOf,
  hostileRegistry,
  ownSamples,
} from '../../packages/core/src/metrics/hostile-registry.fixture';
import {
  type ReadExemplar,
  type ReadFamily,
  type ReadSample,
  readOpenMetrics,
} from '../../packages/core/src/metrics/read-exposition.fixture';
import { spoiltSnapshot, writtenOrRefused } from '../../packages/core/src/metrics/spoilt-snapshot.fixture';
import { preparePrometheusClient, prometheusClientVersion } from './setup';

const peer = preparePrometheusClient();
const script = fileURLToPath(new URL('openmetrics_parse.py', import.meta.url));

interface Exposition {
  readonly format: MetricsFormat;
  readonly text: string;
}

interface Verdict {
  readonly error?: string;
  readonly families: readonly ReadFamily[];
}

type RawSample = readonly [name: string, labels: Record<string, string>, value: string, exemplar: ReadExemplar | null];

function readPythonFloat(text: string): number {
  if (text === 'nan') return Number.NaN;
  return Number(text.replace('inf', 'Infinity'));
}

/** Lets Python parse expositions, all in one process. */
function parseWithPython(expositions: readonly Exposition[]): Verdict[] {
  if (peer.missing !== undefined) throw new Error(peer.missing);
  const { status, stdout, stderr } = spawnSync(peer.command, [script], {
    input: JSON.stringify(expositions),
    encoding: 'utf8',
    env: { ...process.env, PYTHONIOENCODING: 'utf-8' },
    maxBuffer: 256 * 2 ** 20,
    timeout: 120_000,
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const raw = JSON.parse(stdout) as { error?: string; families?: { samples: RawSample[] }[] }[];
  return raw.map(({ error, families = [] }) => ({
    ...(error === undefined ? {} : { error }),
    families: families.map((family) => ({
      ...(family as unknown as ReadFamily),
      samples: family.samples.map(([name, labels, value, exemplar]) => ({
        name,
        labels,
        value: readPythonFloat(value),
        ...(exemplar && { exemplar }),
      })),
    })),
  }));
}

function samplesOf(families: readonly ReadFamily[]): ReadSample[] {
  return families.flatMap(({ samples }) => samples);
}

describe.skipIf(peer.missing !== undefined)(`expositions, read by prometheus_client ${prometheusClientVersion}`, () => {
  it('refuses what is wrong, so that its approval means something', () => {
    const help = '# HELP a A.\n';
    const wrong = [
      `# TYPE a counter\n${help}a_total 1\n`,
      `# TYPE a counter\n${help}a 1\n# EOF\n# EOF\n`,
      `# TYPE a counter\n${help}a_total NaN\n# EOF\n`,
      `# TYPE a_s gauge\n# UNIT a_s seconds\na_s 1\n# EOF\n`,
      `# TYPE a histogram\n${help}a_bucket{le="1.0"} 1\n# EOF\n`,
      `# TYPE a stateset\n${help}a{b="on"} 1\n# EOF\n`,
      `# TYPE a counter\na_total 1\n# TYPE a_total gauge\na_total 1\n# EOF\n`,
    ];
    const verdicts = parseWithPython(wrong.map((text) => ({ format: 'openmetrics', text })));
    for (const { error } of verdicts) expect(error).toContain('ValueError');
  });

  it('accepts hostile names, labels, help texts and values, and reads them back as they were', () => {
    const cases = fc.sample(hostileRegistry, { numRuns: 600, seed: 3 });
    const texts = cases.map(({ registry }) => toOpenMetrics(registry));
    const verdicts = parseWithPython(texts.map((text) => ({ format: 'openmetrics', text })));
    let samplesSeen = 0;
    let exemplarsSeen = 0;
    for (const [index, { error, families }] of verdicts.entries()) {
      const text = texts[index] as string;
      expect(error, text).toBeUndefined();
      const { expected, exemplars, dropped } = cases[index] as (typeof cases)[number];
      const samples = samplesOf(families);
      const shown = ownSamples(samples, expected);
      expect([...shown.keys()].sort(), text).toEqual([...expected.keys()].sort());
      for (const [identity, value] of expected) expect(shown.get(identity), text).toBe(value === 0 ? 0 : value);
      expect(droppedIn(samples), text).toBe(dropped);
      expect([...exemplarsOf(samples).keys()].sort(), text).toEqual([...exemplars.keys()].sort());
      for (const [identity, { labels, value, timestamp }] of exemplarsOf(samples)) {
        const given = exemplars.get(identity);
        expect({ labels, value }, text).toEqual({ labels: given?.labels, value: given?.value });
        // The parser rounds times to nanoseconds in its own way.
        expect(timestamp, text).toBeCloseTo(given?.timestamp as number, 5);
      }
      exemplarsSeen += exemplars.size;
      // The parser eats spaces at the start of a help text.
      const about = ({ name, type, unit, help }: ReadFamily) => ({ name, type, unit, help: help.replace(/^ +/, '') });
      expect(families.map(about), text).toEqual(readOpenMetrics(text).map(about));
      samplesSeen += shown.size;
    }
    expect(exemplarsSeen).toBeGreaterThan(100);
    expect(samplesSeen).toBeGreaterThan(2000); // or the generator makes nothing that a registry accepts
  });

  it('accepts the older text format of the same registries, with the same samples', () => {
    const cases = fc.sample(hostileRegistry, { numRuns: 300, seed: 4 });
    const texts = cases.map(({ registry }) => toPrometheusText(registry));
    const verdicts = parseWithPython(texts.map((text) => ({ format: 'prometheus-text', text })));
    for (const [index, { error, families }] of verdicts.entries()) {
      const text = texts[index] as string;
      expect(error, text).toBeUndefined();
      const { expected } = cases[index] as (typeof cases)[number];
      const shown = ownSamples(samplesOf(families), expected);
      expect([...shown.keys()].sort(), text).toEqual([...expected.keys()].sort());
      for (const [identity, value] of expected) expect(shown.get(identity), text).toBe(value === 0 ? 0 : value);
    }
  });

  it('accepts merged snapshots of the same registries, as often as they are merged', () => {
    const cases = fc.sample(hostileRegistry, { numRuns: 300, seed: 7 });
    const sources = cases.map(({ registry }) => {
      const snapshot = JSON.parse(JSON.stringify(registry.snapshot({ process: 'a"\\\n' })));
      return restoreSnapshot(
        mergeSnapshots([snapshot, mergeSnapshots([snapshot, registry.snapshot({ process: '' })])]),
      );
    });
    const texts = sources.flatMap((source): Exposition[] => [
      { format: 'openmetrics', text: toOpenMetrics(source) },
      { format: 'prometheus-text', text: toPrometheusText(source) },
    ]);
    for (const [index, { error, families }] of parseWithPython(texts).entries()) {
      const { format, text } = texts[index] as Exposition;
      expect(error, text).toBeUndefined();
      if (format === 'openmetrics') {
        expect(families.map(({ name }) => name)).toEqual(readOpenMetrics(text).map(({ name }) => name));
      }
    }
  });

  it('accepts every spoilt snapshot that is not refused', { timeout: 60_000 }, () => {
    const written = fc.sample(spoiltSnapshot, { numRuns: 2000, seed: 11 }).map(writtenOrRefused);
    const texts = written.filter((text) => text !== undefined);
    expect(texts.length).toBeGreaterThan(300); // or what is right is refused
    expect(written.length - texts.length).toBeGreaterThan(300); // or nothing is spoilt
    for (const [index, { error }] of parseWithPython(
      texts.map((text) => ({ format: 'openmetrics', text })),
    ).entries()) {
      expect(error, texts[index]).toBeUndefined();
    }
  });

  it('accepts what a bridged registry of prom-client shows, and finds its values there', async () => {
    const registry = await bridgedRegistry();
    const { body: strictText } = await pullMetrics(registry, 'application/openmetrics-text');
    const { body: plainText } = await pullMetrics(registry);
    const [strict, plain] = parseWithPython([
      { format: 'openmetrics', text: strictText },
      { format: 'prometheus-text', text: plainText },
    ]);
    for (const verdict of [strict, plain]) {
      expect(verdict?.error).toBeUndefined();
      const samples = samplesOf(verdict?.families ?? []);
      const calls = samples.filter(({ name }) => name === 'http_calls_total');
      expect(calls.map(({ labels }) => labels.code ?? '')).toEqual(['\\', '\n', '"', ' # {', '😀', '', '}']);
      expect(new Set(calls.map(({ labels }) => labels.app))).toEqual(new Set(['a\\b"c\nd']));
      const numberOf = (name: string) => samples.find((sample) => sample.name === name)?.value;
      expect(numberOf('bare_total')).toBe(1);
      expect(numberOf('wait_count')).toBe(6);
      expect(numberOf('own_length_count')).toBe(1);
      expect(numberOf('process_resident_memory_bytes')).toBeGreaterThan(0);
    }
    expect(exemplarsOf(samplesOf(strict?.families ?? [])).size).toBeGreaterThanOrEqual(8);
  });

  it('accepts what a runner under traffic shows', async () => {
    const registry = createRegistry();
    const runner = await createRunner({ model: '1', backend: createMockBackend() });
    const instrument = instrumentRunner(registry, runner);
    await Promise.all(Array.from({ length: 50 }, () => runner.run({ x: new Float32Array(2) })));
    await runner.run({ x: new Float64Array(2) } as never).catch(() => undefined);
    await new Promise(setImmediate);
    const [strict, plain] = parseWithPython([
      { format: 'openmetrics', text: toOpenMetrics(registry) },
      { format: 'prometheus-text', text: toPrometheusText(registry) },
    ]);
    for (const verdict of [strict, plain]) {
      expect(verdict?.error).toBeUndefined();
      const values = new Map(samplesOf(verdict?.families ?? []).map(({ name, value }) => [name, value]));
      expect(values.get('ml_prediction_request_success_total')).toBe(50);
      expect(values.get('ml_prediction_duration_seconds_count')).toBe(50);
      expect(values.get('ml_prediction_request_failure_total')).toBe(1);
      expect(values.get('ml_model_info')).toBe(1);
    }
    await instrument.close();
    await runner.close();
  });
});
