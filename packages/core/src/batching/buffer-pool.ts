/**
 * Keeps released buffers for the next batch: filling a fresh buffer costs several times as much as filling one whose
 * pages are mapped. Buffers are matched by their exact size, since the batches of one model repeat theirs.
 */
export class BufferPool {
  /** By size; the size that was given back longest ago comes first. */
  readonly #free = new Map<number, ArrayBuffer[]>();
  /** The one that came back last: with one size in use, the only one that is ever asked for. */
  #last: ArrayBuffer | undefined;
  readonly #maxBytes: number;
  #heldBytes = 0;

  /** @param maxBytes most bytes to hold back for reuse; beyond, what was used longest ago is left to the garbage collector */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that wait for reuse. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** A buffer of that size; its contents are whatever was in it before. */
  take(bytes: number): ArrayBuffer {
    const last = this.#last;
    if (last !== undefined && last.byteLength === bytes) {
      this.#last = undefined;
      this.#heldBytes -= bytes;
      return last;
    }
    const list = this.#free.get(bytes);
    const buffer = list?.pop();
    if (buffer === undefined) return new ArrayBuffer(bytes);
    if (list?.length === 0) this.#free.delete(bytes);
    this.#heldBytes -= bytes;
    return buffer;
  }

  /** Gives a buffer back. Nothing may read or write it afterwards. */
  give(buffer: ArrayBuffer): void {
    const bytes = buffer.byteLength;
    // A detached buffer has no bytes left and is of no use.
    if (bytes === 0 || bytes > this.#maxBytes) return;
    while (this.#heldBytes + bytes > this.#maxBytes) this.#dropOldest();
    if (this.#last !== undefined) this.#store(this.#last);
    this.#last = buffer;
    this.#heldBytes += bytes;
  }

  #store(buffer: ArrayBuffer): void {
    const bytes = buffer.byteLength;
    const list = this.#free.get(bytes) ?? [];
    list.push(buffer);
    this.#free.delete(bytes);
    this.#free.set(bytes, list);
  }

  #dropOldest(): void {
    for (const [bytes, list] of this.#free) {
      list.pop();
      if (list.length === 0) this.#free.delete(bytes);
      this.#heldBytes -= bytes;
      return;
    }
    this.#heldBytes -= this.#last?.byteLength ?? 0;
    this.#last = undefined;
  }

  /** Lets go of everything. */
  clear(): void {
    this.#free.clear();
    this.#last = undefined;
    this.#heldBytes = 0;
  }
}
