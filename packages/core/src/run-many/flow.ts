import { type Clock, type ClockTimer, systemClock } from '../clock';
import { describeValue } from '../config';
import { abortedError, FairleadError, messageOf } from '../errors';
import type { ModelRunner, RunOptions, RunResult } from '../runner/runner';
import type { AnySignature, InputsOf } from '../signature';
import { bytesOf, compileLoad, type Load } from './load-of-inputs';
import { createLoadWindow, type LoadWindow } from './load-window';
import type { RunManyOptions, RunManyProgress } from './options';
import type { RunMany, RunManyResult } from './results';

/** An item from the moment it is taken from the source until its result is handed over. */
interface Slot<Item, S extends AnySignature> {
  readonly index: number;
  readonly item: Item;
  /** Dropped as soon as they need not be sent again. */
  inputs: InputsOf<S> | undefined;
  readonly rows: number;
  bytes: number;
  /** Generation of the window when it was sent last. */
  sentIn: number;
  refusedSince: number | undefined;
  result: RunManyResult<Item, S> | undefined;
}

interface Waiter<Result> {
  readonly resolve: (result: IteratorResult<Result, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

type AnyIterator<Item> = AsyncIterator<Item> | Iterator<Item>;

/** When a runner that is overloaded names no time. */
const defaultRetryMs = 100;

/** Makes the loop of {@link runMany}; its options are checked. */
export function createFlow<Item, S extends AnySignature>(
  runner: Pick<ModelRunner<S>, 'run' | 'signature'>,
  source: AsyncIterable<Item> | Iterable<Item>,
  options: RunManyOptions<Item, S>,
): RunMany<RunManyResult<Item, S>> {
  if (typeof runner?.run !== 'function') throw wrongArgument('runner', 'a runner with run()', runner);
  const open = openerOf(source);
  if (open === undefined) throw wrongArgument('source', 'an iterable or an async iterable', source);
  const flow = new Flow<Item, S>(runner, open, options);
  return {
    next: () => flow.next(),
    return: () => flow.return(),
    get progress() {
      return flow.progress;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
    async [Symbol.asyncDispose]() {
      await flow.return();
    },
  };
}

class Flow<Item, S extends AnySignature> {
  readonly #runner: Pick<ModelRunner<S>, 'run' | 'signature'>;
  readonly #open: () => AnyIterator<Item>;
  readonly #options: RunManyOptions<Item, S>;
  readonly #runOptions: RunOptions;
  readonly #clock: Clock;
  readonly #maxRows: number;
  readonly #maxBytes: number;
  readonly #loadOf: (inputs: unknown) => Load;
  readonly #window: LoadWindow;
  /** One for each item in flight: Node warns of a signal that eleven listen to. */
  readonly #cancels = new Set<AbortController>();
  readonly #onAbort = (): void => this.#end({ error: abortedError(this.#options.signal as AbortSignal, 'The loop') });

  #iterator: AnyIterator<Item> | undefined;
  #isPulling = false;
  /** No more comes: the source has ended or failed, or the runner is closed. */
  #isExhausted = false;
  /** What the source threw, or `CLOSED` of the runner; thrown when everything before it was handed over. */
  #lastError: { readonly error: unknown } | undefined;
  /** Set once the loop has ended in whatever way. */
  #ending: Promise<void> | undefined;
  /** What ended the loop while nobody waited for a result. */
  #untold: { readonly error: unknown } | undefined;

  /** In the order of the source, those that are to be sent: again, and at most one for the first time. */
  #unsent: Slot<Item, S>[] = [];
  /** By index: in flight, or ended and not at their turn. Used for `order: 'input'`. */
  readonly #slots = new Map<number, Slot<Item, S>>();
  /** Those that ended, in that order. Used for `order: 'completion'`. */
  #ended: Slot<Item, S>[] = [];
  #nextIndex = 0;
  #waiters: Waiter<RunManyResult<Item, S>>[] = [];
  #timer: ClockTimer | undefined;
  #isFilling = false;

  #taken = 0;
  #answered = 0;
  #failed = 0;
  #refusals = 0;
  #held = 0;
  #heldRows = 0;
  #heldBytes = 0;
  #rowsInFlight = 0;
  #lastAnswerAt = Number.NEGATIVE_INFINITY;

  constructor(
    runner: Pick<ModelRunner<S>, 'run' | 'signature'>,
    open: () => AnyIterator<Item>,
    options: RunManyOptions<Item, S>,
  ) {
    this.#runner = runner;
    this.#open = open;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#maxRows = options.maxRows ?? 512;
    this.#maxBytes = options.maxBytes ?? 64 * 2 ** 20;
    this.#loadOf = compileLoad(runner.signature);
    this.#window = createLoadWindow(this.#maxRows);
    const { timeoutMs, key, idempotent, privacy } = options;
    this.#runOptions = {
      priority: options.priority ?? 'low',
      ...(timeoutMs !== undefined && timeoutMs !== Number.POSITIVE_INFINITY && { timeoutMs }),
      ...(key !== undefined && { key }),
      ...(idempotent !== undefined && { idempotent }),
      ...(privacy !== undefined && { privacy }),
    };
  }

  get progress(): RunManyProgress {
    return {
      taken: this.#taken,
      answered: this.#answered,
      failed: this.#failed,
      held: this.#held,
      rowsInFlight: this.#rowsInFlight,
      rowsAllowed: this.#window.rows,
      refusals: this.#refusals,
    };
  }

  next(): Promise<IteratorResult<RunManyResult<Item, S>, undefined>> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      if (this.#ending === undefined && this.#iterator === undefined) this.#start();
      if (this.#ending === undefined) {
        this.#handOver();
        this.#fill();
      } else this.#tellEnd(this.#ending);
    });
  }

  async return(): Promise<IteratorResult<RunManyResult<Item, S>, undefined>> {
    if (this.#ending === undefined) {
      // A loop that never began has asked its source for nothing.
      this.#ending = this.#release(new FairleadError('ABORTED', 'The loop was left.'));
      this.#tellEnd(this.#ending.catch(ignore));
    }
    await this.#ending;
    return { done: true, value: undefined };
  }

  #start(): void {
    const { signal } = this.#options;
    if (signal?.aborted) {
      this.#onAbort();
      return;
    }
    try {
      this.#iterator = this.#open();
      signal?.addEventListener('abort', this.#onAbort, { once: true });
    } catch (error) {
      this.#isExhausted = true;
      this.#end({ error });
    }
  }

  /** Sends what may be sent, and takes from the source what may be held. */
  #fill(): void {
    if (this.#isFilling) return;
    this.#isFilling = true;
    try {
      while (this.#ending === undefined && (this.#sendNext() || this.#pullNext()));
    } finally {
      this.#isFilling = false;
    }
  }

  #sendNext(): boolean {
    const slot = this.#unsent[0];
    if (slot === undefined) return false;
    const waitMs = this.#window.opensAt - this.#clock.now();
    if (waitMs > 0) {
      this.#timer ??= startTimer(this.#clock, waitMs, () => {
        this.#timer = undefined;
        this.#fill();
      });
      return false;
    }
    if (this.#cancels.size > 0 && this.#rowsInFlight + slot.rows > this.#window.rows) return false;
    this.#unsent.shift();
    this.#send(slot);
    return true;
  }

  #send(slot: Slot<Item, S>): void {
    slot.sentIn = this.#window.generation;
    this.#rowsInFlight += slot.rows;
    const cancel = new AbortController();
    this.#cancels.add(cancel);
    let running: Promise<RunResult<S>>;
    try {
      running = this.#runner.run(slot.inputs as InputsOf<S>, { ...this.#runOptions, signal: cancel.signal });
    } catch (error) {
      running = Promise.reject(error);
    }
    running.then(
      (result) => {
        this.#landed(slot, cancel);
        if (this.#ending === undefined) this.#onAnswer(slot, result);
      },
      (error: unknown) => {
        this.#landed(slot, cancel);
        if (this.#ending === undefined) this.#onError(slot, error);
      },
    );
  }

  #landed(slot: Slot<Item, S>, cancel: AbortController): void {
    this.#cancels.delete(cancel);
    this.#rowsInFlight -= slot.rows;
  }

  #onAnswer(slot: Slot<Item, S>, result: RunResult<S>): void {
    this.#lastAnswerAt = this.#clock.now();
    this.#window.answered(slot.rows);
    const bytes = bytesOf(result.outputs);
    slot.bytes += bytes;
    this.#heldBytes += bytes;
    this.#settle(slot, { ...result, index: slot.index, item: slot.item });
  }

  #onError(slot: Slot<Item, S>, thrown: unknown): void {
    const error = FairleadError.isInstance(thrown)
      ? thrown
      : new FairleadError('RUN_FAILED', `The runner threw: ${messageOf(thrown)}`, { cause: thrown });
    if (error.code === 'OVERLOADED' && this.#mayWait(slot, error)) {
      this.#refusals++;
      this.#sendAgain(slot);
      this.#fill();
      return;
    }
    if (error.code === 'CLOSED') this.#isExhausted = true;
    this.#settle(slot, { index: slot.index, item: slot.item, error });
  }

  /** Tells the window, and answers whether the item may be sent again. */
  #mayWait(slot: Slot<Item, S>, { details }: FairleadError): boolean {
    const now = this.#clock.now();
    const until = now + Math.max(1, details.retryAfterMs ?? defaultRetryMs);
    this.#window.refused(slot.sentIn, this.#rowsInFlight, until);
    slot.refusedSince ??= now;
    const since = Math.max(slot.refusedSince, this.#lastAnswerAt);
    return until - since <= (this.#options.overloadTimeoutMs ?? 60_000);
  }

  /** In the order of the source, so that none is refused for ever while others pass it. */
  #sendAgain(slot: Slot<Item, S>): void {
    let place = this.#unsent.length;
    while (place > 0 && (this.#unsent[place - 1] as Slot<Item, S>).index > slot.index) place--;
    this.#unsent.splice(place, 0, slot);
  }

  #settle(slot: Slot<Item, S>, result: RunManyResult<Item, S>): void {
    slot.inputs = undefined;
    slot.result = result;
    if (this.#options.order === 'completion') this.#endInCompletion(slot, result);
    this.#handOver();
    this.#fill();
  }

  /** That a runner was closed is told last: what it still answers comes first. */
  #endInCompletion(slot: Slot<Item, S>, { error }: RunManyResult<Item, S>): void {
    if (error?.code !== 'CLOSED') {
      this.#ended.push(slot);
      return;
    }
    this.#lastError ??= { error: withIndex(error, slot.index) };
    this.#forget(slot);
  }

  #pullNext(): boolean {
    if (this.#isExhausted || this.#isPulling || this.#unsent.length > 0) return false;
    if (this.#held > 0 && (this.#heldRows >= this.#maxRows || this.#heldBytes >= this.#maxBytes)) return false;
    let step: IteratorResult<Item> | Promise<IteratorResult<Item>>;
    try {
      step = (this.#iterator as AnyIterator<Item>).next();
    } catch (error) {
      this.#onSourceError(error);
      return false;
    }
    if (!isPromise(step)) return this.#take(step);
    this.#isPulling = true;
    step.then(
      (taken) => {
        this.#isPulling = false;
        if (this.#ending !== undefined) return;
        this.#take(taken);
        this.#fill();
      },
      (error: unknown) => {
        this.#isPulling = false;
        if (this.#ending === undefined) this.#onSourceError(error);
      },
    );
    return false;
  }

  /** Whether there is more to do at once. */
  #take(step: IteratorResult<Item>): boolean {
    if (step.done) {
      this.#isExhausted = true;
      this.#iterator = finished;
      this.#handOver();
      return false;
    }
    const item = step.value;
    const index = this.#taken++;
    const { toInputs } = this.#options;
    let inputs: InputsOf<S> | undefined;
    let error: FairleadError | undefined;
    try {
      inputs = toInputs === undefined ? (item as InputsOf<S>) : toInputs(item, index);
    } catch (thrown) {
      error = FairleadError.isInstance(thrown)
        ? thrown
        : new FairleadError('INVALID_INPUT', `toInputs threw: ${messageOf(thrown)}`, { cause: thrown });
    }
    const { rows, bytes } = this.#loadOf(inputs);
    const slot: Slot<Item, S> = {
      index,
      item,
      inputs,
      rows,
      bytes,
      sentIn: 0,
      refusedSince: undefined,
      result: undefined,
    };
    this.#held++;
    this.#heldRows += rows;
    this.#heldBytes += bytes;
    if (this.#options.order !== 'completion') this.#slots.set(index, slot);
    if (error === undefined) this.#unsent.push(slot);
    else this.#settle(slot, { index, item, error });
    return true;
  }

  #onSourceError(error: unknown): void {
    this.#isExhausted = true;
    // A source that threw is not closed again.
    this.#iterator = finished;
    this.#lastError ??= { error };
    this.#handOver();
  }

  /** Gives those who wait what there is. */
  #handOver(): void {
    while (this.#ending === undefined && this.#waiters.length > 0) {
      const slot = this.#ready();
      if (slot === undefined) {
        if (!this.#isExhausted || this.#held > 0 || this.#isPulling) return;
        this.#end(this.#lastError);
        return;
      }
      this.#forget(slot);
      this.#give(slot.result as RunManyResult<Item, S>);
    }
  }

  /** The next one that may be handed over. */
  #ready(): Slot<Item, S> | undefined {
    if (this.#options.order === 'completion') return this.#ended.shift();
    const slot = this.#slots.get(this.#nextIndex);
    if (slot?.result === undefined) return undefined;
    this.#slots.delete(this.#nextIndex++);
    return slot;
  }

  #forget(slot: Slot<Item, S>): void {
    this.#held--;
    this.#heldRows -= slot.rows;
    this.#heldBytes -= slot.bytes;
  }

  #give(result: RunManyResult<Item, S>): void {
    const { errors = 'throw', onProgress } = this.#options;
    const { error } = result;
    if (error === undefined) this.#answered++;
    else this.#failed++;
    try {
      onProgress?.(this.progress);
    } catch (thrown) {
      this.#end({ error: thrown });
      return;
    }
    if (error !== undefined && (errors === 'throw' || error.code === 'CLOSED')) {
      this.#end({ error: withIndex(error, result.index) });
      return;
    }
    this.#waiters.shift()?.resolve({ done: false, value: result });
  }

  /** Ends the loop: by an error, or because everything was handed over. */
  #end(failure: { readonly error: unknown } | undefined): void {
    if (this.#ending !== undefined) return;
    this.#untold = failure;
    // What closing the source throws is less than what ended the loop.
    this.#ending = this.#release(failure?.error).catch(ignore);
    this.#tellEnd(this.#ending);
  }

  /** Everyone who waits learns of the end once the source is closed: the first of the error, the others that there is no more. */
  #tellEnd(ending: Promise<void>): void {
    void ending.catch(ignore).then(() => {
      const [first, ...others] = this.#waiters;
      this.#waiters = [];
      const { error } = this.#untold ?? {};
      if (first !== undefined && this.#untold !== undefined) {
        this.#untold = undefined;
        first.reject(error);
      } else first?.resolve({ done: true, value: undefined });
      for (const waiter of others) waiter.resolve({ done: true, value: undefined });
    });
  }

  /** Cancels what is in flight and closes the source. */
  async #release(reason: unknown): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    this.#timer?.clear();
    this.#timer = undefined;
    for (const cancel of this.#cancels) cancel.abort(reason);
    this.#unsent = [];
    this.#ended = [];
    this.#slots.clear();
    this.#held = 0;
    this.#heldRows = 0;
    this.#heldBytes = 0;
    const iterator = this.#iterator;
    this.#iterator = finished;
    const closing = iterator?.return?.();
    if (!isPromise(closing)) return;
    // A source that is still to give something closes behind it, and that may take as long as it likes.
    if (this.#isPulling) closing.catch(ignore);
    else await closing;
  }
}

/** A source that has nothing to close any more. */
const finished: Iterator<never> = { next: () => ({ done: true, value: undefined }) };

function openerOf<Item>(source: AsyncIterable<Item> | Iterable<Item>): (() => AnyIterator<Item>) | undefined {
  if (source === null || source === undefined) return undefined;
  const { [Symbol.asyncIterator]: openAsync } = source as Partial<AsyncIterable<Item>>;
  if (typeof openAsync === 'function') return () => openAsync.call(source);
  const { [Symbol.iterator]: openSync } = source as Partial<Iterable<Item>>;
  return typeof openSync === 'function' && typeof source === 'object' ? () => openSync.call(source) : undefined;
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as Promise<T> | undefined)?.then === 'function';
}

/** A timer of the process's own clock lets the process end; here nothing else may keep it alive, and items would be lost. */
function startTimer(clock: Clock, ms: number, callback: () => void): ClockTimer {
  if (clock !== systemClock) return clock.setTimer(callback, ms);
  const handle = setTimeout(callback, ms);
  return { clear: () => clearTimeout(handle) };
}

function withIndex(error: FairleadError, index: number): FairleadError {
  return new FairleadError(error.code, `Item ${index}: ${error.message}`, {
    cause: error,
    details: { ...error.details, index },
  });
}

function wrongArgument(field: string, expected: string, value: unknown): FairleadError {
  const given = describeValue(value);
  return new FairleadError('INVALID_ARGUMENT', `runMany: ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}

function ignore(): void {}
