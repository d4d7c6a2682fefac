import { parseOptions } from '../config';
import { deadlineOf } from '../deadline';
import { FairleadError, messageOf, throwIfAborted } from '../errors';
import { createEvents, type Events } from '../events';
import { closeable } from '../lifecycle';
import { joinEvents } from '../resilience/joined-events';
import { RetryBudget } from '../resilience/retry-budget';
import { afterWaiting, closedError, createPending, keepInputs, withDeadline } from '../resilience/stage';
import { watchEnding } from '../resilience/started-run';
import { type Assessment, createHealthRecord } from '../runner/health';
import { checkInterchangeable } from '../runner/model-info';
import type { ModelRunner, RunnerHealth, RunOptions, RunResult } from '../runner/runner';
import type { AnySignature, InputsOf } from '../signature';
import { chooseOfTwo } from './choose';
import { connectAll, keepConnecting } from './connection';
import { Endpoint } from './endpoint';
import { namedEndpoints, type PoolOptions, type PoolSettings, poolSchema } from './options';
import { createOutlierWatch } from './outlier-watch';
import { RecentLatencies } from './recent-latencies';
import { answerRequest, type PoolRequest, type RequestParts } from './request';
import type { PoolDescription, PoolEventMap, PoolStats } from './result';

/** Several runners as one. */
export interface PoolRunner<S extends AnySignature = AnySignature> extends ModelRunner<S> {
  health(): RunnerHealth;
  readonly poolEvents: Events<PoolEventMap>;
  poolStats(): PoolStats;
  describe(): PoolDescription;
}

/**
 * Spreads requests over several endpoints of one model: remote servers, local runners, or both.
 *
 * - **Choice**: two endpoints at random, and of them the one whose latency at present times requests in flight is lower.
 * - **Retry**: what fails for a reason that is the endpoint's goes to another one at once, within `maxAttempts`, a budget and
 *   the deadline. Answering the same request twice does no harm.
 * - **Hedge**: what takes longer than most is sent to a second endpoint too; the first answer counts, the other is aborted.
 * - **Circuit breaker**: an endpoint that keeps failing is left alone, then tried with the copy of a request that another one
 *   answers. So finding out costs no request its answer.
 * - **Outliers**: an endpoint that fails or takes markedly more than the others, though not always, is put aside for a while.
 *   Where no endpoint is left otherwise, those aside are asked all the same.
 *
 * Endpoints given as `{ name, connect }` are connected here; the pool begins with those that succeed, and goes on trying the
 * others. Inputs are copied, since a second endpoint may need them. `signature` and `model` are those of the first connected
 * endpoint; the answer says which model computed it, and `timing.queueMs` counts from the call. Events are those of all
 * endpoints. Closing waits for requests under way, then closes every endpoint.
 *
 * @throws FairleadError `INVALID_OPTION`; `SIGNATURE_MISMATCH` when two endpoints are not interchangeable; `ABORTED`; what
 * the first endpoint failed with when none could be connected. Its `run` rejects with what the last endpoint asked failed
 * with, and with `OVERLOADED` and `retryAfterMs` where none may be asked
 */
export async function createPool<S extends AnySignature = AnySignature>(
  options: PoolOptions<S>,
): Promise<PoolRunner<S>> {
  const settings = parseOptions(poolSchema, options as unknown as PoolOptions, 'createPool');
  const sources = namedEndpoints(settings.endpoints);
  const attempts = await connectAll(sources, settings.signal);
  const connected = attempts.flatMap((attempt) => ('runner' in attempt ? [attempt.runner] : []));
  const made = attempts.flatMap((attempt, index) =>
    'runner' in attempt && sources[index]?.runner === undefined ? [attempt.runner] : [],
  );
  try {
    throwIfAborted(settings.signal, 'Connecting the pool');
    const [first, ...others] = connected;
    if (first === undefined) throw (attempts[0] as { readonly error: unknown }).error;
    for (const other of others) checkInterchangeable(first.signature, other.signature);
    // Inside, signatures are data: the type parameter speaks to the caller alone.
    return poolOf(first, sources, attempts, settings) as unknown as PoolRunner<S>;
  } catch (error) {
    await Promise.allSettled(made.map((runner) => runner.close()));
    throw error;
  }
}

function poolOf(
  first: ModelRunner,
  sources: ReturnType<typeof namedEndpoints>,
  attempts: Awaited<ReturnType<typeof connectAll>>,
  settings: PoolSettings,
): PoolRunner {
  const { maxAttempts, retryBudget, hedge, circuit, outliers, clock, logger, random } = settings;
  const { signature } = first;
  const poolEvents = createEvents<PoolEventMap>(logger, settings.on);
  const retries = new RetryBudget(retryBudget.share, retryBudget.perSecond);
  const hedges = hedge === false ? undefined : new RetryBudget(hedge.share, 0);
  const latencies = new RecentLatencies(hedge === false ? 0.95 : hedge.quantile);
  const pending = createPending();
  const record = createHealthRecord(clock);
  const counts = { requests: 0, failures: 0, retries: 0, recovered: 0, hedges: 0, hedgesWon: 0, probes: 0 };
  const givenUp = { attempts: 0, budget: 0, endpoints: 0 };
  const ejections = { failures: 0, slow: 0 };
  let closed = false;

  const warn = (name: keyof PoolEventMap, error: unknown, message: string): void => {
    record.failed(error);
    if (poolEvents.listenerCount(name) === 0) logger.warn({ error }, message);
  };

  const endpoints = sources.map(({ name: endpoint }, index) => {
    const made = new Endpoint(endpoint, {
      failures: circuit.failures as Exclude<NonNullable<PoolOptions['circuit']>['failures'], undefined>,
      halfOpenAfterMs: circuit.halfOpenAfterMs,
      clock,
      observer: {
        onOpen(error) {
          const retryAfterMs = circuit.halfOpenAfterMs;
          warn('endpoint-open', error, `${endpoint} is left alone for ${retryAfterMs} ms: ${messageOf(error)}`);
          poolEvents.emit('endpoint-open', { endpoint, error, retryAfterMs });
        },
        onProbe() {},
        onClose: (openMs) => poolEvents.emit('endpoint-close', { endpoint, openMs }),
      },
    });
    const attempt = attempts[index];
    if (attempt !== undefined && 'runner' in attempt) made.runner = attempt.runner;
    return made;
  });
  const events = joinEvents(endpoints.flatMap(({ runner }) => (runner === undefined ? [] : [runner.events])));

  const connections = keepConnecting(
    endpoints.flatMap((endpoint, index) => {
      const attempt = attempts[index];
      const source = sources[index];
      if (attempt === undefined || source === undefined || 'runner' in attempt) return [];
      return [{ endpoint, source, error: attempt.error }];
    }),
    {
      signature,
      clock,
      onConnect(endpoint, runner) {
        endpoint.runner = runner;
        events.add(runner.events);
        poolEvents.emit('endpoint-connect', { endpoint: endpoint.name, model: runner.model });
      },
      onFail({ name: endpoint }, error, retryAfterMs) {
        warn(
          'endpoint-connect-fail',
          error,
          `${endpoint} cannot be connected and is tried again in ${retryAfterMs} ms: ${messageOf(error)}`,
        );
        poolEvents.emit('endpoint-connect-fail', { endpoint, error, retryAfterMs });
      },
    },
  );

  const ready = (now: number, tried: ReadonlySet<Endpoint>): Endpoint | undefined =>
    chooseOfTwo(
      endpoints.filter((endpoint) => !tried.has(endpoint) && endpoint.isReady(now)),
      now,
      random,
    );

  const next = (tried: ReadonlySet<Endpoint>): Endpoint | undefined => {
    const now = clock.now();
    const untried = endpoints.filter((endpoint) => !tried.has(endpoint));
    const usable = (from: readonly Endpoint[]): Endpoint | undefined =>
      chooseOfTwo(
        from.filter(({ isUsable }) => isUsable),
        now,
        random,
      );
    return (
      ready(now, tried) ??
      usable(untried) ??
      untried.find(({ wantsProbe }) => wantsProbe) ??
      // Everyone was asked: what fails for a reason that passes may be answered the second time.
      usable(endpoints)
    );
  };

  const refusal = (): FairleadError => {
    const now = clock.now();
    const soonest = Math.min(connections.retryAfterMs(now), ...endpoints.map((each) => each.retryAfterMs(now)));
    const retryAfterMs = Math.max(1, Math.ceil(Number.isFinite(soonest) ? soonest : circuit.halfOpenAfterMs));
    const states = endpoints.map((each) => `${each.name} ${each.describe(now).state}`).join(', ');
    return new FairleadError(
      'OVERLOADED',
      `No endpoint of the pool takes requests (${states}). Retry after ${retryAfterMs} ms, or put another runner behind it by fallback().`,
      { details: { retryAfterMs } },
    );
  };

  const parts: RequestParts = {
    clock,
    maxAttempts,
    usualMs: () => latencies.quantileMs,
    next,
    company: (tried) => ready(clock.now(), tried),
    probe: () => endpoints.find(({ wantsProbe }) => wantsProbe),
    takeRetry: () => retries.take(clock.now()),
    takeHedge: () => hedges?.take(clock.now()) ?? false,
    hedges: hedges !== undefined && endpoints.length > 1,
    onRetry(from, to, attempt, error) {
      counts.retries++;
      poolEvents.emit('request-retry', { from: from.name, to: to.name, attempt, error });
    },
    onHedge(from, to, afterMs) {
      counts.hedges++;
      poolEvents.emit('request-hedge', { from: from.name, to: to.name, afterMs });
    },
    onProbe() {
      counts.probes++;
    },
    onGiveUp(why) {
      givenUp[why]++;
    },
    refusal,
  };

  const lookForOutliers = createOutlierWatch(endpoints, outliers, clock.now(), ({ name: endpoint }, why, forMs) => {
    ejections[why]++;
    if (poolEvents.listenerCount('endpoint-eject') === 0) {
      const reason = why === 'slow' ? 'takes far longer than the others' : 'fails far more often than the others';
      logger.warn({ endpoint }, `${endpoint} is put aside for ${forMs} ms: it ${reason}.`);
    }
    poolEvents.emit('endpoint-eject', { endpoint, why, forMs });
  });

  const answer = async (inputs: InputsOf, options: RunOptions): Promise<RunResult> => {
    const calledAt = clock.now();
    const deadline = deadlineOf(options, clock);
    const { signal } = options;
    throwIfAborted(signal, 'The request');
    retries.addRequest(calledAt);
    hedges?.addRequest(calledAt);
    lookForOutliers(calledAt);
    const request: PoolRequest = {
      inputs: keepInputs(inputs),
      options: withDeadline(options, deadline),
      ended: undefined,
      started: [],
    };
    const ending = watchEnding(signal, deadline, clock, () => {
      request.ended ??= signal?.aborted ? 'aborted' : 'late';
      for (const each of request.started) each.cancel();
    });
    try {
      const { result, waitedMs, by } = await Promise.race([answerRequest(parts, request), ending.cut]);
      latencies.add(clock.now() - calledAt - waitedMs);
      if (by === 'retry') counts.recovered++;
      if (by === 'hedge') counts.hedgesWon++;
      return waitedMs > 0 ? afterWaiting(result, waitedMs) : result;
    } finally {
      ending.release();
    }
  };

  const run = async (inputs: InputsOf, options: RunOptions = {}): Promise<RunResult> => {
    if (closed) throw closedError('a pool');
    counts.requests++;
    pending.enter();
    try {
      return await answer(inputs, options);
    } catch (error) {
      counts.failures++;
      throw error;
    } finally {
      pending.leave();
    }
  };

  const assessment = (now: number): Assessment => {
    if (closed) return { status: 'closed', ready: false, reasons: ['The runner was closed.'] };
    const troubled = endpoints.map((each) => each.describe(now)).filter(({ state }) => state !== 'ready');
    const reasons = troubled.map(({ name, state }) => `${name} is ${state}.`);
    if (reasons.length === 0) return { status: 'ready', ready: true, reasons };
    const anyone = endpoints.some(({ isUsable, wantsProbe }) => isUsable || wantsProbe);
    return { status: anyone ? 'degraded' : 'failed', ready: anyone, reasons };
  };

  const runners = (): ModelRunner[] => endpoints.flatMap(({ runner }) => (runner === undefined ? [] : [runner]));
  const releasing = closeable(async () => {
    connections.close();
    await pending.drained();
    const ends = await Promise.allSettled(runners().map((runner) => runner.close()));
    poolEvents.clear();
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  });
  const close = (): Promise<void> => {
    closed = true;
    return releasing.close();
  };

  return {
    signature,
    get model() {
      return (endpoints.find(({ isUsable }) => isUsable)?.runner ?? first).model;
    },
    get loaded() {
      return first.loaded;
    },
    events,
    poolEvents,
    run,
    health() {
      const now = clock.now();
      const alive = endpoints.filter((endpoint) => endpoint.isReady(now)).length;
      const inFlight = endpoints.reduce((total, endpoint) => total + endpoint.inFlight, 0);
      const queue = { requests: inFlight, rows: 0, bytes: 0, batchesInFlight: inFlight };
      return record.answer(assessment(now), this.model, { alive, total: endpoints.length }, queue);
    },
    poolStats: (): PoolStats => ({ ...counts, givenUp: { ...givenUp }, ejections: { ...ejections } }),
    describe(): PoolDescription {
      const now = clock.now();
      const hedgeAfterMs = hedges === undefined ? undefined : latencies.quantileMs;
      return {
        endpoints: endpoints.map((endpoint) => endpoint.describe(now)),
        ...(hedgeAfterMs === undefined ? {} : { hedgeAfterMs }),
      };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
