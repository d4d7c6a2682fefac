/*
 * How far the points of a metric are on the other side: their number, and a hash of them. A prefix that has another hash was
 * changed, as it is when the file of another writer arrives, which sorts before one that was sent.
 */

/** The first points of a metric. */
export interface PointMark {
  readonly count: number;
  /** Of their steps, timestamps and values in order: 16 hexadecimal digits. */
  readonly hash: string;
}

const number = new Float64Array(1);
const words = new Uint32Array(number.buffer);

/** A number of points, and their hash, as they pass by. 64 bits against accidents, not against an enemy. */
export class PointHash {
  count = 0;
  #low = 0x243f6a88;
  #high = 0x85a308d3;

  /** Takes the next point. */
  add(step: number, timestamp: number, value: number): void {
    this.count++;
    this.#mix(step);
    this.#mix(timestamp);
    this.#mix(value);
  }

  #mix(part: number): void {
    // A NaN has many forms, of which a store may keep another.
    number[0] = Number.isNaN(part) ? Number.NaN : part;
    for (let i = 0; i < 2; i++) {
      const word = words[i] as number;
      const low = Math.imul(this.#low ^ word, 0x9e3779b1);
      const high = Math.imul(this.#high ^ word, 0x85ebca77);
      this.#low = low ^ (high >>> 15);
      this.#high = high ^ (low >>> 13);
    }
  }

  /** Where it stands. */
  mark(): PointMark {
    const [low, high] = [this.#low, this.#high].map((half) => (half >>> 0).toString(16).padStart(8, '0'));
    return { count: this.count, hash: `${low}${high}` };
  }
}

/** A point as a text that only equal points share. */
export function pointText(step: number, timestamp: number, value: number): string {
  return `${step} ${timestamp} ${Object.is(value, -0) ? '-0' : value}`;
}
