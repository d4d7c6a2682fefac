import type { DataOf, DType } from '../dtype';
import { numberToHalf } from '../float16';
import { type NumberArray, parseNumbers } from './parse-numbers';

/**
 * The bytes of a JSON array of numbers that nobody has parsed yet, in place of the array. Whoever reads the elements of a tensor
 * knows where they go.
 */
export class NumberText {
  /** Whether it was read; what nobody reads, nobody has checked either. */
  wasRead = false;
  readonly #bytes: Uint8Array;
  readonly #from: number;
  readonly #to: number;

  /** The text between the brackets is `bytes[from, to)`. */
  constructor(bytes: Uint8Array, from: number, to: number) {
    this.#bytes = bytes;
    this.#from = from;
    this.#to = to;
  }

  /** Whether it is long enough to hold so many numbers: nothing is allocated that the text cannot fill. */
  canHold(count: number): boolean {
    return count <= (this.#to - this.#from + 1) / 2;
  }

  /**
   * Writes its numbers to `data[offset, offset + count)`.
   * @returns false where they are not `count` plain numbers that fit, which JSON.parse then has to read
   */
  read(dtype: DType, data: DataOf, offset: number, count: number): boolean {
    this.wasRead = true;
    switch (dtype) {
      case 'string':
      case 'bool':
        return false;
      case 'float16': {
        const values = new Float64Array(count);
        if (!this.#parse(values) || values.some((value) => Math.abs(value) >= 65520)) return false;
        for (let index = 0; index < count; index++) data[offset + index] = numberToHalf(values[index] as number);
        return true;
      }
      case 'int64':
      case 'uint64':
        return this.#readLong(data as BigInt64Array, offset, count, dtype === 'int64' ? Number.MIN_SAFE_INTEGER : 0);
      default:
        return this.#parse((data as Float32Array).subarray(offset, offset + count));
    }
  }

  #readLong(data: BigInt64Array, offset: number, count: number, lowest: number): boolean {
    const values = new Float64Array(count);
    if (!this.#parse(values)) return false;
    // Two 32-bit words cost a fraction of a BigInt.
    const words = new Int32Array(data.buffer, 8 * offset, 2 * count);
    for (let index = 0; index < count; index++) {
      const value = values[index] as number;
      if (!Number.isSafeInteger(value) || value < lowest) return false;
      words[2 * index + low] = value;
      words[2 * index + 1 - low] = Math.floor(value / 2 ** 32);
    }
    return true;
  }

  #parse(data: NumberArray): boolean {
    return parseNumbers(this.#bytes, this.#from, this.#to, data);
  }
}

/** Thrown when an array that was set aside turns out to be for JSON.parse after all. */
export const notPlain: unique symbol = Symbol('notPlain');

/** Which of the two words of a 64-bit integer is the lower one. */
const low = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 0 : 1;
