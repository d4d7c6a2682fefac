/**
 * Keeps released buffers for the next batch: filling a fresh buffer costs several times as much as filling one whose
 * pages are mapped. Buffers are matched by their exact size, since the batches of one model repeat theirs.
 */
export class BufferPool {
  readonly #free = new Map<number, ArrayBuffer[]>();
  readonly #maxBytes: number;
  #heldBytes = 0;

  /** @param maxBytes most bytes to hold back for reuse; what is given beyond is left to the garbage collector */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that wait for reuse. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** A buffer of that size; its contents are whatever was in it before. */
  take(bytes: number): ArrayBuffer {
    const buffer = this.#free.get(bytes)?.pop();
    if (buffer === undefined) return new ArrayBuffer(bytes);
    this.#heldBytes -= bytes;
    return buffer;
  }

  /** Gives a buffer back. Nothing may read or write it afterwards. */
  give(buffer: ArrayBuffer): void {
    const bytes = buffer.byteLength;
    // A detached buffer has no bytes left and is of no use.
    if (bytes === 0 || this.#heldBytes + bytes > this.#maxBytes) return;
    const list = this.#free.get(bytes);
    if (list === undefined) this.#free.set(bytes, [buffer]);
    else list.push(buffer);
    this.#heldBytes += bytes;
  }

  /** Lets go of everything. */
  clear(): void {
    this.#free.clear();
    this.#heldBytes = 0;
  }
}
