import type { Clock } from '../clock';
import { checkOptions, objectWith, test, trueOrFalse, wholeNumber } from '../option-checks';
import type { RunOptions } from '../runner/runner';
import type { AnySignature, InputsOf } from '../signature';

/** What a loop over many items has done so far. */
export interface RunManyProgress {
  /** Items that were taken from the source. */
  readonly taken: number;
  /** Items that were answered and handed over. */
  readonly answered: number;
  /** Items that failed and were handed over, or ended the loop. */
  readonly failed: number;
  /** Items that are held now: not yet sent, in flight, or ended and not yet handed over. */
  readonly held: number;
  /** Rows that the runner has now. */
  readonly rowsInFlight: number;
  /** Rows that the runner may have at present: `maxRows`, and fewer after it has said that it is overloaded. */
  readonly rowsAllowed: number;
  /** How often the runner refused an item because it was overloaded; each was sent again. */
  readonly refusals: number;
}

/** Options of `runMany`. What is told about a request here holds for each item by itself. */
export interface RunManyOptions<Item = InputsOf, S extends AnySignature = AnySignature>
  extends Omit<RunOptions, 'deadline'> {
  /**
   * Makes the inputs of the model from an item of the source, so that an item may carry more than that: its result has the
   * item as it was. What it throws is the error of that item.
   * @default the item is the inputs
   */
  readonly toInputs?: (item: Item, index: number) => InputsOf<S>;
  /**
   * `input`: results come in the order of the source. `completion`: each as soon as it is there; `index` says which it is.
   * @default 'input'
   */
  readonly order?: 'input' | 'completion';
  /**
   * What becomes of an item that fails. `throw`: its error, which says which item it was, ends the loop when its turn has
   * come. `yield`: it is a result with `error` in place of `outputs`, and the loop goes on.
   * @default 'throw'
   */
  readonly errors?: 'throw' | 'yield';
  /**
   * Most rows that are held at once, from the moment they are taken from the source until their result is handed over. The
   * source is asked for no more than that, and an item with more rows goes alone. 1 or more. @default 512
   */
  readonly maxRows?: number;
  /** Most bytes of tensors that are held at once, likewise. 1 or more. @default 67108864 (64 MiB) */
  readonly maxBytes?: number;
  /** Milliseconds that each item may take at the runner, from each time it is sent. @default no limit */
  readonly timeoutMs?: number;
  /** @default 'low', so that callers who wait for one answer go first */
  readonly priority?: 'high' | 'normal' | 'low';
  /**
   * Milliseconds that an item may be refused for, again and again, by a runner that is overloaded and answers nothing else
   * meanwhile; then `OVERLOADED` is its error. 0 or more, `Infinity` for no end. @default 60000
   */
  readonly overloadTimeoutMs?: number;
  /** Told whenever a result was handed over. What it throws ends the loop. */
  readonly onProgress?: (progress: RunManyProgress) => void;
  /** Ends the loop, what is in flight and the source. */
  readonly signal?: AbortSignal;
  /** @default systemClock */
  readonly clock?: Clock;
}

const oneOf = (...values: readonly string[]) =>
  test((value) => values.includes(value as string), values.map((value) => `"${value}"`).join(' or '));
const aFunction = test((value) => typeof value === 'function', 'a function');
const milliseconds = test((value) => typeof value === 'number' && value >= 0, 'milliseconds, 0 or more');

const checks = {
  toInputs: aFunction,
  order: oneOf('input', 'completion'),
  errors: oneOf('throw', 'yield'),
  maxRows: wholeNumber(1),
  maxBytes: wholeNumber(1),
  timeoutMs: milliseconds,
  priority: oneOf('high', 'normal', 'low'),
  key: test((value) => typeof value === 'string', 'a string'),
  idempotent: trueOrFalse,
  privacy: oneOf('local-only', 'cloud-allowed'),
  overloadTimeoutMs: milliseconds,
  onProgress: aFunction,
  signal: test((value) => value instanceof AbortSignal, 'an AbortSignal'),
  clock: objectWith('a clock', 'now', 'epochMs', 'setTimer', 'defer'),
};

/** @throws FairleadError `INVALID_OPTION` */
export function checkRunManyOptions(options: unknown): void {
  checkOptions('runMany', options, checks);
}
