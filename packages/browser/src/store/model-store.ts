import type { Closeable, InputsOf, RunOptions, RunResult } from '@fairlead/core';
import type { ModelStoreOptions, StoreDefinition } from './options';
import type { ModelSnapshot } from './snapshot';

/**
 * A model as state: what it is, how far it is, what it answered, what went wrong. Its methods may be taken off it.
 * See {@link createModelStore}.
 */
export interface ModelStore<Input = InputsOf, Output = RunResult> extends Closeable {
  /**
   * Calls `listener` after every change; the function that comes back ends that. The first subscriber has the model loaded,
   * and when the last one has left it is closed, after `closeDelayMs`.
   */
  subscribe(listener: () => void): () => void;
  /** What there is to show now: the same object for as long as nothing has changed. */
  getSnapshot(): ModelSnapshot<Output>;
  /**
   * Loads the model, where that has not begun yet, without a subscriber, who would be needed for closing it again.
   * Resolves when it is ready.
   * @throws FairleadError what loading it threw, or `CLOSED`; the promise may be ignored, since the snapshot tells too
   */
  load(): Promise<void>;
  /**
   * Asks the model; one that is not there yet is loaded and waited for, with tensors copied meanwhile, but one that could
   * not be loaded is not tried again before `retry()`. The promise may be ignored: the answer is the snapshot's `result`, and what went wrong its `error` or `runError`.
   * @throws FairleadError whatever the runner throws; `ABORTED` when a newer run took its place (`overlap: 'latest'`) or
   * everybody left while the model was loaded; `OVERLOADED` when 1024 runs wait for the model; `CLOSED`
   */
  run(input: Input, options?: RunOptions): Promise<Output>;
  /**
   * Does again what failed last: loads the model where that failed, and asks the newest run again where that failed, with
   * the input that it was given, as it is now. Does nothing where nothing failed.
   */
  retry(): void;
  /**
   * Takes another model. The one in use answers until the other is ready, and its answers stay until the newest run,
   * which is then asked again, is answered by the other. Where nothing is loaded yet, nothing is loaded now either.
   * @throws FairleadError `INVALID_OPTION`, and then nothing has changed
   */
  change(options: ModelStoreOptions & { readonly definition?: StoreDefinition<Input, Output> }): void;
  /** Ends it for good: what runs is answered, then the model is closed. */
  close(): Promise<void>;
}
