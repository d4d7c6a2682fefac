import type { Prediction } from './prediction';

/** What a slice is made of: the name of a tag, or a function that names the part a prediction belongs to. */
export type SliceBy = string | ((prediction: Prediction) => string | undefined);

/** Slices by name, for example `{ country: 'country', young: (p) => (p.tags?.age < '30' ? 'yes' : 'no') }`. */
export type SliceOptions = Readonly<Record<string, SliceBy>>;

/** The part that takes what came past the limit of parts. */
export const otherPart = '(other)';
/** A longer name of a part is cut. */
const longestPart = 100;

/** One part of one slice. */
export interface SlicePart {
  readonly slice: string;
  readonly part: string;
}

/** Numbers the parts of slices, at most so many in all, of which each slice has its share. */
export class SliceTable {
  readonly #names: readonly string[];
  readonly #by: readonly SliceBy[];
  readonly #most: number;
  readonly #parts: SlicePart[] = [];
  readonly #numbers: Map<string, number>[];
  #folded = 0;
  #failures = 0;

  constructor(options: SliceOptions, most: number) {
    this.#names = Object.keys(options);
    this.#by = Object.values(options);
    this.#most = Math.floor(most / Math.max(1, this.#names.length));
    this.#numbers = this.#names.map(() => new Map());
  }

  /** Slices; each row belongs to one part of each, or to none. */
  get slices(): number {
    return this.#names.length;
  }

  /** The parts seen so far, by their number. */
  get parts(): readonly SlicePart[] {
    return this.#parts;
  }

  /** Predictions that were put into `(other)`, as there were too many parts. */
  get folded(): number {
    return this.#folded;
  }

  /** Calls of slice functions that threw or answered what is no text; those predictions belong to no part. */
  get failures(): number {
    return this.#failures;
  }

  /** Writes the number of a prediction's part of each slice into `target` from `offset`; −1 where it belongs to none. */
  number(prediction: Prediction, target: Int32Array, offset: number): void {
    for (let slice = 0; slice < this.#by.length; slice++) {
      target[offset + slice] = this.#numberOf(slice, this.#partOf(slice, prediction));
    }
  }

  #partOf(slice: number, prediction: Prediction): string | undefined {
    const by = this.#by[slice] as SliceBy;
    try {
      const part: unknown = typeof by === 'string' ? prediction.tags?.[by] : by(prediction);
      if (part === undefined) return undefined;
      if (typeof part === 'string') return part.length > longestPart ? part.slice(0, longestPart) : part;
    } catch {
      // Counted below: a slice is no reason to lose a prediction.
    }
    this.#failures++;
    return undefined;
  }

  #numberOf(slice: number, part: string | undefined): number {
    if (part === undefined) return -1;
    const numbers = this.#numbers[slice] as Map<string, number>;
    const known = numbers.get(part);
    if (known !== undefined) return known;
    // The last part of each slice is kept free for the others.
    if (part !== otherPart && numbers.size >= this.#most - 1) {
      this.#folded++;
      return this.#numberOf(slice, otherPart);
    }
    const number = this.#parts.length;
    this.#parts.push({ slice: this.#names[slice] as string, part });
    numbers.set(part, number);
    return number;
  }
}
