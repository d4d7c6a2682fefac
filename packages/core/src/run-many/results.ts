import type { FairleadError } from '../errors';
import type { RunResult } from '../runner/runner';
import type { AnySignature, InputsOf } from '../signature';
import type { RunManyProgress } from './options';

/** The answer to one item. */
export interface RunManyAnswer<Item = InputsOf, S extends AnySignature = AnySignature> extends RunResult<S> {
  /** Place of the item in the source, from 0. */
  readonly index: number;
  /** As the source gave it. */
  readonly item: Item;
  readonly error?: undefined;
}

/** An item that has no answer. */
export interface RunManyFailure<Item = InputsOf> {
  /** Place of the item in the source, from 0. */
  readonly index: number;
  /** As the source gave it. */
  readonly item: Item;
  /** Why; its `code` is what `run` rejected with. */
  readonly error: FairleadError;
  readonly outputs?: undefined;
}

/** With `errors: 'yield'`, what there is of an item. */
export type RunManyResult<Item = InputsOf, S extends AnySignature = AnySignature> =
  | RunManyAnswer<Item, S>
  | RunManyFailure<Item>;

/** The loop over many items: taken once, by one `for await` or by `next`, which may be called ahead. */
export interface RunMany<Result> extends AsyncIterableIterator<Result, undefined>, AsyncDisposable {
  next(): Promise<IteratorResult<Result, undefined>>;
  /** Ends the loop: cancels what is in flight and closes the source. What `break` calls. */
  return(): Promise<IteratorResult<Result, undefined>>;
  /** What was done so far. */
  readonly progress: RunManyProgress;
}
