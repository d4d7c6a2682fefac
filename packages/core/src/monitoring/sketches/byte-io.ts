import { corruptState } from './state-checks';

/** Writes bytes one after the other, little-endian; the buffer grows. */
export class ByteWriter {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  #reserve(more: number): number {
    const at = this.#length;
    this.#length += more;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }

  byte(value: number): void {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
  }

  /** A whole number from 0 to 2⁵³ − 1: seven bits a byte, low ones first. */
  whole(value: number): void {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.byte((rest % 128) | 128);
    this.byte(rest);
  }

  double(value: number): void {
    const at = this.#reserve(8);
    this.#view.setFloat64(at, value, true);
  }

  float(value: number): void {
    const at = this.#reserve(4);
    this.#view.setFloat32(at, value, true);
  }

  /** A text as its UTF-16 units, so that halves of surrogate pairs come back too. */
  text(value: string): void {
    this.whole(value.length);
    const at = this.#reserve(2 * value.length);
    for (let i = 0; i < value.length; i++) this.#view.setUint16(at + 2 * i, value.charCodeAt(i), true);
  }

  bytes(values: Uint8Array): void {
    const at = this.#reserve(values.length);
    this.#bytes.set(values, at);
  }

  /** Writes the checksum of all that was written, and hands over the bytes. */
  finish(): Uint8Array {
    const sum = checksum(this.#bytes.subarray(0, this.#length));
    const at = this.#reserve(4);
    this.#view.setUint32(at, sum, true);
    return this.#bytes.slice(0, this.#length);
  }
}

/** Reads what a {@link ByteWriter} wrote. Every step fails with `STORE_CORRUPT` where the bytes end too soon. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #field: string;
  #at = 0;

  /** @throws FairleadError `STORE_CORRUPT` when the checksum at the end is wrong */
  constructor(bytes: Uint8Array, field: string) {
    this.#field = field;
    const length = bytes.byteLength - 4;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (length < 0) throw corruptState(field, 'bytes with a checksum', `${bytes.byteLength} bytes`);
    const body = bytes.subarray(0, length);
    if (checksum(body) !== view.getUint32(length, true)) {
      throw corruptState(field, 'bytes that agree with their checksum', 'others');
    }
    this.#bytes = body;
    this.#view = view;
  }

  /** Bytes that are left. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  #advance(bytes: number): number {
    if (bytes > this.left) throw corruptState(this.#field, `${bytes} bytes more`, `${this.left}`);
    const at = this.#at;
    this.#at += bytes;
    return at;
  }

  byte(): number {
    return this.#bytes[this.#advance(1)] as number;
  }

  whole(): number {
    let value = 0;
    for (let weight = 1; ; weight *= 128) {
      const byte = this.byte();
      value += (byte & 127) * weight;
      if (value > Number.MAX_SAFE_INTEGER) throw corruptState(this.#field, 'whole numbers below 2^53', 'a larger one');
      if (byte < 128) {
        if (byte === 0 && weight > 1) throw corruptState(this.#field, 'numbers in their shortest form', 'a longer one');
        return value;
      }
      if (weight > 2 ** 49) throw corruptState(this.#field, 'whole numbers below 2^53', 'a larger one');
    }
  }

  /** A number of things of so many bytes each, at least: as many as can be there. */
  length(bytesEach: number): number {
    const count = this.whole();
    if (count * bytesEach > this.left) {
      throw corruptState(this.#field, `at most ${Math.floor(this.left / bytesEach)} elements`, String(count));
    }
    return count;
  }

  double(): number {
    return this.#view.getFloat64(this.#advance(8), true);
  }

  float(): number {
    return this.#view.getFloat32(this.#advance(4), true);
  }

  text(): string {
    const length = this.length(2);
    const at = this.#advance(2 * length);
    let text = '';
    for (let i = 0; i < length; i++) text += String.fromCharCode(this.#view.getUint16(at + 2 * i, true));
    return text;
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    const at = this.#advance(length);
    return Uint8Array.from(this.#bytes.subarray(at, at + length));
  }

  /** @throws FairleadError `STORE_CORRUPT` when bytes are left */
  end(): void {
    if (this.left > 0) throw corruptState(this.#field, 'no more bytes', `${this.left} more`);
  }
}

/** FNV-1a of 32 bits: against accidents, not against intent. */
function checksum(bytes: Uint8Array): number {
  let sum = 0x811c9dc5;
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193);
  return sum >>> 0;
}
