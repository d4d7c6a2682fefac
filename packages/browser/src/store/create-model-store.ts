import {
  abortedError,
  type ClockTimer,
  closeable,
  createEvents,
  type ErrorCode,
  FairleadError,
  type ModelRunner,
  messageOf,
  type RunOptions,
} from '@fairlead/core';
import type { ModelStore } from './model-store';
import {
  type Answerer,
  type ModelStoreOptions,
  type OpenStoreOptions,
  parseStoreOptions,
  type StoreDefinition,
} from './options';
import { detailsOf, followRunner } from './runner-facts';
import { changed, idleSnapshot, type ModelSnapshot } from './snapshot';

/** Most runs that wait while the model is loaded. */
const mostWaiting = 1024;

/** A model on its way. */
interface Loading {
  readonly abort: AbortController;
  readonly ready: Promise<Answerer>;
}

/** A model that answers. */
interface Loaded extends Answerer {
  /** Listens to it no longer. */
  readonly stop: () => void;
}

/** The newest run. */
interface Asked<Input> {
  readonly number: number;
  readonly input: Input;
  readonly options: RunOptions;
  readonly abort: AbortController;
  outcome: 'pending' | 'answered' | 'failed';
}

/**
 * Makes a store of a model, for any framework or none: `subscribe` and `getSnapshot` are what React's
 * `useSyncExternalStore`, Vue's `shallowRef`, Svelte's `createSubscriber` and a plain page need. Nothing is loaded before
 * somebody subscribes or asks, so that it may be made anywhere, also on a server and in a render that is thrown away.
 *
 * With a `definition` (of `defineModel`) `run` takes and answers the application's own values.
 *
 * @throws FairleadError `INVALID_OPTION`; options of `createRunner` are checked when the model is loaded
 */
export function createModelStore<Input, Output>(
  options: ModelStoreOptions & { readonly definition: StoreDefinition<Input, Output> },
): ModelStore<Input, Output>;
export function createModelStore<R extends ModelRunner>(
  options: OpenStoreOptions<R>,
): ModelStore<Parameters<R['run']>[0], Awaited<ReturnType<R['run']>>>;
export function createModelStore(options: ModelStoreOptions): ModelStore;
export function createModelStore(
  options: ModelStoreOptions & { readonly definition?: StoreDefinition<unknown, unknown> },
): ModelStore<unknown, unknown> {
  let settings = parseStoreOptions('createModelStore', options);
  const events = createEvents<{ change: undefined }>(settings.logger);
  let snapshot: ModelSnapshot<unknown> = idleSnapshot;
  let loading: Loading | undefined;
  let loaded: Loaded | undefined;
  let newest: Asked<unknown> | undefined;
  let leaving: ClockTimer | undefined;
  let closed = false;
  let asked = 0;
  let settled = 0;
  let inFlight = 0;
  /** Models that were let go of and are not closed yet. */
  const ending = new Set<Promise<void>>();
  /** Grows whenever everything is let go of: what began before it has nothing to show any more. */
  let age = 0;

  const show = (patch: Partial<ModelSnapshot<unknown>>): void => {
    const next = changed(snapshot, patch);
    if (next === snapshot) return;
    snapshot = next;
    events.emit('change', undefined);
  };

  const letGo = (runner: ModelRunner): void => {
    const ended = runner
      .close()
      .catch((error: unknown) => {
        settings.logger.error({ error }, `The model of a store did not close cleanly: ${messageOf(error)}`);
      })
      .finally(() => ending.delete(ended));
    ending.add(ended);
  };

  const startLoading = (): Loading => {
    loading?.abort.abort();
    const abort = new AbortController();
    const isWanted = (): boolean => loading === mine;
    const open = async (): Promise<Answerer> => {
      try {
        const answerer = await settings.open({
          signal: abort.signal,
          onProgress: (progress) => isWanted() && show({ progress }),
        });
        if (isWanted()) take(answerer);
        else {
          letGo(answerer.runner);
          throw abortedError(abort.signal, 'Loading the model');
        }
        return answerer;
      } catch (thrown) {
        const error = asError(thrown, 'BACKEND_UNAVAILABLE', 'The model could not be loaded');
        if (isWanted()) {
          loading = undefined;
          show({ status: 'failed', error, progress: undefined });
        }
        throw error;
      }
    };
    // Begins in a later microtask, when `loading` is set.
    const mine: Loading = { abort, ready: Promise.resolve().then(open) };
    mine.ready.catch(() => undefined); // The snapshot tells.
    loading = mine;
    show({ status: 'loading', error: undefined, progress: undefined });
    return mine;
  };

  const take = (answerer: Answerer): void => {
    const { runner } = answerer;
    const previous = loaded;
    const stop = followRunner(runner, settings.clock, (note) =>
      show({ ...detailsOf(runner, snapshot), notes: [...snapshot.notes, note].slice(-20) }),
    );
    loaded = { ...answerer, stop };
    loading = undefined;
    show({ status: 'ready', progress: undefined, ...detailsOf(runner, snapshot) });
    if (previous === undefined) return;
    previous.stop();
    letGo(previous.runner);
    if (newest?.outcome === 'answered') void run(newest.input, newest.options);
  };

  /** The model that answers, loaded where it has to be, though another one may be asked for meanwhile. */
  const answererFor = async (signal: AbortSignal): Promise<Answerer> => {
    while (loaded === undefined) {
      if (closed) throw closedError();
      const waitedFor = loading ?? startLoading();
      try {
        await unlessAborted(waitedFor.ready, signal);
      } catch (error) {
        const isAskedForAgain = loading !== undefined && loading !== waitedFor;
        if (signal.aborted || !isAskedForAgain) throw error;
      }
    }
    return loaded;
  };

  const answer = async (mine: Asked<unknown>): Promise<unknown> => {
    const { number, options, abort } = mine;
    const born = age;
    const forward = (): void => abort.abort(options.signal?.reason);
    if (options.signal?.aborted) forward();
    else options.signal?.addEventListener('abort', forward, { once: true });
    /** Shows how it ended, unless a newer one has ended already or everything was let go of. */
    const end = (outcome: 'answered' | 'failed', patch: Partial<ModelSnapshot<unknown>>): void => {
      mine.outcome = outcome;
      if (born !== age) return;
      inFlight--;
      const isNewest = number > settled && !abort.signal.aborted;
      if (isNewest) settled = number;
      show({ running: inFlight > 0, ...(isNewest ? patch : {}) });
    };
    try {
      // One that could not be loaded is not fetched anew at every run; somebody has to ask for it.
      if (loaded === undefined && snapshot.error !== undefined) throw snapshot.error;
      const answerer = await answererFor(abort.signal);
      const result = await answerer.answer(mine.input, { ...options, signal: abort.signal });
      end('answered', { result, runError: undefined });
      const isOfModelBefore = loaded !== undefined && loaded.runner !== answerer.runner;
      if (isOfModelBefore && mine === newest) void run(mine.input, options);
      return result;
    } catch (thrown) {
      const error = asError(thrown, 'RUN_FAILED', 'The run failed');
      // That there is no model is not the run's fault.
      end('failed', error === snapshot.error ? {} : { runError: error });
      throw error;
    } finally {
      options.signal?.removeEventListener('abort', forward);
    }
  };

  const ask = (input: unknown, options: RunOptions): Promise<unknown> => {
    if (closed) return Promise.reject(closedError());
    if (loaded === undefined && settings.overlap === 'all' && inFlight >= mostWaiting) {
      const message = `${mostWaiting} runs wait for the model already. Wait until it is ready, or use overlap: "latest".`;
      return Promise.reject(new FairleadError('OVERLOADED', message));
    }
    if (settings.overlap === 'latest') newest?.abort.abort(new FairleadError('ABORTED', 'A newer run took its place.'));
    const kept = loaded === undefined && settings.takesTensors ? copyOf(input) : input;
    newest = { number: ++asked, input: kept, options, abort: new AbortController(), outcome: 'pending' };
    inFlight++;
    show({ running: true });
    return answer(newest);
  };

  const run = (input: unknown, options: RunOptions = {}): Promise<unknown> => {
    const promise = ask(input, options);
    promise.catch(() => undefined); // The snapshot tells.
    return promise;
  };

  /** Lets go of everything, and shows that. */
  const empty = (status: 'idle' | 'closed'): void => {
    age++;
    inFlight = 0;
    newest = undefined;
    leaving?.clear();
    leaving = undefined;
    loading?.abort.abort();
    loading = undefined;
    loaded?.stop();
    if (loaded !== undefined) letGo(loaded.runner);
    loaded = undefined;
    const next = status === 'idle' ? idleSnapshot : Object.freeze({ ...idleSnapshot, status });
    if (snapshot.status === status) return;
    snapshot = next;
    events.emit('change', undefined);
  };

  const isUsed = (): boolean => loaded !== undefined || loading !== undefined || snapshot.status === 'failed';

  return {
    subscribe(listener) {
      leaving?.clear();
      leaving = undefined;
      const unsubscribe = events.on('change', listener);
      if (!closed && !isUsed()) startLoading();
      return () => {
        unsubscribe();
        if (closed || events.listenerCount('change') > 0 || settings.closeDelayMs === false) return;
        leaving ??= settings.clock.setTimer(() => empty('idle'), settings.closeDelayMs);
      };
    },
    getSnapshot: () => snapshot,
    load() {
      const ready = async (): Promise<void> => {
        await answererFor(new AbortController().signal);
      };
      const promise = ready();
      promise.catch(() => undefined); // The snapshot tells.
      return promise;
    },
    run,
    retry() {
      if (closed) return;
      const again = newest?.outcome === 'failed' ? newest : undefined;
      if (snapshot.status === 'failed') startLoading();
      if (again !== undefined && !again.options.signal?.aborted) void run(again.input, again.options);
    },
    change(next) {
      settings = parseStoreOptions('change', next);
      if (!closed && isUsed()) startLoading();
    },
    ...closeable(async () => {
      closed = true;
      empty('closed');
      await Promise.all(ending);
      events.clear();
    }),
  };
}

/** Waits for a promise, but no longer than until a signal is aborted. */
async function unlessAborted(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  let leave = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    leave = () => reject(abortedError(signal, 'The run'));
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
  });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

/** A copy of tensors, so that the caller may go on using them; what cannot be copied the runner will refuse. */
function copyOf(input: unknown): unknown {
  try {
    return structuredClone(input);
  } catch {
    return input;
  }
}

function closedError(): FairleadError {
  return new FairleadError('CLOSED', 'The store was closed. Make a new one with createModelStore().');
}

function asError(thrown: unknown, code: ErrorCode, what: string): FairleadError {
  if (FairleadError.isInstance(thrown)) return thrown;
  return new FairleadError(code, `${what}: ${messageOf(thrown)}`, { cause: thrown });
}
