import type { PointColumns } from '../store/run-store';

const number = new Float64Array(1);
const words = new Int32Array(number.buffer);

function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x5bd1e995);
  return mixed ^ (mixed >>> 15);
}

function mixNumber(hash: number, value: number): number {
  number[0] = value;
  return mix(mix(hash, words[0] as number), words[1] as number);
}

/** Which points were given, in which order, however they were cut into pieces: how many, and a hash of them. */
export class PointTrail {
  readonly #keyHashes = new Map<string, number>();
  #hash = 0x811c9dc5;
  count = 0;

  /** Adds points of a piece, from one index to before another. */
  add({ keys, keyIds, steps, timestamps, values }: PointColumns, from: number, to: number): void {
    const keyHashes = keys.map((key) => this.#hashOf(key));
    let hash = this.#hash;
    for (let i = from; i < to; i++) {
      hash = mix(hash, keyHashes[keyIds[i] as number] as number);
      hash = mixNumber(hash, steps[i] as number);
      hash = mixNumber(hash, timestamps[i] as number);
      hash = mixNumber(hash, values[i] as number);
    }
    this.#hash = hash;
    this.count += to - from;
  }

  /** Two trails of the same points in the same order have the same. */
  get mark(): string {
    return `${this.count} ${this.#hash}`;
  }

  #hashOf(key: string): number {
    let hash = this.#keyHashes.get(key);
    if (hash === undefined) {
      hash = key.length;
      for (let i = 0; i < key.length; i++) hash = mix(hash, key.charCodeAt(i));
      this.#keyHashes.set(key, hash);
    }
    return hash;
  }
}

/** The points of a piece from an index on. */
export function pointsFrom(piece: PointColumns, from: number): PointColumns {
  if (from === 0) return piece;
  return {
    count: piece.count - from,
    keys: piece.keys,
    keyIds: piece.keyIds.subarray(from),
    steps: piece.steps.subarray(from),
    timestamps: piece.timestamps.subarray(from),
    values: piece.values.subarray(from),
  };
}
