import type { Clock } from '../clock';
import type { Tensors } from '../tensor/tensor';
import type { Reference } from './reference';
import { ReferenceFitter } from './reference-fitter';
import { viewRows } from './rows';

/** Bins that are aimed at, as `fitReference` does by default. */
const bins = 10;
/** Milliseconds of fitting in one turn of the event loop. */
const turnMs = 2;

/** What comes of learning. */
export interface LearnOutcome {
  done(reference: Reference): void;
  fail(error: unknown): void;
}

/** Learns a reference from the first live rows. It is fitted a little in each turn of the event loop, so that nobody waits. */
export class ReferenceLearner {
  readonly #rows: number;
  readonly #clock: Clock;
  readonly #outcome: LearnOutcome;
  #fitter: ReferenceFitter | undefined;
  #inputs: readonly string[] | undefined;
  #ended = false;

  /** @param rows how many to learn from */
  constructor(rows: number, clock: Clock, outcome: LearnOutcome) {
    this.#rows = rows;
    this.#clock = clock;
    this.#outcome = outcome;
  }

  /**
   * Takes the rows of a batch, all of them; strings are left out.
   *
   * @returns its rows
   * @throws FairleadError `INVALID_INPUT` where they differ from those before, `LIMIT_EXCEEDED` where they are too many to keep
   */
  add(inputs: Tensors, batchAxis: number): number {
    this.#inputs ??= Object.keys(inputs).filter((name) => inputs[name]?.dtype !== 'string');
    const [first] = this.#inputs;
    if (first === undefined) return 0;
    const { rows } = viewRows(inputs[first], first, batchAxis);
    if (this.#ended) return rows;
    this.#fitter ??= new ReferenceFitter({
      inputs: this.#inputs,
      featureNames: undefined,
      dtype: undefined,
      bins,
      maxRows: this.#rows,
      batchAxis,
      seasons: undefined,
    });
    this.#fitter.addTensors(inputs);
    if (this.#fitter.rowsRead >= this.#rows) {
      this.#ended = true;
      this.#fit(this.#fitter.steps());
    }
    return rows;
  }

  /** Ends the learning; nothing comes of it. */
  stop(): void {
    this.#ended = true;
    this.#fitter = undefined;
  }

  #fit(steps: Generator<void, Reference>): void {
    this.#clock.defer(() => {
      // Stopped in the meantime: another reference is there.
      if (this.#fitter === undefined) return;
      try {
        const startedAt = this.#clock.now();
        do {
          const step = steps.next();
          if (step.done) {
            this.#outcome.done(step.value);
            return;
          }
        } while (this.#clock.now() - startedAt < turnMs);
        this.#fit(steps);
      } catch (error) {
        this.#outcome.fail(error);
      }
    });
  }
}
