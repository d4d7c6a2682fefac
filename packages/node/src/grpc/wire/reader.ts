import { isUtf8 } from 'node:buffer';
import { malformed } from './wire-error';

/** How a field lies on the wire: the low three bits of its tag. */
export const wireTypes = { varint: 0, fixed64: 1, bytes: 2, groupStart: 3, groupEnd: 4, fixed32: 5 } as const;

/** Groups inside groups that are passed over; nothing that we read has any. */
const maxGroups = 32;

/**
 * Reads Protocol Buffers from a buffer. Strings and numbers are made anew, bytes are views: nothing is copied twice, and nothing is
 * allocated by a length before it is known that so many bytes are there.
 */
export class WireReader {
  readonly #bytes: Buffer;
  /** Elements that one repeated field of numbers, strings or bytes may have. */
  readonly maxElements: number;
  #at = 0;
  #end: number;
  #low = 0;
  #high = 0;

  constructor(bytes: Uint8Array, maxElements: number) {
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = bytes.byteLength;
    this.maxElements = maxElements;
  }

  /** Whether the message that is being read has ended. */
  get isDone(): boolean {
    return this.#at >= this.#end;
  }

  /** Goes into a message inside this one; what comes back goes to {@link leave}. */
  enter(): number {
    const outer = this.#end;
    const length = this.length();
    this.#end = this.#at + length;
    return outer;
  }

  leave(outer: number): void {
    this.#at = this.#end;
    this.#end = outer;
  }

  /** Number and wire type of the next field, in one number as they lie there. */
  tag(): number {
    this.#varint();
    if (this.#high !== 0 || this.#low >>> 3 === 0) throw malformed('a field has no number');
    return this.#low >>> 0;
  }

  /** Signed, of 32 bits; longer ones lose what is above. */
  int32(): number {
    this.#varint();
    return this.#low | 0;
  }

  uint32(): number {
    this.#varint();
    return this.#low >>> 0;
  }

  bool(): boolean {
    this.#varint();
    return this.#low !== 0 || this.#high !== 0;
  }

  /** Signed, of 64 bits; past 2^53 it is near what was sent, and no safe integer. */
  int64(): number {
    this.#varint();
    return (this.#high | 0) * 2 ** 32 + (this.#low >>> 0);
  }

  uint64(): number {
    this.#varint();
    return (this.#high >>> 0) * 2 ** 32 + (this.#low >>> 0);
  }

  /** Puts 64 bits into two elements of an array, the low ones first. */
  pair(into: Uint32Array, index: number): void {
    this.#varint();
    into[index] = this.#low;
    into[index + 1] = this.#high;
  }

  float(): number {
    return this.#bytes.readFloatLE(this.#advance(4));
  }

  double(): number {
    return this.#bytes.readDoubleLE(this.#advance(8));
  }

  /** The next length, of which is known that so many bytes follow. */
  length(): number {
    this.#varint();
    const length = this.#low >>> 0;
    if (this.#high !== 0 || length > this.#end - this.#at) throw malformed('a length goes past its end');
    return length;
  }

  /** The next so many bytes, as a view. */
  take(length: number): Buffer {
    const from = this.#advance(length);
    return this.#bytes.subarray(from, from + length);
  }

  /** A field of bytes, as a view. */
  bytes(): Buffer {
    return this.take(this.length());
  }

  string(): string {
    const length = this.length();
    const from = this.#advance(length);
    const text = this.#bytes.toString('utf8', from, from + length);
    // What is no UTF-8 was replaced; the character itself may have been sent too.
    if (text.includes('\ufffd') && !isUtf8(this.#bytes.subarray(from, from + length)))
      throw malformed('a string is no UTF-8');
    return text;
  }

  /** Bytes that are left of the message that is being read. */
  get left(): number {
    return this.#end - this.#at;
  }

  /** How many varints are left of it: each ends with a byte below 128. */
  countVarints(): number {
    let count = 0;
    for (let at = this.#at; at < this.#end; at++) if ((this.#bytes[at] as number) < 128) count++;
    return count;
  }

  /** Passes over a field that nobody asked for. */
  skip(wireType: number, depth = 0): void {
    switch (wireType) {
      case wireTypes.varint:
        this.#varint();
        return;
      case wireTypes.fixed64:
        this.#advance(8);
        return;
      case wireTypes.bytes:
        this.take(this.length());
        return;
      case wireTypes.fixed32:
        this.#advance(4);
        return;
      case wireTypes.groupStart:
        if (depth >= maxGroups) throw malformed('groups lie too deep');
        while (true) {
          const inner = this.tag() & 7;
          if (inner === wireTypes.groupEnd) return;
          this.skip(inner, depth + 1);
        }
      default:
        throw malformed(`a field is of wire type ${wireType}`);
    }
  }

  #advance(length: number): number {
    const from = this.#at;
    if (length > this.#end - from) throw malformed('it ends inside a field');
    this.#at = from + length;
    return from;
  }

  /** Leaves the 64 bits of the next varint in two numbers, since one would not hold them. */
  #varint(): void {
    const bytes = this.#bytes;
    let low = 0;
    let high = 0;
    for (let index = 0; index < 10; index++) {
      if (this.#at >= this.#end) throw malformed('it ends inside a number');
      const byte = bytes[this.#at++] as number;
      const bits = byte & 127;
      if (index < 4) low |= bits << (7 * index);
      else if (index === 4) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (7 * index - 32);
      if (byte < 128) {
        this.#low = low;
        this.#high = high;
        return;
      }
    }
    throw malformed('a number has more than ten bytes');
  }
}
