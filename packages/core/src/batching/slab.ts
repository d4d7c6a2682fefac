import type { Admitted } from '../runner/door';
import { allocateData, bytesPerElement, type DataOf, type NumericData, viewData } from '../tensor/dtype';
import type { Tensor, Tensors } from '../tensor/tensor';
import type { BufferPool } from './buffer-pool';
import type { BatchLayout, InputLayout } from './layout';
import type { ShapeFit } from './shape-fit';

/** Memory into which the rows of requests are copied, once, when they arrive. */
export class Slab {
  readonly layout: BatchLayout;
  readonly capacity: number;
  readonly #data: DataOf[];
  readonly #buffers: ArrayBuffer[] = [];
  readonly #pool: BufferPool;
  readonly #onEmpty: ((slab: Slab) => void) | undefined;
  /** How requests were brought into their bucket, by their first row; undefined where the runner has none. */
  #fits: Map<number, ShapeFit> | undefined = undefined;
  #filled = 0;
  #holders = 0;
  #retired = false;

  /**
   * @param capacity rows that fit
   * @param onEmpty called when the last holder has released a slab that still takes rows
   */
  constructor(layout: BatchLayout, capacity: number, pool: BufferPool, onEmpty?: (slab: Slab) => void) {
    this.layout = layout;
    this.capacity = capacity;
    this.#pool = pool;
    this.#onEmpty = onEmpty;
    this.#data = layout.inputs.map((input) => this.#allocate(input));
  }

  /** Rows that still fit. */
  get room(): number {
    return this.#retired ? 0 : this.capacity - this.#filled;
  }

  /** Rows that are filled; the next ones begin there. */
  get filled(): number {
    return this.#filled;
  }

  /** Copies a request's rows to the end. */
  append({ tensors, rows, fit }: Admitted): void {
    const start = this.#filled;
    if (fit === undefined) {
      for (let index = 0; index < this.#data.length; index++) {
        const rowElements = (this.layout.inputs[index] as InputLayout).rowElements;
        copyInto(this.#data[index] as DataOf, (tensors[index] as Tensor).data, start * rowElements);
      }
    } else {
      fit.place(this.#data, tensors, start, rows);
      this.#fits ??= new Map();
      this.#fits.set(start, fit);
    }
    this.#filled += rows;
  }

  /** Somebody needs the memory until he has released it. */
  hold(): void {
    this.#holders++;
  }

  /** How the request that begins at a row was brought into its bucket; undefined where the runner has none. */
  fitAt(start: number): ShapeFit | undefined {
    return this.#fits?.get(start);
  }

  /** A view of consecutive rows, without copying. */
  view(start: number, rows: number): Tensors {
    const { inputs, hasRows } = this.layout;
    const tensors: Record<string, Tensor> = {};
    for (let index = 0; index < inputs.length; index++) {
      const { name, dtype, rowShape, rowElements } = inputs[index] as InputLayout;
      const shape = hasRows ? [rows, ...rowShape] : rowShape;
      const all = this.#data[index] as DataOf;
      const [from, to] = [start * rowElements, (start + rows) * rowElements];
      const data = Array.isArray(all) ? all.slice(from, to) : all.subarray(from, to);
      tensors[name] = { dtype, shape, data } as Tensor;
    }
    return tensors;
  }

  /** Copies rows from another slab of the same layout to the end. */
  appendFrom(source: Slab, start: number, rows: number): void {
    for (let index = 0; index < this.#data.length; index++) {
      const { rowElements } = this.layout.inputs[index] as InputLayout;
      const from = source.#data[index] as DataOf;
      const part = (from as NumericData).subarray?.(start * rowElements, (start + rows) * rowElements);
      copyInto(
        this.#data[index] as DataOf,
        part ?? (from as string[]).slice(start * rowElements, (start + rows) * rowElements),
        this.#filled * rowElements,
      );
    }
    this.#filled += rows;
  }

  /** Takes no further rows; the memory goes back once the last holder has released it. */
  retire(): void {
    this.#retired = true;
    if (this.#holders === 0) this.discard();
  }

  /** One holder is done. */
  release(): void {
    this.#holders--;
    if (this.#holders > 0) return;
    if (this.#retired) this.discard();
    else this.#onEmpty?.(this);
  }

  /** Gives the memory back. Nothing may hold the slab any more. */
  discard(): void {
    for (const buffer of this.#buffers) this.#pool.give(buffer);
    this.#buffers.length = 0;
    // Whoever still knows the slab must not keep the memory from being freed.
    this.#data.length = 0;
  }

  #allocate(input: InputLayout): DataOf {
    const length = this.capacity * input.rowElements;
    if (input.dtype === 'string') return allocateData('string', length);
    const buffer = this.#pool.take(length * bytesPerElement(input.dtype));
    this.#buffers.push(buffer);
    return viewData(input.dtype, buffer, 0, length);
  }
}

/** One method for all numeric arrays. Known by its name here, it need not be looked up in the class of each target. */
const setAll = Float32Array.prototype.set;

/** Copies a whole array to a place in another of the same dtype. */
export function copyInto(target: DataOf, source: DataOf, offset: number): void {
  if (Array.isArray(target)) {
    for (let index = 0; index < source.length; index++) target[offset + index] = source[index] as string;
    return;
  }
  // The door has checked that both arrays are of one dtype. No loop: a number that is read and written again can lose what bits of a NaN say.
  setAll.call(target as Float32Array, source as Float32Array, offset);
}
