import { deadlineError, deadlineOf } from '../deadline';
import { abortedError, FairleadError, throwIfAborted } from '../errors';
import { createEvents, type Events } from '../events';
import { isLocalOnly } from '../privacy';
import { afterWaiting, createPending, keepInputs, stageAround, withDeadline } from '../resilience/stage';
import { watchEnding } from '../resilience/started-run';
import { byName, compileDoor } from '../runner/door';
import type { ModelRunner, RunOptions, RunResult } from '../runner/runner';
import type { AnySignature, InputsOf } from '../signature';
import type { Tensors } from '../tensor/tensor';
import { entitiesFrom } from './entities';
import type { FeatureEventMap } from './events';
import { planFeatures } from './feature-plan';
import { createFeatureReads, type ReadStats } from './feature-reads';
import type { FeatureRow } from './feature-store';
import { joinFeatures } from './join-features';
import { type FeatureOptions, parseFeatureOptions } from './options';

/** What lookups did. */
export interface FeatureStats extends ReadStats {
  readonly requests: number;
  /** Requests that failed for want of a feature. */
  readonly refused: number;
  /** Requests that got defaults because the store failed. */
  readonly withoutStore: number;
}

/** A runner whose inputs are joined with features. */
export interface FeatureRunner<S extends AnySignature = AnySignature> extends ModelRunner<S> {
  /** What lookups do, each with its ages and times. */
  readonly featureEvents: Events<FeatureEventMap>;
  featureStats(): FeatureStats;
  /** Forgets the features that are kept in this process. */
  clearFeatures(): void;
}

/**
 * Looks features up by entity before the model runs. What the caller is asked for is the model's signature without the
 * inputs that features make up, and with the join keys. Lookups of one turn of the event loop are one read of the store;
 * an entity that is being read is not read twice. The deadline of a request counts for lookup and model together.
 *
 * Where a feature is missing, or too old, its default goes to the model; without one the request fails with `NOT_FOUND`
 * that names the feature and the entity. Closing closes the runner inside, after the requests that wait for features.
 *
 * Listen for batches on the runner inside: monitors there see what the model sees, features included.
 *
 * @throws FairleadError `INVALID_OPTION`. Requests fail with what the runner inside throws, and with `NOT_FOUND`,
 * `OUTPUT_INVALID` (a value of the store is not what the input is), `STORE_FAILED` or whatever else the store throws,
 * `OVERLOADED`, and `UNSUPPORTED` for a `local-only` request where the store is elsewhere
 */
export function withFeatures<S extends AnySignature = AnySignature>(
  runner: ModelRunner,
  options: FeatureOptions,
): FeatureRunner<S> {
  // Inside, signatures are data: the type parameter speaks to the caller alone.
  return featuresAround(runner, options) as unknown as FeatureRunner<S>;
}

function featuresAround(runner: ModelRunner, given: FeatureOptions): FeatureRunner {
  const options = parseFeatureOptions(given);
  const { store, clock, onError } = options;
  const plan = planFeatures(runner.signature, options);
  const door = compileDoor(plan.signature);
  const events = createEvents<FeatureEventMap>(options.logger, options.on);
  const reads = createFeatureReads(options, plan.columns, (event) => events.emit('store-read', event));
  const pending = createPending();
  let requests = 0;
  let refused = 0;
  let withoutStore = 0;

  const isComplete = plan.joined.every(({ places }) => places.every(({ standIn }) => standIn !== undefined));

  /** The rows of the store, or none where it failed and the defaults are to do. */
  const wait = async (
    rows: Promise<readonly FeatureRow[]>,
    signal: AbortSignal | undefined,
    deadline: number,
  ): Promise<readonly FeatureRow[] | undefined> => {
    const ending = watchEnding(signal, deadline, clock, () => {});
    try {
      return await Promise.race([rows, ending.cut]);
    } catch (error) {
      const isOwn = signal?.aborted === true || deadline <= clock.now();
      if (isOwn || onError === 'fail' || !isComplete) throw error;
      withoutStore++;
      return undefined;
    } finally {
      ending.release();
    }
  };

  const join = (
    rows: number,
    found: readonly FeatureRow[] | undefined,
    entities: Parameters<typeof joinFeatures>[2],
    waitedMs: number,
  ): Tensors => {
    const { tensors, outcomes, agesMs, failure } = joinFeatures(plan, rows, entities, found, clock.epochMs());
    if (events.listenerCount('features-join') > 0) {
      const { model } = runner;
      events.emit('features-join', {
        model,
        store: store.name,
        rows,
        features: plan.placeNames,
        outcomes,
        agesMs,
        waitedMs,
      });
    }
    if (failure === undefined) return tensors;
    refused++;
    throw failure;
  };

  const run = async (inputs: InputsOf, runOptions: RunOptions): Promise<RunResult> => {
    const calledAt = clock.now();
    const admitted = door(inputs);
    const { signal } = runOptions;
    throwIfAborted(signal, 'The request');
    if (isLocalOnly(runOptions.privacy) && !store.isLocal) throw notLocal(store.name);
    const deadline = deadlineOf(runOptions, clock);
    if (deadline <= calledAt) throw deadlineError('before its features were looked up');
    const tensors = byName(plan.signature.inputs, admitted.tensors);
    const entities = entitiesFrom(options.entity, tensors, admitted.rows, runOptions);
    const lookup = reads.lookUp(entities);
    // The arrays are the caller's again when this call returns.
    const kept = keepInputs(Object.fromEntries(plan.passed.map((name) => [name, tensors[name]])) as InputsOf);
    requests++;
    let found: readonly FeatureRow[] | undefined;
    try {
      found = await wait(lookup.rows, signal, deadline);
    } finally {
      lookup.leave();
      lookup.rows.catch(() => {});
    }
    if (signal?.aborted) throw abortedError(signal, 'The request');
    const waitedMs = clock.now() - calledAt;
    const features = join(admitted.rows, found, entities, waitedMs);
    const result = await runner.run({ ...kept, ...features } as InputsOf, withDeadline(runOptions, deadline));
    return afterWaiting(result, waitedMs);
  };

  const stage = stageAround(runner, {
    name: 'features',
    async run(inputs, runOptions) {
      pending.enter();
      try {
        return await run(inputs, runOptions);
      } finally {
        pending.leave();
      }
    },
    drain: () => pending.drained(),
    release: () => {
      reads.clear();
      events.clear();
    },
  });
  // Defined, not assigned: what a stage tells of the model must stay what it is at that moment.
  return Object.defineProperties(stage, {
    signature: { value: plan.signature, enumerable: true },
    featureEvents: { value: events, enumerable: true },
    featureStats: { value: () => ({ requests, refused, withoutStore, ...reads.stats() }), enumerable: true },
    clearFeatures: { value: () => reads.clear(), enumerable: true },
  }) as unknown as FeatureRunner;
}

function notLocal(store: string): FairleadError {
  const message = `The request is "local-only", and the feature store "${store}" is elsewhere. Nothing was sent.`;
  return new FairleadError('UNSUPPORTED', message, {
    details: { field: 'privacy', expected: 'cloud-allowed, or a store in this process', given: 'local-only' },
  });
}
