import { expect } from 'vitest';
import { type ErrorCode, FairleadError } from '../errors';
import { createRunner, type RunnerOptions } from '../runner/create-runner';
import type { LocalRunner } from '../runner/local-runner';
import type { DataOf, DType } from '../tensor/dtype';
import type { Tensor, Tensors } from '../tensor/tensor';
import { createMockBackend, type MockBackend, type MockBackendOptions } from './mock-backend';
import { createVirtualClock, type VirtualClock } from './virtual-clock';

/* What the tests of the runner and its batcher share; not part of `@fairlead/core/testing`. */

/** What has become of a promise so far. */
export interface Outcome<T> {
  state: 'pending' | 'resolved' | 'rejected';
  value: T | undefined;
  error: unknown;
  /** `clock.now()` when it ended. */
  at: number | undefined;
  /** How often it ended; a promise can only do so once, a callback more often. */
  ends: number;
}

/** Follows a promise without waiting for it. */
export function follow<T>(promise: Promise<T>, clock: VirtualClock): Outcome<T> {
  const outcome: Outcome<T> = { state: 'pending', value: undefined, error: undefined, at: undefined, ends: 0 };
  promise.then(
    (value) => Object.assign(outcome, { state: 'resolved', value, at: clock.now(), ends: outcome.ends + 1 }),
    (error: unknown) => Object.assign(outcome, { state: 'rejected', error, at: clock.now(), ends: outcome.ends + 1 }),
  );
  return outcome;
}

/** Moves the clock on until a promise has ended, and passes on how it did. */
export async function until<T>(promise: Promise<T>, clock: VirtualClock, stepMs = 1): Promise<T> {
  const outcome = follow(promise, clock);
  await clock.settle();
  for (let step = 0; outcome.state === 'pending' && step < 100_000; step++) await clock.advance(stepMs);
  if (outcome.state === 'pending') throw new Error('The promise did not end in 100,000 steps.');
  return promise;
}

/** Lets turns of the real event loop pass, at one virtual time, until something is so: a module is loaded, for example. */
export async function untilSo(condition: () => boolean, clock: VirtualClock): Promise<void> {
  for (let turn = 0; !condition() && turn < 10_000; turn++) await clock.settle();
  if (!condition()) throw new Error('It was not so after 10,000 turns.');
}

/** A runner on a virtual clock with a mock backend, warm-up off unless asked for. */
export interface Bench {
  readonly clock: VirtualClock;
  readonly backend: MockBackend;
  readonly runner: LocalRunner;
  /** What the runner's logger was given: `warn: …`, `error: …`. */
  readonly log: string[];
}

/** Makes a {@link Bench}. */
export async function openBench(
  mock: MockBackendOptions = {},
  options: Partial<RunnerOptions> = {},
  clock = createVirtualClock(),
): Promise<Bench> {
  const backend = createMockBackend({ clock, ...mock });
  const log: string[] = [];
  // What createRunner fetches when it is first called takes real time, in which the virtual clock must not run away.
  await import('../runner/local-runner');
  const runner = await until(
    createRunner({ model: '1', backend, clock, warmUp: false, logger: collectInto(log), ...options }),
    clock,
  );
  return { clock, backend, runner, log };
}

/** A logger that collects its lines. */
export function collectInto(log: string[]): NonNullable<RunnerOptions['logger']> {
  const line = (level: string) => (_details: object, message: string) => void log.push(`${level}: ${message}`);
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
}

/** Closes a bench and checks that nothing is left behind: no timer, no session, none closed at work. */
export async function closeBench({ clock, backend, runner }: Bench): Promise<void> {
  await until(runner.close(), clock);
  expect(clock.pendingTimers, 'timers left after close').toBe(0);
  expect(backend.openSessions, 'sessions left after close').toBe(0);
  expect(backend.closedInFlight, 'sessions closed at work').toBe(0);
}

/** A float32 tensor of rows. */
export function rowsOf(...rows: readonly (readonly number[])[]): Tensor<'float32'> {
  return { dtype: 'float32', shape: [rows.length, rows[0]?.length ?? 0], data: Float32Array.from(rows.flat()) };
}

/** A request of the mock's default signature: one row `[value, -value]`, or more. */
export function inputOf(...values: readonly number[]): Tensors {
  return { x: rowsOf(...values.map((value) => [value, -value])) };
}

/** The elements of a tensor that must be there, of a dtype that it must have. */
export function dataOf<D extends DType>(tensors: Tensors | undefined, name: string, dtype: D): DataOf<D> {
  const tensor = tensors?.[name];
  if (tensor?.dtype !== dtype) throw new Error(`There is no ${dtype} tensor "${name}".`);
  return tensor.data as DataOf<D>;
}

/** The numbers of an output. */
export function numbersOf(tensors: Tensors | undefined, name = 'y'): number[] {
  return Array.from((tensors?.[name]?.data ?? []) as ArrayLike<number>);
}

/** What the mock's default model answers to {@link inputOf}: both numbers of each row twice. */
export function doubled(...values: readonly number[]): number[] {
  return values.flatMap((value) => [value * 2, value * -2]);
}

/** Checks that a value is a FairleadError of a code, and answers it. */
export function asError(value: unknown, code: ErrorCode): FairleadError {
  expect(FairleadError.isInstance(value), `a FairleadError, not ${String(value)}`).toBe(true);
  expect((value as FairleadError).code).toBe(code);
  return value as FairleadError;
}

/** Waits for a promise to reject with a FairleadError of a code, and answers it. */
export async function rejection(promise: Promise<unknown>, code: ErrorCode): Promise<FairleadError> {
  const thrown = await promise.then(
    () => expect.fail(`expected ${code}, but the promise resolved`),
    (error: unknown) => error,
  );
  return asError(thrown, code);
}

/** Calls a function that must throw a FairleadError of a code, and answers it. */
export function thrownBy(call: () => unknown, code: ErrorCode): FairleadError {
  try {
    call();
  } catch (error) {
    return asError(error, code);
  }
  return expect.fail(`expected ${code}, but nothing was thrown`);
}
