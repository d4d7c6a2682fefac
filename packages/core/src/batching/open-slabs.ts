import type { BatchLayout } from './layout';
import type { Slab } from './slab';

/**
 * The slab of each layout that takes the next rows. The layout that was used last is kept at hand: with one shape it is
 * the only one, and its slab changes with every batch.
 */
export class OpenSlabs {
  #layout: BatchLayout | undefined;
  #slab: Slab | undefined;
  readonly #others = new Map<BatchLayout, Slab>();

  get(layout: BatchLayout): Slab | undefined {
    return layout === this.#layout ? this.#slab : this.#others.get(layout);
  }

  set(layout: BatchLayout, slab: Slab): void {
    if (layout !== this.#layout) {
      if (this.#layout !== undefined && this.#slab !== undefined) this.#others.set(this.#layout, this.#slab);
      this.#others.delete(layout);
      this.#layout = layout;
    }
    this.#slab = slab;
  }

  delete(layout: BatchLayout): void {
    if (layout === this.#layout) this.#slab = undefined;
    else this.#others.delete(layout);
  }

  *values(): IterableIterator<Slab> {
    yield* this.#others.values();
    if (this.#slab !== undefined) yield this.#slab;
  }

  clear(): void {
    this.#layout = undefined;
    this.#slab = undefined;
    this.#others.clear();
  }
}
