import { describeValue } from '../../config';
import { abortedError, FairleadError, messageOf, throwIfAborted } from '../../errors';
import { type CallOptions, type Closeable, closeable } from '../../lifecycle';
import { consoleLogger, type Logger } from '../../logger';
import type { ModelRunner } from '../../runner/runner';

/**
 * Makes the runner of a model: called at each load of it. What it closes over (paths, registries, devices) is the whole of
 * what can be loaded; nothing of a request reaches it.
 */
export type ModelLoader = (options: CallOptions) => Promise<ModelRunner>;

/**
 * Makes the runner of a model that no loader names, from where a platform says that it lies: SageMaker's multi-model endpoints put
 * models into folders and name those. What it is given came in a request, checked by the protocol that took it.
 */
export type ModelOpener = (reference: string, options: CallOptions) => Promise<ModelRunner>;

/** How a model of a repository stands, in the words of Triton's repository extension. */
export type RepositoryState = 'READY' | 'UNAVAILABLE' | 'LOADING' | 'UNLOADING';

/** One model of a repository. */
export interface RepositoryEntry {
  readonly name: string;
  /** The version that answers; absent while none does. */
  readonly version?: string;
  readonly state: RepositoryState;
  /** Why it is not ready, for clients to read: no message of a runtime, no path. Empty when it is. */
  readonly reason: string;
}

/**
 * Models that are loaded and unloaded while a service runs. It owns the runners that its loaders make: unloading, replacing
 * and closing close them, which answers what they had accepted.
 */
export interface ModelRepository extends Closeable {
  /** Every model that may be loaded, loaded or not, in the order of the loaders; behind them those that were opened. */
  readonly names: readonly string[];
  /**
   * Loads a model, or loads it anew: the runner before answers until the new one is there, then it is drained and closed. Where
   * loading fails, it stays. Who asks while the model is being loaded waits for the same load.
   *
   * @param options.signal ends the wait, not the load, which others may wait for
   * @param options.reference where a model lies that has no loader, for option `open`; a loader knows by itself. Such a model is
   * forgotten when it is unloaded
   * @throws FairleadError `NOT_FOUND` for a name without a loader, `CONFLICT` while the model is being unloaded, `ABORTED`,
   * `CLOSED`, and whatever the loader throws
   */
  load(name: string, options?: LoadOptions): Promise<ModelRunner>;
  /**
   * Takes a model out of service at once, then answers what it had accepted, and closes its runner. A model that is not loaded is
   * left alone.
   * @throws FairleadError `NOT_FOUND` for a name without a loader, `CONFLICT` while the model is being loaded, `CLOSED`
   */
  unload(name: string): Promise<void>;
  /** The runner of a loaded model. */
  get(name: string): ModelRunner | undefined;
  /** How each model stands. */
  list(): readonly RepositoryEntry[];
}

/** Options of {@link ModelRepository.load}. */
export interface LoadOptions extends CallOptions {
  /** Where a model lies that has no loader. @default none */
  readonly reference?: string;
}

/** Options of {@link createModelRepository}. */
export interface ModelRepositoryOptions {
  /**
   * Loads models that have no loader, where a protocol names their place: `sageMaker()` does, in a folder that it has checked.
   * Without it only what has a loader can be loaded. @default none
   */
  readonly open?: ModelOpener;
  /** Told why a load failed, or a runner could not be closed. @default console */
  readonly logger?: Logger;
}

interface Slot {
  readonly load: ModelLoader;
  /** Whether it has no loader of its own, and is forgotten with its runner. */
  readonly isOpened: boolean;
  runner: ModelRunner | undefined;
  /** What is being done to the model; at most one thing at a time. */
  loading: Promise<ModelRunner> | undefined;
  unloading: Promise<void> | undefined;
  reason: string;
}

/**
 * Makes a repository for the `repository` option of `createHandler` and `serve`, which puts Triton's model control
 * (`POST /v2/repository/index`, `…/models/M/load`, `…/models/M/unload`) in front of it. Nothing is loaded yet.
 *
 * @param loaders how each model is loaded, by the name that it is served under
 * @throws FairleadError `INVALID_OPTION`
 */
export function createModelRepository(
  loaders: Readonly<Record<string, ModelLoader>>,
  options: ModelRepositoryOptions = {},
): ModelRepository {
  const stray = Object.keys(options).find((name) => name !== 'open' && name !== 'logger');
  if (stray !== undefined) throw invalidLoaders(stray, 'no such option, but "open" and "logger"', stray);
  const { logger = consoleLogger, open } = options;
  checkLoaders(loaders, open);
  const slots = new Map<string, Slot>();
  for (const [name, load] of Object.entries(loaders)) slots.set(name, emptySlot(load, false));
  const closing = new AbortController();

  const slotOf = (name: string): Slot => {
    if (closing.signal.aborted) throw new FairleadError('CLOSED', 'The model repository was closed.');
    const slot = slots.get(name);
    if (slot !== undefined) return slot;
    const expected = slots.size === 0 ? 'none' : `one of ${[...slots.keys()].map((known) => `"${known}"`).join(', ')}`;
    const given = describeValue(name);
    throw new FairleadError('NOT_FOUND', `No model ${given} can be loaded here. There is ${expected}.`, {
      details: { field: 'model', expected, given },
    });
  };

  const closeRunner = async (name: string, runner: ModelRunner): Promise<void> => {
    try {
      await runner.close();
    } catch (error) {
      logger.error({ error, model: name }, `The runner of model "${name}" could not be closed: ${messageOf(error)}`);
    }
  };

  const loadSlot = async (name: string, slot: Slot): Promise<ModelRunner> => {
    try {
      const runner = await slot.load({ signal: closing.signal });
      if (typeof (runner as Partial<ModelRunner> | undefined)?.run !== 'function')
        throw invalidLoaders(`loaders.${name}`, 'a function that makes a runner', runner);
      if (closing.signal.aborted) {
        await closeRunner(name, runner);
        throw new FairleadError('CLOSED', 'The model repository was closed while the model was loaded.');
      }
      const before = slot.runner;
      slot.runner = runner;
      slot.reason = '';
      // Whoever asked for the new model need not wait until the last request of the old one is answered.
      if (before !== undefined && before !== runner) void closeRunner(name, before);
      return runner;
    } catch (error) {
      if (slot.runner === undefined) {
        slot.reason = `loading failed${codeSuffix(error)}`;
        if (slot.isOpened) slots.delete(name);
      }
      logger.error({ error, model: name }, `Model "${name}" could not be loaded: ${messageOf(error)}`);
      throw error;
    }
  };

  const unloadSlot = async (name: string, slot: Slot, runner: ModelRunner): Promise<void> => {
    slot.runner = undefined;
    await closeRunner(name, runner);
    slot.reason = 'unloaded';
    if (slot.isOpened) slots.delete(name);
  };

  const release = closeable(async () => {
    closing.abort(new FairleadError('CLOSED', 'The model repository was closed.'));
    const ends = [...slots].map(async ([name, slot]) => {
      await Promise.allSettled([slot.loading, slot.unloading]);
      const { runner } = slot;
      slot.runner = undefined;
      slot.reason = 'the repository was closed';
      if (runner !== undefined) await closeRunner(name, runner);
    });
    await Promise.all(ends);
  });

  return {
    get names() {
      return [...slots.keys()];
    },
    async load(name, { signal, reference } = {}) {
      throwIfAborted(signal, 'The load');
      if (reference !== undefined && open !== undefined && !slots.has(name) && !closing.signal.aborted)
        slots.set(
          name,
          emptySlot((options) => open(reference, options), true),
        );
      const slot = slotOf(name);
      if (slot.unloading !== undefined) throw busy(name, 'unloaded');
      // Not at the end of the load itself: a loader that throws at once would come to it before this is set.
      slot.loading ??= loadSlot(name, slot).finally(() => {
        slot.loading = undefined;
      });
      return signal === undefined ? slot.loading : untilAborted(slot.loading, signal);
    },
    async unload(name) {
      const slot = slotOf(name);
      if (slot.loading !== undefined) throw busy(name, 'loaded');
      if (slot.unloading !== undefined) return slot.unloading;
      if (slot.runner === undefined) return;
      slot.unloading = unloadSlot(name, slot, slot.runner).finally(() => {
        slot.unloading = undefined;
      });
      return slot.unloading;
    },
    get: (name) => slots.get(name)?.runner,
    list: () => [...slots].map(([name, slot]) => entryOf(name, slot)),
    ...release,
  };
}

function emptySlot(load: ModelLoader, isOpened: boolean): Slot {
  return { load, isOpened, runner: undefined, loading: undefined, unloading: undefined, reason: 'not loaded' };
}

/** How a runner that is served stands, in the words of a repository. */
export function entryOfRunner(name: string, runner: ModelRunner): RepositoryEntry {
  const health = runner.health?.();
  const ready = health?.ready !== false;
  const { version } = runner.model;
  return { name, version, state: ready ? 'READY' : 'UNAVAILABLE', reason: ready ? '' : (health?.status ?? '') };
}

function entryOf(name: string, { runner, loading, unloading, reason }: Slot): RepositoryEntry {
  // A model that is loaded anew answers meanwhile.
  if (runner !== undefined) return entryOfRunner(name, runner);
  if (loading !== undefined) return { name, state: 'LOADING', reason: 'being loaded' };
  if (unloading !== undefined) return { name, state: 'UNLOADING', reason: 'answers what it had accepted' };
  return { name, state: 'UNAVAILABLE', reason };
}

/** The code of an error tells a client what kind of thing went wrong; the message may name files. */
function codeSuffix(error: unknown): string {
  return FairleadError.isInstance(error) ? ` (${error.code})` : '';
}

function busy(name: string, what: 'loaded' | 'unloaded'): FairleadError {
  return new FairleadError('CONFLICT', `Model "${name}" is just being ${what}. Ask again when that is done.`, {
    details: { field: 'model', given: name },
  });
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(abortedError(signal, 'The load'));
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function checkLoaders(loaders: unknown, open: unknown): void {
  if (open !== undefined && typeof open !== 'function')
    throw invalidLoaders('open', 'a function that makes a runner', open);
  const isObject = typeof loaders === 'object' && loaders !== null;
  const entries = isObject ? Object.entries(loaders) : [];
  // What can be opened need not be named.
  if (entries.length === 0 && (open === undefined || !isObject))
    throw invalidLoaders('loaders', 'an object of functions by model name', loaders);
  for (const [name, load] of entries) {
    if (name === '') throw invalidLoaders('loaders', 'names that are not empty', name);
    if (typeof load !== 'function') throw invalidLoaders(`loaders.${name}`, 'a function that makes a runner', load);
  }
}

function invalidLoaders(field: string, expected: string, value: unknown): FairleadError {
  const given = describeValue(value);
  return new FairleadError(
    'INVALID_OPTION',
    `createModelRepository: "${field}" is wrong: expected ${expected}, given ${given}.`,
    { details: { field, expected, given } },
  );
}
