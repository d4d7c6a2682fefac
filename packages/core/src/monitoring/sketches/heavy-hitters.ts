import { checkOptions, wholeNumber } from '../../option-checks';
import { refuseArgument, refuseOtherSketch } from './arguments';
import { type Category, canonicalCategory, compareCategories, plainCategory } from './category';
import {
  checkHeavyHitters,
  type HeavyHitter,
  type HeavyHittersJson,
  type HeavyHittersState,
  heavyHitterLimits,
} from './heavy-hitters-state';
import { hashOf, SlotTable } from './slot-table';

/** Options of {@link createHeavyHitters}. */
export interface HeavyHittersOptions {
  /** Categories that are counted at a time, 1 to 65,536: what is more frequent than one in so many is sure to be among them. @default 64 */
  readonly counters?: number;
  /** Longest category in UTF-16 units, 1 to 1024; a longer one is cut there, and `truncated` counts it. @default 64 */
  readonly maxLength?: number;
}

const optionChecks = {
  counters: wholeNumber(1, heavyHitterLimits.counters),
  maxLength: wholeNumber(1, heavyHitterLimits.length),
};

/**
 * Makes a counter of the most frequent categories in constant memory (Space-Saving; Metwally, Agrawal and El Abbadi). With k
 * counters over n observations no count is too high by more than n / k, none is too low, and every category that occurred more
 * than n / k times is there. Merging keeps all three for the n of both sides.
 *
 * @throws FairleadError `INVALID_OPTION` for an option that is wrong
 */
export function createHeavyHitters(options: HeavyHittersOptions = {}): HeavyHitters {
  checkOptions('createHeavyHitters', options, optionChecks);
  return new HeavyHitters(options.counters ?? 64, options.maxLength ?? 64);
}

/** A counter of frequent categories; {@link createHeavyHitters} makes one and explains it. */
export class HeavyHitters {
  readonly counters: number;
  readonly maxLength: number;
  /** Where each category's counter is. */
  readonly #slots: SlotTable;
  readonly #values: Category[] = [];
  readonly #counts: Float64Array;
  readonly #errors: Float64Array;
  /** Slots as a binary heap with the least count at the root, and the place of each slot in it. */
  readonly #heap: Int32Array;
  readonly #places: Int32Array;
  #total = 0;
  #truncated = 0;

  /**
   * Use {@link createHeavyHitters}.
   * @param state what it begins with, checked
   */
  constructor(counters: number, maxLength: number, state?: HeavyHittersState) {
    this.counters = counters;
    this.maxLength = maxLength;
    this.#slots = new SlotTable(counters, this.#values);
    this.#counts = new Float64Array(counters);
    this.#errors = new Float64Array(counters);
    this.#heap = new Int32Array(counters);
    this.#places = new Int32Array(counters);
    if (state !== undefined) this.#begin(state.items, state.total, state.truncated);
  }

  /**
   * Counts a category: a look into a hash table and a few moves in a heap, never a scan. A text that is known or fits
   * allocates nothing.
   *
   * @param count how often it occurred. @default 1
   * @throws FairleadError `INVALID_ARGUMENT` for a bigint beyond 64 bits, what is no category, or a count that is not whole
   * and positive
   */
  add(value: Category, count = 1): void {
    if (!(Number.isInteger(count) && count >= 1)) throw refuseArgument('count', 'a whole number, 1 or more', count);
    const category = this.#bounded(canonicalCategory(value));
    this.#total += count;
    const hash = hashOf(category);
    const slot = this.#slots.find(category, hash);
    if (slot >= 0) {
      this.#counts[slot] = (this.#counts[slot] as number) + count;
      this.#sink(this.#places[slot] as number);
    } else if (this.#values.length < this.counters) {
      this.#append(category, hash, count, 0);
    } else {
      this.#replaceLeast(category, hash, count);
    }
  }

  #bounded(category: Category): Category {
    if (typeof category !== 'string' || category.length <= this.maxLength) return category;
    this.#truncated++;
    return cut(category, this.maxLength);
  }

  #append(category: Category, hash: number, count: number, error: number): void {
    const slot = this.#values.length;
    this.#values.push(category);
    this.#slots.insert(slot, hash);
    this.#counts[slot] = count;
    this.#errors[slot] = error;
    this.#heap[slot] = slot;
    this.#places[slot] = slot;
    this.#rise(slot);
  }

  /** The rarest makes room: its count is how often the new one may have occurred before, unseen. */
  #replaceLeast(category: Category, hash: number, count: number): void {
    const slot = this.#heap[0] as number;
    const least = this.#counts[slot] as number;
    this.#slots.remove(slot);
    this.#values[slot] = category;
    this.#slots.insert(slot, hash);
    this.#errors[slot] = least;
    this.#counts[slot] = least + count;
    this.#sink(0);
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const counts = this.#counts;
    const { length } = this.#values;
    const slot = heap[from] as number;
    const count = counts[slot] as number;
    let place = from;
    for (let child = 2 * place + 1; child < length; child = 2 * place + 1) {
      const right = child + 1;
      if (right < length && (counts[heap[right] as number] as number) < (counts[heap[child] as number] as number))
        child = right;
      if (count <= (counts[heap[child] as number] as number)) break;
      this.#put(heap[child] as number, place);
      place = child;
    }
    this.#put(slot, place);
  }

  #rise(from: number): void {
    const slot = this.#heap[from] as number;
    const count = this.#counts[slot] as number;
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = this.#heap[parent] as number;
      if ((this.#counts[above] as number) <= count) break;
      this.#put(above, place);
      place = parent;
    }
    this.#put(slot, place);
  }

  #put(slot: number, place: number): void {
    this.#heap[place] = slot;
    this.#places[slot] = place;
  }

  /**
   * Takes in what another counted. The counts of both are added; a category that one side does not have may have occurred
   * there as often as that side's rarest, which goes into its count and its error. The most frequent stay.
   * @throws FairleadError `INVALID_ARGUMENT` when the other has other options
   */
  merge(other: HeavyHitters): void {
    if (other.counters !== this.counters || other.maxLength !== this.maxLength) {
      const options = (of: HeavyHitters) => `${of.counters} counters and maxLength ${of.maxLength}`;
      throw refuseOtherSketch(options(this), options(other));
    }
    const [unseenHere, unseenThere] = [this.errorBound, other.errorBound];
    const merged: HeavyHitter[] = [];
    for (const [slot, value] of this.#values.entries()) {
      const theirs = other.#slots.find(value, hashOf(value));
      const count = theirs < 0 ? unseenThere : (other.#counts[theirs] as number);
      const error = theirs < 0 ? unseenThere : (other.#errors[theirs] as number);
      merged.push({
        value,
        count: (this.#counts[slot] as number) + count,
        error: (this.#errors[slot] as number) + error,
      });
    }
    for (const [slot, value] of other.#values.entries()) {
      if (this.#slots.find(value, hashOf(value)) >= 0) continue;
      const count = (other.#counts[slot] as number) + unseenHere;
      merged.push({ value, count, error: (other.#errors[slot] as number) + unseenHere });
    }
    const total = this.#total + other.#total;
    const truncated = this.#truncated + other.#truncated;
    this.#begin(merged.sort(byFallingCount).slice(0, this.counters), total, truncated);
  }

  /** Holds these items and no other. */
  #begin(items: readonly HeavyHitter[], total: number, truncated: number): void {
    this.reset();
    for (const { value, count, error } of items) this.#append(value, hashOf(value), count, error);
    this.#total = total;
    this.#truncated = truncated;
  }

  /** Forgets everything. */
  reset(): void {
    this.#slots.clear();
    this.#values.length = 0;
    this.#total = 0;
    this.#truncated = 0;
  }

  /** Observations that were counted. */
  get total(): number {
    return this.#total;
  }

  /** Observations whose text was cut to `maxLength`. */
  get truncated(): number {
    return this.#truncated;
  }

  /**
   * How often a category that is not listed may have occurred at most, and by how much any count may be too high; at most
   * `total / counters`. 0 while there was room for all.
   */
  get errorBound(): number {
    return this.#values.length < this.counters ? 0 : (this.#counts[this.#heap[0] as number] as number);
  }

  /** The most frequent categories, by falling count; ties by value. @param most how many. @default all that are counted */
  top(most: number = this.counters): HeavyHitter[] {
    if (!(Number.isInteger(most) && most >= 0)) throw refuseArgument('most', 'a whole number, 0 or more', most);
    const items = this.#values.map((value, slot) => ({
      value,
      count: this.#counts[slot] as number,
      error: this.#errors[slot] as number,
    }));
    return items.sort(byFallingCount).slice(0, most);
  }

  /** Count and error of one category; of one that is not listed both are the {@link HeavyHitters.errorBound}. */
  estimate(value: Category): HeavyHitter {
    const given = canonicalCategory(value);
    const category = typeof given === 'string' ? cut(given, this.maxLength) : given;
    const slot = this.#slots.find(category, hashOf(category));
    if (slot < 0) return { value: category, count: this.errorBound, error: this.errorBound };
    return { value: category, count: this.#counts[slot] as number, error: this.#errors[slot] as number };
  }

  /** Bytes of its arrays, and two for each UTF-16 unit of the texts that it holds. */
  get byteLength(): number {
    const texts = this.#values.reduce(
      (sum: number, value) => sum + (typeof value === 'string' ? 2 * value.length : 8),
      0,
    );
    return this.#counts.byteLength * 2 + this.#heap.byteLength * 2 + this.#slots.byteLength + texts;
  }

  /** The plain form, which {@link heavyHittersFromJson} reads. */
  toJSON(): HeavyHittersJson {
    return {
      counters: this.counters,
      maxLength: this.maxLength,
      total: this.#total,
      truncated: this.#truncated,
      items: this.top().map(({ value, count, error }) => [plainCategory(value), count, error] as const),
    };
  }
}

/** The first units of a text, no half of a surrogate pair at its end. */
function cut(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const last = text.charCodeAt(maxLength - 1);
  const splits = maxLength > 1 && last >= 0xd800 && last < 0xdc00;
  return text.slice(0, splits ? maxLength - 1 : maxLength);
}

function byFallingCount(left: HeavyHitter, right: HeavyHitter): number {
  return right.count - left.count || left.error - right.error || compareCategories(left.value, right.value);
}

/**
 * Reads the plain form of {@link HeavyHitters.toJSON}. Nothing is believed: sizes, counts and errors are checked.
 *
 * @param field how messages name it. @default 'top'
 * @throws FairleadError `STORE_CORRUPT` when it is none or contradicts itself
 */
export function heavyHittersFromJson(plain: unknown, field = 'top'): HeavyHitters {
  const state = checkHeavyHitters(plain, field);
  return new HeavyHitters(state.counters, state.maxLength, state);
}
