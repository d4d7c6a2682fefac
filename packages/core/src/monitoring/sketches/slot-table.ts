import type { Category } from './category';
import { hashCategory } from './category-hash';

/**
 * Where the counter of each category is: a hash table of fixed size with linear probing. A `Map` would do, but it allocates
 * anew whenever enough keys have come and gone, and where the rarest always makes room they do so all the time.
 */
export class SlotTable {
  readonly #values: readonly Category[];
  /** Slots by place, less 1 where empty. At most half are taken. */
  readonly #table: Int32Array;
  /** Low words of the hashes, by slot. */
  readonly #hashes: Int32Array;
  readonly #mask: number;

  /**
   * @param slots how many there will be
   * @param values the category of each slot; its owner changes it
   */
  constructor(slots: number, values: readonly Category[]) {
    this.#values = values;
    this.#table = new Int32Array(2 ** Math.ceil(Math.log2(2 * slots))).fill(-1);
    this.#hashes = new Int32Array(slots);
    this.#mask = this.#table.length - 1;
  }

  /**
   * The slot of a category; −1 when it has none.
   * @param hash its {@link hashOf}
   */
  find(category: Category, hash: number): number {
    for (let place = hash & this.#mask; ; place = (place + 1) & this.#mask) {
      const slot = this.#table[place] as number;
      if (slot < 0) return -1;
      if (this.#hashes[slot] === hash && isSame(this.#values[slot] as Category, category)) return slot;
    }
  }

  /** Takes in a slot, whose category has this hash and is not there yet. */
  insert(slot: number, hash: number): void {
    this.#hashes[slot] = hash;
    let place = hash & this.#mask;
    while ((this.#table[place] as number) >= 0) place = (place + 1) & this.#mask;
    this.#table[place] = slot;
  }

  /** Takes out a slot. What was pushed beyond its place by it moves back, so that no search ends too soon. */
  remove(slot: number): void {
    const table = this.#table;
    let gap = (this.#hashes[slot] as number) & this.#mask;
    while (table[gap] !== slot) gap = (gap + 1) & this.#mask;
    for (let place = (gap + 1) & this.#mask; (table[place] as number) >= 0; place = (place + 1) & this.#mask) {
      const home = (this.#hashes[table[place] as number] as number) & this.#mask;
      // It may fill the gap unless its own place lies behind it.
      if (((place - home) & this.#mask) < ((place - gap) & this.#mask)) continue;
      table[gap] = table[place] as number;
      gap = place;
    }
    table[gap] = -1;
  }

  clear(): void {
    this.#table.fill(-1);
  }

  get byteLength(): number {
    return this.#table.byteLength + this.#hashes.byteLength;
  }
}

/** By which a table finds a category. */
export function hashOf(category: Category): number {
  return hashCategory(category)[1] as number;
}

function isSame(left: Category, right: Category): boolean {
  return left === right || (Number.isNaN(left) && Number.isNaN(right));
}
