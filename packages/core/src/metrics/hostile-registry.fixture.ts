import fc from 'fast-check';
import { FairleadError } from '../errors';
import { createVirtualClock } from '../testing/virtual-clock';
import type { GaugeAggregation } from './describe';
import type { Exemplar } from './exemplar';
import type { MetricType } from './names';
import { identityOf, type ReadExemplar, type ReadSample } from './read-exposition.fixture';
import { createRegistry, type Registry } from './registry';
import { canonicalNumber } from './text';

/** What a generated program does to one family. */
interface FamilyScript {
  readonly type: MetricType;
  readonly name: string;
  readonly unit: string | undefined;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly buckets: readonly number[];
  readonly states: readonly string[];
  readonly quantiles: readonly number[];
  readonly aggregation: GaugeAggregation;
  readonly series: readonly {
    readonly labelValues: readonly string[];
    readonly values: readonly number[];
    readonly exemplar: Exemplar | undefined;
  }[];
}

/** A registry that such programs filled, and the samples that it must show. */
export interface HostileRegistry {
  readonly registry: Registry;
  /** Values by the identity of their sample; `_created` and the registry's own families left out. */
  readonly expected: ReadonlyMap<string, number>;
  /** Every exemplar that the exposition may show, by the identity of its sample: the last legal one. */
  readonly exemplars: ReadonlyMap<string, ReadExemplar>;
  /** Values that must stand in `fairlead_metrics_dropped_total`, all in all. */
  readonly dropped: number;
}

const nasty = [
  '\\',
  '\n',
  '"',
  '\r',
  '\t',
  '\0',
  '{',
  '}',
  ',',
  '=',
  ' # {',
  '\\n',
  '\u2028',
  '\ud800',
  '\udfff',
  '😀',
  'é',
  ' ',
];
const hostileText = fc
  .array(fc.oneof(fc.constantFrom(...nasty), fc.string({ unit: 'binary', maxLength: 4 })), { maxLength: 6 })
  .map((parts) => parts.join(''));

const stem = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom('a', 'b', 'a_b', 'Z9', 'constructor', 'le') },
  { weight: 1, arbitrary: fc.constantFrom('__proto__', '_a', 'a:b', '9a', 'é', '') },
);
const ending = fc.constantFrom(
  '',
  '',
  '',
  '_total',
  '_created',
  '_info',
  '_bucket',
  '_sum',
  '_count',
  '_gsum',
  '_gcount',
  '_seconds',
);
const hostileName = fc.oneof(
  { weight: 15, arbitrary: fc.tuple(stem, ending).map(([first, last]) => first + last) },
  { weight: 1, arbitrary: hostileText },
);
const labelName = fc.oneof(
  { weight: 15, arbitrary: fc.constantFrom('x', 'y', 'model_name', 'toString', 'hasOwnProperty') },
  { weight: 1, arbitrary: fc.constantFrom('le', 'quantile', 'a', '__name__', '__proto__', '', 'a-b', 'x') },
);
const value = fc.oneof(fc.double(), fc.integer({ min: 0, max: 20 }), fc.double({ min: -10, max: 10, noNaN: true }));

const hostileExemplar: fc.Arbitrary<Exemplar> = fc.record(
  {
    labels: fc.dictionary(
      fc.oneof(
        { weight: 9, arbitrary: fc.constantFrom('trace_id', '_x', 'le') },
        { weight: 1, arbitrary: hostileText },
      ),
      fc.oneof(
        { weight: 9, arbitrary: hostileText },
        { weight: 1, arbitrary: fc.integer({ min: 110, max: 140 }).map((length) => '😀'.repeat(length)) },
      ),
      { maxKeys: 3 },
    ),
    timestampMs: fc.oneof(
      { weight: 9, arbitrary: fc.integer({ min: 0, max: 2e12 }) },
      { weight: 1, arbitrary: fc.double() },
    ),
  },
  { requiredKeys: ['labels'] },
);

const familyScript: fc.Arbitrary<FamilyScript> = fc.record({
  type: fc.constantFrom<MetricType>('counter', 'gauge', 'histogram', 'gaugehistogram', 'summary', 'info', 'stateset'),
  name: hostileName,
  unit: fc.option(fc.constantFrom('seconds', 'seconds', 'bytes', ''), { nil: undefined, freq: 3 }),
  help: hostileText.map((text) => text || 'Help.'),
  labelNames: fc.oneof(
    { weight: 6, arbitrary: fc.uniqueArray(labelName, { maxLength: 3 }) },
    { weight: 1, arbitrary: fc.array(labelName, { maxLength: 3 }) },
  ),
  buckets: fc
    .uniqueArray(fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer({ min: -5, max: 5 })), {
      minLength: 1,
      maxLength: 6,
      comparator: (a, b) => a === b,
    })
    .map((bounds) => bounds.sort((a, b) => a - b)),
  states: fc.uniqueArray(hostileText, { minLength: 1, maxLength: 4 }),
  quantiles: fc
    .uniqueArray(fc.oneof(fc.constantFrom(0, 0.5, 0.99, 1), fc.double({ min: 0, max: 1, noNaN: true })), {
      minLength: 1,
      maxLength: 4,
      comparator: (a, b) => a === b,
    })
    .map((quantiles) => quantiles.sort((a, b) => a - b)),
  aggregation: fc.constantFrom('sum', 'max', 'min', 'last', 'by-process'),
  series: fc.array(
    fc.record({
      labelValues: fc.array(hostileText, { minLength: 3, maxLength: 3 }),
      exemplar: fc.option(hostileExemplar, { nil: undefined }),
      values: fc.array(value, { maxLength: 6 }),
    }),
    { maxLength: 4 },
  ),
});

/** UTF-8 has no lone surrogates: this is what must arrive. */
function throughUtf8(text: string): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(text));
}

function isAmount(amount: number): boolean {
  return amount >= 0 && amount < Number.POSITIVE_INFINITY;
}

/** Runs the programs; a definition that the registry refuses is left out, any other error gets out. */
function build(scripts: readonly FamilyScript[]): HostileRegistry {
  const clock = createVirtualClock(1_700_000_000_000);
  const registry = createRegistry({ clock });
  const expected = new Map<string, number>();
  const exemplars = new Map<string, ReadExemplar>();
  let dropped = 0;
  const add = (name: string, labels: Readonly<Record<string, string>>, amount: number): void => {
    const identity = identityOf({ name, labels });
    expected.set(identity, (expected.get(identity) ?? 0) + amount);
  };
  const set = (name: string, labels: Readonly<Record<string, string>>, present: number): void =>
    void expected.set(identityOf({ name, labels }), present);

  /** Says which exemplar a sample should show after a value was given along with it; an illegal one is dropped. */
  const exemplify = (
    sample: Pick<ReadSample, 'name' | 'labels'>,
    exemplar: Exemplar | undefined,
    amount: number,
  ): void => {
    if (exemplar === undefined) return;
    const about = Object.entries(exemplar.labels).filter(([, text]) => text !== '');
    const length = about.reduce((sum, [name, text]) => sum + name.length + [...text].length, 0);
    const isLegal =
      length <= 128 &&
      about.every(([, text]) => !text.includes('"')) &&
      Object.keys(exemplar.labels).every((name) => /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)) &&
      (exemplar.timestampMs ?? 0) >= 0 &&
      (exemplar.timestampMs ?? 0) <= 8.64e15;
    if (!isLegal) dropped++;
    else {
      const labels = Object.fromEntries(about.map(([name, text]) => [name, throughUtf8(text)]));
      const timestamp = Math.round(exemplar.timestampMs ?? clock.epochMs()) / 1000;
      exemplars.set(identityOf(sample), { labels, value: amount, timestamp });
    }
  };

  /** Runs a family's script against it, and says what it should show. */
  const play = (script: FamilyScript): void => {
    const { name, help, labelNames: labels, buckets, quantiles, states, aggregation } = script;
    const unit = script.unit === undefined ? {} : { unit: script.unit };
    const perSeries = (
      use: (
        given: Record<string, string>,
        shown: Record<string, string>,
        values: readonly number[],
        exemplar: Exemplar | undefined,
      ) => void,
    ): void => {
      for (const { labelValues, values, exemplar } of script.series) {
        const given = Object.fromEntries(labels.map((label, index) => [label, labelValues[index] ?? '']));
        const written = Object.entries(given).map(([label, text]) => [label, throughUtf8(text)] as const);
        use(given, Object.fromEntries(written.filter(([, text]) => text !== '')), values, exemplar);
      }
    };
    switch (script.type) {
      case 'counter': {
        const family = registry.counter<string>({ name, help, labels, ...unit });
        perSeries((given, shown, values, exemplar) => {
          const handle = family.bind(given);
          add(`${name}_total`, shown, 0);
          for (const amount of values) {
            handle.inc(amount, exemplar);
            if (isAmount(amount)) {
              add(`${name}_total`, shown, amount);
              exemplify({ name: `${name}_total`, labels: shown }, exemplar, amount);
            } else dropped++;
          }
        });
        return;
      }
      case 'gauge': {
        const family = registry.gauge<string>({ name, help, labels, aggregation, ...unit });
        perSeries((given, shown, values) => {
          const handle = family.bind(given);
          add(name, shown, 0);
          for (const present of values) {
            handle.set(present);
            set(name, shown, present);
          }
        });
        return;
      }
      case 'histogram': {
        const family = registry.histogram<string>({ name, help, labels, buckets, ...unit });
        const signed = (buckets[0] ?? 0) < 0;
        perSeries((given, shown, values, exemplar) => {
          const handle = family.bind(given);
          const kept = values.filter((observed) => Number.isFinite(observed) && (signed || observed >= 0));
          dropped += values.length - kept.length;
          for (const observed of values) handle.observe(observed, exemplar);
          for (const observed of kept) {
            const bound = buckets.find((upper) => observed <= upper) ?? Number.POSITIVE_INFINITY;
            const bucket = { name: `${name}_bucket`, labels: { ...shown, le: canonicalNumber(bound) } };
            exemplify(bucket, exemplar, observed);
          }
          for (const bound of [...buckets, Number.POSITIVE_INFINITY]) {
            const below = kept.filter((observed) => observed <= bound).length;
            add(`${name}_bucket`, { ...shown, le: canonicalNumber(bound) }, below);
          }
          if (signed) return;
          add(`${name}_count`, shown, kept.length);
          add(`${name}_sum`, shown, 0);
          for (const observed of kept) add(`${name}_sum`, shown, observed);
        });
        return;
      }
      case 'gaugehistogram': {
        const family = registry.gaugeHistogram<string>({ name, help, labels, buckets, ...unit });
        perSeries((given, shown) => {
          const counts = [...buckets.map((_, index) => index), 3];
          family.bind(given).set(counts, (buckets[0] ?? 0) < 0 ? -1.5 : 1.5);
          let total = 0;
          for (const [index, bound] of [...buckets, Number.POSITIVE_INFINITY].entries()) {
            total += counts[index] ?? 0;
            set(`${name}_bucket`, { ...shown, le: canonicalNumber(bound) }, total);
          }
          set(`${name}_gcount`, shown, total);
          set(`${name}_gsum`, shown, (buckets[0] ?? 0) < 0 ? -1.5 : 1.5);
        });
        return;
      }
      case 'summary': {
        const family = registry.summary<string>({ name, help, labels, quantiles, ...unit });
        perSeries((given, shown, values) => {
          const handle = family.bind(given);
          for (const observed of values) handle.observe(observed);
          dropped += values.filter((observed) => !isAmount(observed)).length;
          // How near a quantile is to the truth is tested beside the bins; here that it arrives.
          for (const q of quantiles) set(name, { ...shown, quantile: canonicalNumber(q) }, handle.quantile(q));
          set(`${name}_count`, shown, handle.count);
          set(`${name}_sum`, shown, handle.sum);
        });
        return;
      }
      case 'info': {
        const family = registry.info<string>({ name, help, labels });
        perSeries((given, shown) => {
          family.bind(given);
          set(`${name}_info`, shown, 1);
        });
        return;
      }
      case 'stateset': {
        const family = registry.stateSet<string, string>({ name, help, labels, states });
        perSeries((given, shown, values) => {
          const handle = family.bind(given);
          if (values.length > 0) handle.set(states[states.length - 1] ?? '');
          for (const state of states)
            set(name, { ...shown, [name]: throughUtf8(state) }, state === handle.state ? 1 : 0);
        });
      }
    }
  };

  for (const script of scripts) {
    try {
      play(script);
    } catch (error) {
      if (!FairleadError.isInstance(error, 'INVALID_OPTION') && !FairleadError.isInstance(error, 'ALREADY_EXISTS'))
        throw error;
    }
  }
  return { registry, expected, exemplars, dropped };
}

/** Registries under hostile names, labels, help texts and values; for property tests here and against other parsers. */
export const hostileRegistry: fc.Arbitrary<HostileRegistry> = fc
  .array(familyScript, { minLength: 1, maxLength: 6 })
  .map(build);

/** Samples of the generated families: without `_created` and without what the registry counts about itself. */
export function ownSamples(samples: Iterable<ReadSample>, expected: ReadonlyMap<string, number>): Map<string, number> {
  const kept = new Map<string, number>();
  for (const sample of samples) {
    const isCreated = sample.name.endsWith('_created') && !expected.has(identityOf(sample));
    if (!isCreated && !sample.name.startsWith('fairlead_metrics_')) kept.set(identityOf(sample), sample.value);
  }
  return kept;
}

/** Everything that `fairlead_metrics_dropped_total` counts. */
export function droppedIn(samples: Iterable<ReadSample>): number {
  let total = 0;
  for (const { name, value: count } of samples) if (name === 'fairlead_metrics_dropped_total') total += count;
  return total;
}

/** The exemplars of samples, by the identity of their sample. */
export function exemplarsOf(samples: Iterable<ReadSample>): Map<string, ReadExemplar> {
  const found = new Map<string, ReadExemplar>();
  for (const sample of samples) if (sample.exemplar) found.set(identityOf(sample), sample.exemplar);
  return found;
}
