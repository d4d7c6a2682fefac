import { answerScrape, createRegistry } from '@fairlead/core/metrics';
import * as prom from 'prom-client';
import { type Contestant, compare } from '../lib/compare';
import type { Result, SuiteContext } from '../lib/suite';

const seriesCount = 1000;
const scrapesPerRound = 10;
const incsPerRound = 1_000_000;
const help = 'Measured by the benchmark.';
const labelNames = ['model_name', 'feature'] as const;
const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

type FamilyType = 'counter' | 'gauge' | 'histogram';

/** A registry of 1000 series of one type: how to change them all, and how to make what a server sends. */
interface Subject {
  change(value: (series: number) => number): void;
  scrape(): Promise<Uint8Array>;
}

function labelsOf(series: number): Record<(typeof labelNames)[number], string> {
  return { model_name: 'digits', feature: `pixel_${series}` };
}

const indexes = Array.from({ length: seriesCount }, (_, index) => index);

function ours(type: FamilyType): Subject {
  const registry = createRegistry();
  const options = { name: 'ml_subject', help, labels: labelNames };
  const scrape = async () => (await answerScrape(registry, { accept: 'application/openmetrics-text' })).body;
  if (type === 'counter') {
    const family = registry.counter(options);
    const handles = indexes.map((index) => family.bind(labelsOf(index)));
    return { scrape, change: (value) => handles.forEach((handle, index) => void handle.inc(value(index))) };
  }
  if (type === 'gauge') {
    const family = registry.gauge(options);
    const handles = indexes.map((index) => family.bind(labelsOf(index)));
    return { scrape, change: (value) => handles.forEach((handle, index) => void handle.set(value(index))) };
  }
  const family = registry.histogram({ ...options, buckets });
  const handles = indexes.map((index) => family.bind(labelsOf(index)));
  return { scrape, change: (value) => handles.forEach((handle, index) => void handle.observe(value(index))) };
}

function theirs(type: FamilyType): Subject {
  // As a user has it who asks for the same format.
  const registry = new prom.Registry<prom.OpenMetricsContentType>();
  registry.setContentType(prom.Registry.OPENMETRICS_CONTENT_TYPE);
  const options = { name: 'ml_subject', help, labelNames, registers: [registry] };
  const scrape = async () => Buffer.from(await registry.metrics());
  if (type === 'counter') {
    const family = new prom.Counter(options);
    const handles = indexes.map((index) => family.labels(labelsOf(index)));
    return { scrape, change: (value) => handles.forEach((handle, index) => void handle.inc(value(index))) };
  }
  if (type === 'gauge') {
    const family = new prom.Gauge(options);
    const handles = indexes.map((index) => family.labels(labelsOf(index)));
    return { scrape, change: (value) => handles.forEach((handle, index) => void handle.set(value(index))) };
  }
  const family = new prom.Histogram({ ...options, buckets });
  const handles = indexes.map((index) => family.labels(labelsOf(index)));
  return { scrape, change: (value) => handles.forEach((handle, index) => void handle.observe(value(index))) };
}

/** What is written: counts are whole, and what is measured has all the digits of a double. */
const amountOf: Readonly<Record<FamilyType, (index: number) => number>> = {
  counter: (index) => 1 + (index % 7),
  gauge: (index) => (index * 0.618_033_988_749_895) % 3,
  histogram: (index) => (index * 0.618_033_988_749_895) % 3,
};

/** Milliseconds of a scrape, down to the bytes that a server sends, after every series has changed. */
function scrapeTime(subject: Subject, value: (index: number) => number): Contestant {
  let changes = 0;
  return async () => {
    let elapsed = 0;
    for (let scrape = 0; scrape < scrapesPerRound; scrape++) {
      changes++;
      subject.change((series) => value(series + changes));
      const started = performance.now();
      await subject.scrape();
      elapsed += performance.now() - started;
    }
    return elapsed / scrapesPerRound;
  };
}

/** Nanoseconds of one call. */
function incTime(inc: () => void): Contestant {
  return () => {
    const started = performance.now();
    for (let call = 0; call < incsPerRound; call++) inc();
    return ((performance.now() - started) * 1e6) / incsPerRound;
  };
}

/** The metrics registry beside prom-client, in one process and in turn: a scrape of 1000 series, and one `inc`. */
export async function measureMetrics({ rounds, note }: SuiteContext): Promise<Result[]> {
  const results: Result[] = [];
  for (const type of ['counter', 'gauge', 'histogram'] as const) {
    note(`a scrape of ${seriesCount} ${type} series, all changed, beside prom-client`);
    const { a, b, ratio } = await compare(
      scrapeTime(ours(type), amountOf[type]),
      scrapeTime(theirs(type), amountOf[type]),
      { rounds },
    );
    const name = `scrape of ${seriesCount} ${type} series, all changed`;
    results.push(
      { name: `${name}: against prom-client`, value: ratio, unit: 'ratio', goal: '<= 0.2' },
      { name, value: a, unit: 'ms' },
      { name: `${name}: of prom-client`, value: b, unit: 'ms' },
    );
  }

  note('inc with two labels, beside prom-client');
  const counter = createRegistry().counter({ name: 'ml_calls', help, labels: labelNames });
  const handle = counter.bind(labelsOf(0));
  const rival = new prom.Counter({ name: 'ml_calls', help, labelNames, registers: [new prom.Registry()] });
  const rivalHandle = rival.labels(labelsOf(0));
  const pixel = labelsOf(0);
  const bound = incTime(() => handle.inc());
  const labelled = await compare(
    bound,
    incTime(() => rival.inc({ model_name: pixel.model_name, feature: pixel.feature })),
    { rounds },
  );
  const handles = await compare(
    bound,
    incTime(() => rivalHandle.inc()),
    { rounds },
  );
  results.push(
    {
      name: 'inc on a bound handle: against inc(labels) of prom-client',
      value: labelled.ratio,
      unit: 'ratio',
      goal: '<= 0.1',
    },
    {
      name: 'inc on a bound handle: against a labels() handle of prom-client',
      value: handles.ratio,
      unit: 'ratio',
      goal: '< 1',
    },
    { name: 'inc on a bound handle', value: labelled.a, unit: 'ns' },
    { name: 'inc(labels) of prom-client', value: labelled.b, unit: 'ns' },
    { name: 'inc on a labels() handle of prom-client', value: handles.b, unit: 'ns' },
  );
  return results;
}
