import type { Admitted } from '../runner/door';
import type { ModelSignature } from '../signature';
import type { Tensors } from '../tensor/tensor';
import { BufferPool } from './buffer-pool';
import { type BatchLayout, createLayouts } from './layout';
import type { BatchRequest } from './request';
import { Slab } from './slab';

/** Bytes that released slabs may hold back for reuse. */
const pooledBytes = 64 * 2 ** 20;
/** A slab of large rows holds fewer of them than a batch, so that a few requests do not take the memory of a batch. */
const maxSlabBytes = 4 * 2 ** 20;

/** Requests in one piece of memory, ready for a session. */
export interface CollatedBatch {
  readonly inputs: Tensors;
  readonly rows: number;
  readonly requests: readonly BatchRequest[];
  /** Lets go of the memory of the batch and of its requests. */
  release(): void;
  /** Lets go of the batch's own copy only: its requests still need theirs. */
  releaseCopy(): void;
}

/** Copies rows of requests into slabs as they come, and makes batches of them: a view where they lie side by side. */
export class Collator {
  readonly #pool: BufferPool;
  readonly #layoutOf: (request: Admitted) => BatchLayout;
  /** Rows of a slab that several requests share; 1 where requests share none. */
  readonly #sharedRows: number;
  /** The slab of each layout that takes the next rows. */
  readonly #open = new Map<BatchLayout, Slab>();

  /** @param joinable whether rows of several requests may share a batch */
  constructor(
    signature: ModelSignature,
    maxBatchRows: number,
    joinable: boolean,
    pool: BufferPool = new BufferPool(pooledBytes),
  ) {
    this.#pool = pool;
    this.#layoutOf = createLayouts(signature.inputs, signature.batchAxis, joinable);
    this.#sharedRows = joinable ? maxBatchRows : 1;
  }

  /** Bytes that a request takes in the queue. */
  bytesOf(request: Admitted): number {
    return this.#layoutOf(request).rowBytes * request.rows;
  }

  /** Copies a request's rows into the open slab of its layout, or of a larger one where that is better; the slab is held until it is released. */
  place(request: Admitted): { slab: Slab; start: number } {
    const layout = this.#layoutOf(request);
    let slab = this.#open.get(layout);
    if (slab === undefined) {
      const larger = request.fit?.joinLarger(request.rows, this.#open.values());
      if (larger !== undefined) return this.place({ ...request, ...larger });
    }
    if (slab === undefined || slab.room < request.rows) {
      slab?.retire();
      // One whose requests have all ended early is closed as well: a shape that never comes again must not keep memory.
      slab = new Slab(layout, this.#capacityFor(layout, request.rows), this.#pool, (empty) => this.#close(empty));
      this.#open.set(layout, slab);
    }
    return { slab, start: slab.append(request) };
  }

  /** Makes one batch of requests of one layout. */
  collate(requests: readonly BatchRequest[]): CollatedBatch {
    const [first] = requests as [BatchRequest];
    const { slab } = first;
    let rows = 0;
    let oneView = true;
    for (const request of requests) {
      if (request.slab !== slab || request.start !== first.start + rows) oneView = false;
      rows += request.rows;
    }
    const copy = oneView ? undefined : this.#gather(requests, rows);
    // What comes next begins at the start of a slab of its own, so that it too can go without copying.
    if (this.#open.get(slab.layout) === slab) this.#close(slab);
    const releaseCopy = (): void => copy?.discard();
    return {
      inputs: copy === undefined ? slab.view(first.start, rows) : copy.view(0, rows),
      rows,
      requests,
      releaseCopy,
      release() {
        releaseCopy();
        for (const request of requests) request.slab.release();
      },
    };
  }

  /** Lets go of all memory. */
  close(): void {
    this.#open.clear();
    this.#pool.clear();
  }

  #close(slab: Slab): void {
    if (this.#open.get(slab.layout) === slab) this.#open.delete(slab.layout);
    slab.retire();
  }

  /** Rows that a slab holds: a batch, or fewer where rows are large. */
  #capacityFor(layout: BatchLayout, rows: number): number {
    const fitting = Math.max(1, Math.floor(maxSlabBytes / Math.max(1, layout.rowBytes)));
    return Math.max(rows, Math.min(this.#sharedRows, fitting));
  }

  #gather(requests: readonly BatchRequest[], rows: number): Slab {
    const { layout } = (requests[0] as BatchRequest).slab;
    const copy = new Slab(layout, this.#capacityFor(layout, rows), this.#pool);
    for (const request of requests) copy.appendFrom(request.slab, request.start, request.rows);
    return copy;
  }
}
