import { systemClock } from '../clock';
import { parseOptions } from '../config';
import { FairleadError, messageOf } from '../errors';
import { consoleLogger } from '../logger';
import { durationBuckets } from './buckets';
import { type Counter, CounterFamily } from './counter';
import { describeFamily, type FamilyDescription } from './describe';
import type { FamilyContext, FamilyDefinition, MetricFamily } from './family';
import { type Clash, type FamilySource, FamilySources } from './family-sources';
import { type Gauge, GaugeFamily } from './gauge';
import { type GaugeHistogram, GaugeHistogramFamily } from './gauge-histogram';
import { type Histogram, HistogramFamily } from './histogram';
import { type Info, InfoFamily } from './info';
import {
  checkBuckets,
  checkFamilyName,
  checkLabelNames,
  checkQuantiles,
  checkStates,
  type MetricType,
  namesOf,
} from './names';
import {
  type BucketOptions,
  type FamilyOptions,
  type GaugeOptions,
  type MeasureOptions,
  type RegistryOptions,
  type StateSetOptions,
  type SummaryOptions,
  schemas,
} from './options';
import { type FamilySnapshot, processLabel, type RegistrySnapshot } from './snapshot';
import { type StateSet, StateSetFamily } from './state-set';
import { type Summary, SummaryFamily } from './summary';

/**
 * Families of metrics. Registering the same definition twice answers the family that is there, so that two parts of a
 * program can share one; the same name with another definition is an error, and so are names that would clash on output
 * (a gauge `foo_total` beside a counter `foo`).
 *
 * Every factory throws a FairleadError `INVALID_OPTION` for a bad definition and `ALREADY_EXISTS` for a clash.
 */
export interface Registry {
  /** Registers a family of values that only grow; `name` comes without `_total`. */
  counter<const L extends string = never>(options: MeasureOptions<L>): Counter<L>;
  /** Registers a family of values that go up and down. */
  gauge<const L extends string = never>(options: GaugeOptions<L>): Gauge<L>;
  /** Registers a family of distributions of what was observed. */
  histogram<const L extends string = never>(options: BucketOptions<L>): Histogram<L>;
  /** Registers a family of distributions that are measured anew each time. */
  gaugeHistogram<const L extends string = never>(options: BucketOptions<L>): GaugeHistogram<L>;
  /** Registers a family of quantiles over a sliding window. */
  summary<const L extends string = never>(options: SummaryOptions<L>): Summary<L>;
  /** Registers a family of facts told by labels; `name` comes without `_info`. */
  info<const L extends string = never>(options: FamilyOptions<L>): Info<L>;
  /** Registers a family of states of which exactly one holds. */
  stateSet<const State extends string, const L extends string = never>(
    options: StateSetOptions<State, L>,
  ): StateSet<State, L>;
  /**
   * Adds a callback that runs before every exposition, to fill gauges at that moment. It must be synchronous: what a
   * promise sets is seen by the next exposition. One that throws or rejects is logged and counted in
   * `fairlead_metrics_collect_failures_total`; the others still run.
   * @returns a function that takes the callback away
   */
  onCollect(callback: () => void): () => void;
  /**
   * Shows families from elsewhere along with its own, as long as no name of theirs is taken. A family that comes later and
   * wants a taken name is left out, logged, and counted in `fairlead_metrics_collect_failures_total`.
   * @returns a function that takes the source away
   * @throws FairleadError `ALREADY_EXISTS` when a family that is there now wants a name that is taken
   */
  addSource(source: FamilySource): () => void;
  /** Waits until all sources are up to date. Never rejects: a source that fails is logged and counted, and stays as it was. */
  refresh(): Promise<void>;
  /** Runs the callbacks and answers all families in the order of their registration, for a writer of some format. */
  collect(): readonly MetricFamily[];
  /** All families in the order of their registration, those of sources last; runs no callback. */
  families(): readonly MetricFamily[];
  /**
   * Runs the callbacks and answers all families and their values as plain data, to be merged with those of other processes.
   * @param options `process`: a name for this one, which `by-process` gauges are labelled with. @default ''
   */
  snapshot(options?: { readonly process?: string }): RegistrySnapshot;
  /** What every family is, without its values, in the order of their registration; runs no callback. */
  describe(): readonly FamilyDescription[];
}

/** A family, and its definition in one text that tells whether two are the same. */
interface Registered {
  readonly family: MetricFamily;
  readonly definition: string;
}

/** What the options of every family have in common, parsed. */
interface ParsedFamily {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[] | undefined;
  readonly maxSeries?: number | undefined;
  readonly unit?: string | undefined;
}

/**
 * Makes an empty registry of metrics. There is no global one.
 *
 * What a registry had to leave out it counts in families of its own, which no prefix changes:
 * `fairlead_metrics_dropped_total{family,reason}` (values), `fairlead_metrics_folded_total{family}` (bindings past the
 * cap) and `fairlead_metrics_collect_failures_total`.
 * @throws FairleadError `INVALID_OPTION`
 */
export function createRegistry(options: RegistryOptions = {}): Registry {
  const settings = parseOptions(schemas.registry, options, 'createRegistry');
  const { prefix = '', clock = systemClock, logger = consoleLogger, maxSeries = 2000 } = settings;
  const registered = new Map<string, Registered>();
  const owners = new Map<string, string>();
  const sources = new FamilySources(owners);
  const clashesTold = new Set<string>();
  const callbacks = new Set<() => unknown>();
  let collecting = false;

  const epochMs = (): number => clock.epochMs();
  const now = (): number => clock.now();

  /** Answers the family of that definition if there is one, else checks the definition and enters a new family. */
  const register = <F extends MetricFamily>(
    type: MetricType,
    name: string,
    parsed: ParsedFamily,
    make: (definition: FamilyDefinition, context: FamilyContext) => F,
    { reservedLabels = [], detail }: { readonly reservedLabels?: readonly string[]; readonly detail?: unknown } = {},
  ): F => {
    const { help, unit = '', labels = [] } = parsed;
    const definition = { name, type, help, unit, labelNames: labels, maxSeries: parsed.maxSeries ?? maxSeries };
    const text = JSON.stringify([definition, detail]);
    const known = registered.get(name);
    // The definition holds the type, and each type is made by one factory: the family is an `F`.
    if (known?.definition === text) return known.family as F;
    const owner = `${type} ${name}`;
    checkFamilyName(owner, type, name, unit);
    checkLabelNames(owner, labels, reservedLabels);
    for (const taken of namesOf(type, name)) {
      const holder = owners.get(taken) ?? sources.holderOf(taken);
      if (holder !== undefined) throw clashError(owner, taken, holder);
    }
    const family = make(definition, {
      epochMs,
      now,
      drop: (reason) => dropped.bind({ family: name, reason }).inc(),
      fold: () => folded.bind({ family: name }).inc(),
    });
    registered.set(name, { family, definition: text });
    for (const taken of namesOf(type, name)) owners.set(taken, owner);
    return family;
  };

  // Without a cap, since to count its own overflow such a family would need itself; families and reasons bound it.
  const ownCounter = <const L extends string = never>(name: string, help: string, labels: readonly L[]) =>
    register('counter', name, { help, labels, name, maxSeries: Number.MAX_SAFE_INTEGER }, (definition, context) => {
      return new CounterFamily<L>(definition, context);
    });
  const dropped: Counter<'family' | 'reason'> = ownCounter(
    'fairlead_metrics_dropped',
    'Values that were not recorded, by family and reason.',
    ['family', 'reason'],
  );
  const folded: Counter<'family'> = ownCounter(
    'fairlead_metrics_folded',
    'Bindings of label sets past the cap of their family, answered by its series of all others.',
    ['family'],
  );
  const failures = ownCounter('fairlead_metrics_collect_failures', 'Collect callbacks that threw or rejected.', []);

  const fail = (error: unknown): void => {
    failures.bind().inc();
    logger.error({ error }, `Collecting the metrics of a registry failed in part: ${messageOf(error)}`);
  };
  const runCallback = (callback: () => unknown): void => {
    try {
      const result = callback();
      if (result instanceof Promise) result.catch(fail);
    } catch (error) {
      fail(error);
    }
  };
  const tellClash = ({ family, taken, holder }: Clash): void => {
    if (clashesTold.has(family.name)) return;
    clashesTold.add(family.name);
    fail(clashError(`${family.type} ${family.name} of a source`, taken, holder));
  };
  const families = (): MetricFamily[] => [
    ...Array.from(registered.values(), ({ family }) => family),
    ...sources.families(tellClash),
  ];
  const collect = (): MetricFamily[] => {
    if (collecting) return families(); // a callback that renders the registry must not run itself
    collecting = true;
    try {
      for (const callback of callbacks) runCallback(callback);
    } finally {
      collecting = false;
    }
    return families();
  };

  return {
    counter<const L extends string = never>(given: MeasureOptions<L>): Counter<L> {
      const parsed = parseOptions(schemas.measure, given, 'counter');
      return register('counter', prefix + parsed.name, parsed, (definition, context) => {
        return new CounterFamily<L>(definition, context);
      });
    },
    gauge<const L extends string = never>(given: GaugeOptions<L>): Gauge<L> {
      const parsed = parseOptions(schemas.gauge, given, 'gauge');
      const { aggregation = 'sum' } = parsed;
      const make = (definition: FamilyDefinition, context: FamilyContext) =>
        new GaugeFamily<L>(definition, context, aggregation);
      const reservedLabels = aggregation === 'by-process' ? [processLabel] : [];
      return register('gauge', prefix + parsed.name, parsed, make, { reservedLabels, detail: aggregation });
    },
    histogram<const L extends string = never>(given: BucketOptions<L>): Histogram<L> {
      const parsed = parseOptions(schemas.buckets, given, 'histogram');
      const name = prefix + parsed.name;
      const buckets = checkBuckets(`histogram ${name}`, parsed.buckets ?? durationBuckets);
      const make = (definition: FamilyDefinition, context: FamilyContext) =>
        new HistogramFamily<L>(definition, context, buckets);
      return register('histogram', name, parsed, make, { reservedLabels: ['le'], detail: buckets });
    },
    gaugeHistogram<const L extends string = never>(given: BucketOptions<L>): GaugeHistogram<L> {
      const parsed = parseOptions(schemas.buckets, given, 'gaugeHistogram');
      const name = prefix + parsed.name;
      const buckets = checkBuckets(`gaugehistogram ${name}`, parsed.buckets ?? durationBuckets);
      const make = (definition: FamilyDefinition, context: FamilyContext) =>
        new GaugeHistogramFamily<L>(definition, context, buckets);
      return register('gaugehistogram', name, parsed, make, { reservedLabels: ['le'], detail: buckets });
    },
    summary<const L extends string = never>(given: SummaryOptions<L>): Summary<L> {
      const parsed = parseOptions(schemas.summary, given, 'summary');
      const name = prefix + parsed.name;
      const { windowMs = 600_000 } = parsed;
      const quantiles = checkQuantiles(`summary ${name}`, parsed.quantiles ?? [0.5, 0.9, 0.99]);
      const make = (definition: FamilyDefinition, context: FamilyContext) =>
        new SummaryFamily<L>(definition, context, quantiles, windowMs);
      return register('summary', name, parsed, make, { reservedLabels: ['quantile'], detail: [quantiles, windowMs] });
    },
    info<const L extends string = never>(given: FamilyOptions<L>): Info<L> {
      const parsed = parseOptions(schemas.plain, given, 'info');
      return register('info', prefix + parsed.name, parsed, (definition, context) => {
        return new InfoFamily<L>(definition, context);
      });
    },
    stateSet<const State extends string, const L extends string = never>(
      given: StateSetOptions<State, L>,
    ): StateSet<State, L> {
      parseOptions(schemas.states, given, 'stateSet');
      const name = prefix + given.name;
      const states = checkStates(`stateset ${name}`, given.states);
      const make = (definition: FamilyDefinition, context: FamilyContext) =>
        new StateSetFamily<State, L>(definition, context, states);
      return register('stateset', name, given, make, { reservedLabels: [name], detail: states });
    },
    onCollect(callback) {
      // A wrapper of its own, so that the same function may be added twice and each be taken away.
      const added = (): unknown => callback();
      callbacks.add(added);
      return () => void callbacks.delete(added);
    },
    addSource(source) {
      const clash = sources.add(source);
      if (clash) throw clashError(`${clash.family.type} ${clash.family.name} of a source`, clash.taken, clash.holder);
      return () => sources.remove(source);
    },
    refresh: () => sources.refresh(fail),
    collect,
    snapshot: ({ process = '' } = {}) => ({
      version: 1,
      families: collect().map((family) => labelled(family.snapshot(), process)),
    }),
    families,
    describe: () => families().map(describeFamily),
  };
}

/** Tells the process of a gauge that is not to be merged with those of others. */
function labelled(family: FamilySnapshot, process: string): FamilySnapshot {
  if (family.aggregation !== 'by-process') return family;
  const series = family.series.map((each) => ({ ...each, labels: [...each.labels, process] }));
  return { ...family, labels: [...family.labels, processLabel], series };
}

function clashError(owner: string, taken: string, holder: string): FairleadError {
  const expected = `a name that no other family takes, nor another definition of ${holder}`;
  return new FairleadError(
    'ALREADY_EXISTS',
    `${owner} cannot be registered: "${taken}" belongs to ${holder}. Give ${expected}, or register the same definition.`,
    { details: { field: 'name', expected, given: taken } },
  );
}
