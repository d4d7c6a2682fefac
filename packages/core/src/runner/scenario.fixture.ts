import fc from 'fast-check';
import type { Clock, ClockTimer } from '../clock';
import { FairleadError } from '../errors';
import type { Tensors } from '../tensor/tensor';
import type { MockBackend } from '../testing/mock-backend';
import { collectInto, follow, numbersOf, type Outcome, openBench, rowsOf, until } from '../testing/test-kit.fixture';
import { createVirtualClock, type VirtualClock } from '../testing/virtual-clock';
import type { LocalRunner } from './local-runner';
import type { LanesOption } from './open-lanes';
import type { Priority, RunOptions, RunResult } from './runner';

/* Random lives of a runner: what is sent when, what goes wrong, and what became of it. */

/** One request that is to be sent. */
export interface PlannedRequest {
  /** Milliseconds of the clock. */
  readonly at: number;
  readonly rows: number;
  readonly priority: Priority | undefined;
  readonly key: string | undefined;
  /** Milliseconds the caller waits. */
  readonly timeoutMs: number | undefined;
  /** Milliseconds after the call at which its signal is aborted; -1 for before the call. */
  readonly abortAfterMs: number | undefined;
  /** Whether the model throws at every batch that holds a row of it. */
  readonly poisoned: boolean;
  /** Whether it may be run again when its worker dies. */
  readonly idempotent: boolean;
}

/** What goes wrong: a worker dies, the next batch throws, answers without an output, or finds no memory. */
export interface Mishap {
  readonly at: number;
  readonly kind: 'kill' | 'hiccup' | 'garble' | 'starve';
  /** Which of the living workers dies, modulo their number. */
  readonly lane: number;
}

/** The life of a runner, before it is lived. */
export interface Scenario {
  readonly lanes: LanesOption;
  /** Batches that a session takes at once. */
  readonly concurrency: number;
  readonly batching:
    | false
    | { readonly maxBatchRows: number; readonly maxQueueRows: number; readonly objective: 'latency' | 'throughput' };
  /** Milliseconds that batches take, in turn, beside so many for each row. */
  readonly batchMs: readonly number[];
  readonly rowMs: number;
  /** How many of the tries to replace a worker fail, from the first on. */
  readonly failedRestarts: number;
  readonly requests: readonly PlannedRequest[];
  readonly mishaps: readonly Mishap[];
  /** When the runner is closed, whatever waits; without, once all have ended. */
  readonly closeAt: number | undefined;
}

/** A request that was sent. */
export interface SentRequest {
  readonly plan: PlannedRequest;
  /** Numbers of its rows: no two rows of a scenario have the same. */
  readonly ids: readonly number[];
  readonly sentAt: number;
  /** Milliseconds of the clock; infinite without a timeout. */
  readonly deadline: number;
  /** Whether `close` had been called before. */
  readonly afterClose: boolean;
  readonly outcome: Outcome<RunResult>;
}

/** A scenario after it was lived. */
export interface Lived {
  readonly scenario: Scenario;
  readonly clock: VirtualClock;
  readonly backend: MockBackend;
  readonly runner: LocalRunner;
  readonly sent: readonly SentRequest[];
  /** Requests that had not ended by themselves, long after the last was sent; undefined where the runner was closed. */
  readonly stuck: number | undefined;
  /** Timers of the runner that were left after it was closed. */
  readonly timersLeft: number;
  /** What `batch-end` told: the requests answered. */
  readonly toldAnswered: number;
  /** What `request-fail` told, in order. */
  readonly toldFailed: readonly string[];
  /** Mishaps that took place, by kind. */
  readonly happened: ReadonlySet<Mishap['kind']>;
}

/** What a scenario may hold beyond requests of all sizes, priorities and keys. */
export interface ScenarioRange {
  /** Whether requests may time out or be aborted. */
  readonly hurry: boolean;
  /** Whether requests may be poisoned, batches fail and workers die. */
  readonly faults: boolean;
  /** Whether the queue may be too small for what is sent. */
  readonly tightQueue: boolean;
  /** Whether the runner is closed while requests still come. */
  readonly close: boolean;
}

/** Times on a grid of half milliseconds, so that many things fall into one moment. */
const moments = (most: number) => fc.nat({ max: most * 2 }).map((half) => half / 2);
const seldom = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 });
const mostRows = 16;

function requests(range: ScenarioRange): fc.Arbitrary<PlannedRequest[]> {
  const never = fc.constant(undefined);
  const request = fc.record({
    at: moments(60),
    rows: fc.oneof(
      { weight: 3, arbitrary: fc.constant(1) },
      { weight: 2, arbitrary: fc.integer({ min: 1, max: mostRows }) },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 * mostRows }) },
    ),
    priority: fc.constantFrom<Priority | undefined>(undefined, 'high', 'normal', 'low'),
    key: fc.constantFrom(undefined, 'a', 'b'),
    timeoutMs: range.hurry ? seldom(fc.oneof(moments(40), fc.double({ min: 0, max: 100, noNaN: true }))) : never,
    abortAfterMs: range.hurry ? seldom(fc.oneof(fc.constant(-1), moments(30))) : never,
    poisoned: range.faults ? fc.nat({ max: 9 }).map((die) => die === 0) : fc.constant(false),
    idempotent: fc.boolean(),
  });
  return fc.array(request, { minLength: 1, maxLength: 40, size: 'max' });
}

/** Scenarios of a range. */
export function scenarios(range: ScenarioRange): fc.Arbitrary<Scenario> {
  const queueRows = range.tightQueue ? fc.integer({ min: 1, max: 80 }) : fc.constant(1_000_000);
  return fc.record({
    lanes: fc.constantFrom<LanesOption>('inline', 1, 2, 3),
    concurrency: fc.constantFrom(1, 2),
    batching: fc.option(
      fc.record({
        maxBatchRows: fc.integer({ min: 1, max: mostRows }),
        maxQueueRows: queueRows,
        objective: fc.constantFrom('latency' as const, 'throughput' as const),
      }),
      { nil: false as const, freq: 8 },
    ),
    batchMs: fc.array(moments(12), { minLength: 1, maxLength: 5 }),
    rowMs: fc.constantFrom(0, 0.25, 1),
    failedRestarts: range.faults ? fc.nat({ max: 9 }) : fc.constant(0),
    requests: requests(range),
    mishaps: range.faults
      ? fc.array(
          fc.record({
            at: moments(80),
            kind: fc.constantFrom<Mishap['kind']>('kill', 'hiccup', 'garble', 'starve'),
            lane: fc.nat({ max: 2 }),
          }),
          { maxLength: 4 },
        )
      : fc.constant([]),
    closeAt: range.close ? moments(70) : fc.constant(undefined),
  });
}

/** What the model answers to a row of this number: told from every other row's answer. */
function answerTo(id: number): [number, number] {
  return [id + 0.5, -3 * id];
}

/** The answers to rows, one after another. */
export function answersTo(ids: readonly number[]): number[] {
  return ids.flatMap(answerTo);
}

/** The numbers of the rows in a batch. */
export function idsOf(inputs: Tensors | undefined): number[] {
  return numbersOf(inputs, 'x').filter((_, index) => index % 2 === 0);
}

/** Long enough for everything that any scenario can hold, restarts included. */
const longMs = 100_000;

/** Lives a scenario on a virtual clock: to the end of all requests where it does not close before, then closes. */
export async function live(scenario: Scenario): Promise<Lived> {
  const clock = createVirtualClock();
  const timers = new Set<ClockTimer>();
  const poison = new Set<number>();
  const happened = new Set<Mishap['kind']>();
  const toldFailed: string[] = [];
  const sent: SentRequest[] = [];
  let toldAnswered = 0;
  let garbled = 0;
  let batches = 0;
  const { lanes, concurrency, batching, batchMs, rowMs, failedRestarts } = scenario;
  const planned = typeof lanes === 'number' ? lanes : 0;

  const { backend, runner } = await openBench(
    {
      workers: true,
      concurrency,
      latencyMs: (rows) => (batchMs[batches++ % batchMs.length] as number) + rows * rowMs,
      failLane: (_model, opened) =>
        opened >= planned && opened < planned + failedRestarts
          ? new FairleadError('BACKEND_UNAVAILABLE', 'no worker to be had')
          : undefined,
      compute(inputs, rows) {
        const ids = idsOf(inputs);
        if (ids.some((id) => poison.has(id))) throw new Error('a poisoned row');
        if (garbled > 0) {
          garbled--;
          return {};
        }
        return { y: { dtype: 'float32', shape: [rows, 2], data: Float32Array.from(answersTo(ids)) } };
      },
    },
    {
      lanes,
      batching,
      clock: counting(clock, timers),
      logger: collectInto([]),
      on: {
        'batch-end': ({ answered = 0 }) => {
          toldAnswered += answered;
        },
        'request-fail': ({ code }) => void toldFailed.push(code),
      },
    },
    clock,
  );

  let closing: Promise<void> | undefined;
  let nextId = 1;
  const send = (plan: PlannedRequest): void => {
    const ids = Array.from({ length: plan.rows }, () => nextId++);
    if (plan.poisoned) for (const id of ids) poison.add(id);
    const controller = new AbortController();
    const { priority, key, timeoutMs, abortAfterMs, idempotent } = plan;
    if (abortAfterMs === -1) controller.abort();
    const options: RunOptions = {
      ...(idempotent && { idempotent }),
      ...(priority !== undefined && { priority }),
      ...(key !== undefined && { key }),
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(abortAfterMs !== undefined && { signal: controller.signal }),
    };
    const sentAt = clock.now();
    const promise = runner.run({ x: rowsOf(...ids.map((id) => [id, id])) }, options);
    if (abortAfterMs !== undefined && abortAfterMs >= 0) clock.setTimer(() => controller.abort(), abortAfterMs);
    sent.push({
      plan,
      ids,
      sentAt,
      deadline: timeoutMs === undefined ? Number.POSITIVE_INFINITY : sentAt + timeoutMs,
      afterClose: closing !== undefined,
      outcome: follow(promise, clock),
    });
  };
  const befall = ({ kind, lane }: Mishap): void => {
    const living = backend.lanes.filter(({ alive }) => alive);
    if (kind === 'kill') living[lane % living.length]?.kill();
    else if (kind === 'hiccup') backend.failNext(new Error('a hiccup'));
    else if (kind === 'starve') backend.failNext(new Error('out of memory'));
    else garbled++;
    if (kind !== 'kill' || living.length > 0) happened.add(kind);
  };

  const acts = [
    ...scenario.requests.map((plan) => ({ at: plan.at, act: () => send(plan) })),
    ...scenario.mishaps.map((mishap) => ({ at: mishap.at, act: () => befall(mishap) })),
    ...(scenario.closeAt === undefined
      ? []
      : [
          {
            at: scenario.closeAt,
            act: () => {
              closing = runner.close();
            },
          },
        ]),
  ].sort((a, b) => a.at - b.at);
  for (const { at, act } of acts) {
    // What falls into one moment happens in one turn.
    if (at > clock.now()) await clock.advance(at - clock.now());
    act();
  }
  let stuck: number | undefined;
  if (closing === undefined) {
    await clock.advance(longMs);
    stuck = sent.filter(({ outcome }) => outcome.state === 'pending').length;
  }
  await until(closing ?? runner.close(), clock, 10);
  return {
    ...{ scenario, clock, backend, runner, sent, stuck, happened, toldAnswered, toldFailed },
    timersLeft: timers.size,
  };
}

/** A clock that keeps account of its timers: those of the runner, told from those of the mock and of the scenario. */
function counting(clock: VirtualClock, timers: Set<ClockTimer>): Clock {
  return {
    now: clock.now,
    epochMs: clock.epochMs,
    defer: clock.defer,
    setTimer(callback, delayMs) {
      const inner = clock.setTimer(() => {
        timers.delete(timer);
        callback();
      }, delayMs);
      const timer: ClockTimer = {
        clear: () => {
          timers.delete(timer);
          inner.clear();
        },
      };
      timers.add(timer);
      return timer;
    },
  };
}
