import fc from 'fast-check';
import { FairleadError } from '../errors';
import type { MetricType } from './names';
import { identityOf, type ReadSample } from './read-exposition.fixture';
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
  readonly series: readonly { readonly labelValues: readonly string[]; readonly values: readonly number[] }[];
}

/** A registry that such programs filled, and the samples that it must show. */
export interface HostileRegistry {
  readonly registry: Registry;
  /** Values by the identity of their sample; `_created` and the registry's own families left out. */
  readonly expected: ReadonlyMap<string, number>;
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

const familyScript: fc.Arbitrary<FamilyScript> = fc.record({
  type: fc.constantFrom<MetricType>('counter', 'gauge', 'histogram', 'gaugehistogram', 'info', 'stateset'),
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
  series: fc.array(
    fc.record({
      labelValues: fc.array(hostileText, { minLength: 3, maxLength: 3 }),
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
  const registry = createRegistry();
  const expected = new Map<string, number>();
  let dropped = 0;
  const add = (name: string, labels: Readonly<Record<string, string>>, amount: number): void => {
    const identity = identityOf({ name, labels });
    expected.set(identity, (expected.get(identity) ?? 0) + amount);
  };
  const set = (name: string, labels: Readonly<Record<string, string>>, present: number): void =>
    void expected.set(identityOf({ name, labels }), present);

  /** Runs a family's script against it, and says what it should show. */
  const play = (script: FamilyScript): void => {
    const { name, help, labelNames: labels, buckets, states } = script;
    const unit = script.unit === undefined ? {} : { unit: script.unit };
    const perSeries = (
      use: (given: Record<string, string>, shown: Record<string, string>, values: readonly number[]) => void,
    ): void => {
      for (const { labelValues, values } of script.series) {
        const given = Object.fromEntries(labels.map((label, index) => [label, labelValues[index] ?? '']));
        const written = Object.entries(given).map(([label, text]) => [label, throughUtf8(text)] as const);
        use(given, Object.fromEntries(written.filter(([, text]) => text !== '')), values);
      }
    };
    switch (script.type) {
      case 'counter': {
        const family = registry.counter<string>({ name, help, labels, ...unit });
        perSeries((given, shown, values) => {
          const handle = family.bind(given);
          add(`${name}_total`, shown, 0);
          for (const amount of values) {
            handle.inc(amount);
            if (isAmount(amount)) add(`${name}_total`, shown, amount);
            else dropped++;
          }
        });
        return;
      }
      case 'gauge': {
        const family = registry.gauge<string>({ name, help, labels, ...unit });
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
        perSeries((given, shown, values) => {
          const handle = family.bind(given);
          const kept = values.filter((observed) => Number.isFinite(observed) && (signed || observed >= 0));
          dropped += values.length - kept.length;
          for (const observed of values) handle.observe(observed);
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
  return { registry, expected, dropped };
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
