import type { Admitted } from '../runner/door';
import type { ModelSignature } from '../signature';
import type { Tensors } from '../tensor/tensor';
import { BufferPool } from './buffer-pool';
import { type Cohort, forEachPart } from './cohort';
import { type BatchLayout, createLayouts } from './layout';
import { OpenSlabs } from './open-slabs';
import { Slab } from './slab';

/** Bytes that released slabs may hold back for reuse. */
const pooledBytes = 64 * 2 ** 20;
/** A slab of large rows holds fewer of them than a batch, so that a few requests do not take the memory of a batch. */
const maxSlabBytes = 4 * 2 ** 20;

/** Cohorts in one piece of memory, ready for a session. */
export class CollatedBatch {
  readonly inputs: Tensors;
  readonly rows: number;
  readonly cohorts: readonly Cohort[];
  /** Its own copy of their rows, where they do not lie side by side. */
  readonly #copy: Slab | undefined;

  constructor(cohorts: readonly Cohort[], rows: number, copy: Slab | undefined) {
    const { slab, start } = cohorts[0] as Cohort;
    this.inputs = copy === undefined ? slab.view(start, rows) : copy.view(0, rows);
    this.rows = rows;
    this.cohorts = cohorts;
    this.#copy = copy;
  }

  /** Lets go of the memory of the batch and of its cohorts. */
  release(): void {
    this.releaseCopy();
    forEachPart(this.cohorts, (cohort) => cohort.slab.release());
  }

  /** Lets go of the batch's own copy only: its cohorts still need theirs. */
  releaseCopy(): void {
    this.#copy?.discard();
  }
}

/** Copies rows of requests into slabs as they come, and makes batches of them: a view where they lie side by side. */
export class Collator {
  readonly #pool: BufferPool;
  readonly #layoutOf: (request: Admitted, group?: string) => BatchLayout;
  /** Rows of a slab that several requests share; 1 where requests share none. */
  readonly #sharedRows: number;
  readonly #open = new OpenSlabs();

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

  /** A request as it is to be placed: as it is, or in a larger bucket where that is better. */
  bucketed(request: Admitted, group?: string): Admitted {
    if (request.fit === undefined || this.#open.get(this.#layoutOf(request, group)) !== undefined) return request;
    const larger = request.fit.joinLarger(request.rows, this.#open.values());
    return larger === undefined ? request : { ...request, ...larger };
  }

  /** How a request lies in memory. */
  layoutOf(request: Admitted, group?: string): BatchLayout {
    return this.#layoutOf(request, group);
  }

  /** Copies a request's rows to the end of the open slab of its layout. Whoever keeps them must hold the slab. */
  place(layout: BatchLayout, request: Admitted): Slab {
    let slab = this.#open.get(layout);
    if (slab === undefined || slab.room < request.rows) {
      slab?.retire();
      // One whose requests have all ended early is closed as well: a shape that never comes again must not keep memory.
      slab = new Slab(layout, this.#capacityFor(layout, request.rows), this.#pool, (empty) => this.#close(empty));
      this.#open.set(layout, slab);
    }
    slab.append(request);
    return slab;
  }

  /** Makes one batch of cohorts of one layout. */
  collate(cohorts: readonly Cohort[]): CollatedBatch {
    const [first] = cohorts as [Cohort];
    const { slab } = first;
    let rows = 0;
    let oneView = true;
    for (const cohort of cohorts) {
      if (cohort.slab !== slab || cohort.start !== first.start + rows) oneView = false;
      rows += cohort.rows;
    }
    const copy = oneView ? undefined : this.#gather(cohorts, rows);
    // What comes next begins at the start of a slab of its own, so that it too can go without copying.
    if (this.#open.get(slab.layout) === slab) this.#close(slab);
    return new CollatedBatch(cohorts, rows, copy);
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

  #gather(cohorts: readonly Cohort[], rows: number): Slab {
    const { layout } = (cohorts[0] as Cohort).slab;
    const copy = new Slab(layout, this.#capacityFor(layout, rows), this.#pool);
    for (const cohort of cohorts) copy.appendFrom(cohort.slab, cohort.start, cohort.rows);
    return copy;
  }
}
