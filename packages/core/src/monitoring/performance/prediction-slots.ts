import type { RowReader } from './prediction';

/** What is remembered of a prediction until its label comes, in columns, one place for each slot of the join. */
export class PredictionSlots {
  readonly #width: number;
  readonly #slices: number;
  readonly #predicted: Float64Array;
  readonly #probabilities: Float64Array;
  readonly #parts: Int32Array;
  readonly #at: Float64Array;
  readonly #generation: Float64Array;
  /** Number of its row in the window, −1 while it has no label. */
  readonly #number: Float64Array;

  constructor(reader: RowReader, slices: number, slots: number) {
    this.#width = reader.width;
    this.#slices = slices;
    this.#predicted = new Float64Array(slots);
    this.#probabilities = new Float64Array(slots * reader.width);
    this.#parts = new Int32Array(slots * slices);
    this.#at = new Float64Array(slots);
    this.#generation = new Float64Array(slots);
    this.#number = new Float64Array(slots);
  }

  write(slot: number, row: PredictedRow): void {
    this.#predicted[slot] = row.predicted;
    this.#probabilities.set(row.probabilities, slot * this.#width);
    this.#parts.set(row.parts, slot * this.#slices);
    this.#at[slot] = row.at;
    this.#generation[slot] = row.generation;
    this.#number[slot] = -1;
  }

  /** The row of a slot; views that are valid until the slot is written again. */
  read(slot: number): PredictedRow {
    return {
      predicted: this.#predicted[slot] as number,
      probabilities: this.#probabilities.subarray(slot * this.#width, (slot + 1) * this.#width),
      parts: this.#parts.subarray(slot * this.#slices, (slot + 1) * this.#slices),
      at: this.#at[slot] as number,
      generation: this.#generation[slot] as number,
    };
  }

  numberOf(slot: number): number {
    return this.#number[slot] as number;
  }

  setNumber(slot: number, number: number): void {
    this.#number[slot] = number;
  }
}

/** A prediction in numbers. */
export interface PredictedRow {
  /** Index of the class, or the value. */
  readonly predicted: number;
  readonly probabilities: Float64Array;
  /** Number of its part of each slice. */
  readonly parts: Int32Array;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly at: number;
  /** Which model it belongs to: how many the monitor was told of before. */
  readonly generation: number;
}
