import type { PointColumns } from '../store/run-store';

/**
 * Collects points in columns, so that logging one allocates nothing. When it is full, or when it is told to drain, it
 * hands its columns over and starts again; the receiver copies what it wants before it returns.
 */
export class MetricBuffer {
  readonly #onChunk: (points: PointColumns) => void;
  readonly #keyIds: Uint16Array;
  readonly #steps: Float64Array;
  readonly #timestamps: Float64Array;
  readonly #values: Float64Array;
  #keys: string[] = [];
  readonly #ids = new Map<string, number>();
  #count = 0;

  /** @param capacity points in a chunk, at most 65536 */
  constructor(capacity: number, onChunk: (points: PointColumns) => void) {
    this.#onChunk = onChunk;
    this.#keyIds = new Uint16Array(capacity);
    this.#steps = new Float64Array(capacity);
    this.#timestamps = new Float64Array(capacity);
    this.#values = new Float64Array(capacity);
  }

  /** Points that wait. */
  get count(): number {
    return this.#count;
  }

  /** When the oldest waiting point was logged, epoch milliseconds. */
  get oldest(): number | undefined {
    return this.#count === 0 ? undefined : this.#timestamps[0];
  }

  /** Whether a name was used in this chunk, so that it needs no second check. */
  knows(key: string): boolean {
    return this.#ids.has(key);
  }

  add(key: string, step: number, timestamp: number, value: number): void {
    let id = this.#ids.get(key);
    if (id === undefined) {
      id = this.#keys.length;
      this.#keys.push(key);
      this.#ids.set(key, id);
    }
    const at = this.#count++;
    this.#keyIds[at] = id;
    this.#steps[at] = step;
    this.#timestamps[at] = timestamp;
    this.#values[at] = value;
    if (this.#count === this.#values.length) this.drain();
  }

  /** Hands over what waits. */
  drain(): void {
    if (this.#count === 0) return;
    const points: PointColumns = {
      count: this.#count,
      keys: this.#keys,
      keyIds: this.#keyIds,
      steps: this.#steps,
      timestamps: this.#timestamps,
      values: this.#values,
    };
    this.#onChunk(points);
    this.#count = 0;
    this.#keys = [];
    this.#ids.clear();
  }
}
