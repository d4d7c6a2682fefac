import type { ModelRunner } from '../runner/runner';
import type { AnySignature, InputsOf } from '../signature';
import { createFlow } from './flow';
import { checkRunManyOptions, type RunManyOptions } from './options';
import type { RunMany, RunManyAnswer, RunManyResult } from './results';

/** What a loop needs of a runner. */
export type RunnerOfMany<S extends AnySignature = AnySignature> = Pick<ModelRunner<S>, 'run' | 'signature'>;

/** Where items come from. */
export type RunManySource<Item> = AsyncIterable<Item> | Iterable<Item>;

/**
 * Runs a model on every item of a source, as many at once as the runner can take, and hands over the results in order.
 *
 * The source is asked for the next item only while fewer rows are held than `maxRows`, so it may be longer than memory, or
 * without an end; whoever reads the results slowly slows down the source. A runner that is overloaded gets less, and what it
 * refused is sent again after the time that it names. Nothing is asked for before the first `next()`.
 *
 * An item is one request: one row or several. Over a network, give it several.
 *
 * @param source items, asked for one at a time and closed when the loop ends in whatever way
 * @throws FairleadError `INVALID_OPTION` at once. While iterating: `ABORTED` by the signal; `CLOSED` when the runner was closed,
 * whatever `errors` says; what the source threw, after the results of what came before; with `errors: 'throw'` what `run`
 * rejected with for an item, with the item's place in `details.index`
 *
 * @example
 * for await (const { index, outputs } of runMany(runner, rows)) console.log(index, outputs.label?.data[0]);
 */
export function runMany<Item = InputsOf, S extends AnySignature = AnySignature>(
  runner: RunnerOfMany<S>,
  source: RunManySource<Item>,
  options: RunManyOptions<Item, S> & { readonly errors: 'yield' } & ToInputs<Item, S>,
): RunMany<RunManyResult<Item, S>>;
export function runMany<Item = InputsOf, S extends AnySignature = AnySignature>(
  runner: RunnerOfMany<S>,
  source: RunManySource<Item>,
  ...options: Item extends InputsOf<S>
    ? [options?: RunManyOptions<Item, S> & { readonly errors?: 'throw' }]
    : [options: RunManyOptions<Item, S> & { readonly errors?: 'throw' } & ToInputs<Item, S>]
): RunMany<RunManyAnswer<Item, S>>;
export function runMany<Item, S extends AnySignature>(
  runner: RunnerOfMany<S>,
  source: RunManySource<Item>,
  options: RunManyOptions<Item, S> = {},
): RunMany<RunManyResult<Item, S>> {
  checkRunManyOptions(options);
  return createFlow(runner, source, options);
}

/** Items that are no inputs need `toInputs`. */
type ToInputs<Item, S extends AnySignature> =
  Item extends InputsOf<S> ? unknown : { readonly toInputs: (item: Item, index: number) => InputsOf<S> };
