import { maskedCrc32c } from './crc32c';

/*
 * TensorBoard's event files: records of `length u64 | masked crc32c of it | data | masked crc32c of the data`, whose data
 * is the protocol buffer `tensorflow.Event`.
 */

/** How the value of a point is written. */
export type EventPrecision = 'single' | 'double';

const encoder = new TextEncoder();

/** A field of a protocol buffer that holds bytes. */
function lengthDelimited(field: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.byteLength, 0);
  const bytes = new Uint8Array(6 + length);
  bytes[0] = (field << 3) | 2;
  let at = writeVarint(bytes, 1, length);
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes.subarray(0, at);
}

/** Writes a whole number as int64, negative ones in their ten bytes. */
function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let to = at;
  if (value < 0) {
    for (let rest = BigInt.asUintN(64, BigInt(value)); ; rest >>= 7n) {
      if (rest < 0x80n) {
        bytes[to++] = Number(rest);
        return to;
      }
      bytes[to++] = Number(rest & 0x7fn) | 0x80;
    }
  }
  let rest = value;
  while (rest >= 0x80) {
    bytes[to++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  bytes[to++] = rest;
  return to;
}

/** The metadata by which TensorBoard knows that a tensor is a scalar. */
const scalarsMetadata = lengthDelimited(9, lengthDelimited(1, lengthDelimited(1, encoder.encode('scalars'))));

/** The head of a value: its name, and what stands before the number itself. */
function valueHead(
  tag: string,
  precision: EventPrecision,
): { readonly head: Uint8Array; readonly numberHead: Uint8Array } {
  const name = lengthDelimited(1, encoder.encode(tag));
  // simple_value, a float; or tensor { dtype: DT_DOUBLE, tensor_shape {}, double_val: [number] }.
  if (precision === 'single') return { head: name, numberHead: Uint8Array.of((2 << 3) | 5) };
  const head = new Uint8Array(name.byteLength + scalarsMetadata.byteLength);
  head.set(name);
  head.set(scalarsMetadata, name.byteLength);
  return { head, numberHead: Uint8Array.of((8 << 3) | 2, 14, 1 << 3, 2, (2 << 3) | 2, 0, (6 << 3) | 2, 8) };
}

/** Encodes one event file. */
export class EventFile {
  readonly #precision: EventPrecision;
  readonly #heads = new Map<string, { readonly head: Uint8Array; readonly numberHead: Uint8Array }>();
  #bytes = new Uint8Array(1 << 16);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** Begins with the event that says which version the file has. */
  constructor(startedAt: number, precision: EventPrecision) {
    this.#precision = precision;
    const version = lengthDelimited(3, encoder.encode('brain.Event:2'));
    const start = this.#open(9 + version.byteLength);
    const at = this.#time(start, startedAt);
    this.#bytes.set(version, at);
    this.#close(start, at + version.byteLength);
  }

  /** Bytes that wait to be taken. */
  get length(): number {
    return this.#length;
  }

  /** Adds a point. @param timestamp epoch milliseconds @param step a whole number */
  add(tag: string, step: number, timestamp: number, value: number): void {
    const { head, numberHead } = this.#headOf(tag);
    const width = this.#precision === 'single' ? 4 : 8;
    const valueLength = head.byteLength + numberHead.byteLength + width;
    const start = this.#open(9 + 11 + 12 + valueLength);
    const bytes = this.#bytes;
    let at = this.#time(start, timestamp);
    bytes[at] = 2 << 3;
    at = writeVarint(bytes, at + 1, step);
    bytes[at] = (5 << 3) | 2;
    at = writeVarint(bytes, at + 1, 1 + varintLength(valueLength) + valueLength);
    bytes[at] = (1 << 3) | 2;
    at = writeVarint(bytes, at + 1, valueLength);
    bytes.set(head, at);
    bytes.set(numberHead, at + head.byteLength);
    at += head.byteLength + numberHead.byteLength;
    if (width === 4) this.#view.setFloat32(at, value, true);
    else this.#view.setFloat64(at, value, true);
    this.#close(start, at + width);
  }

  /** What was encoded since the last call. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }

  #headOf(tag: string): { readonly head: Uint8Array; readonly numberHead: Uint8Array } {
    let heads = this.#heads.get(tag);
    if (heads === undefined) {
      heads = valueHead(tag, this.#precision);
      this.#heads.set(tag, heads);
    }
    return heads;
  }

  /** Makes room for a record of at most so many bytes; answers where its data begins. */
  #open(length: number): number {
    const needed = this.#length + 16 + length;
    if (needed > this.#bytes.byteLength) {
      const larger = new Uint8Array(Math.max(needed, this.#bytes.byteLength * 2));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return this.#length + 12;
  }

  #time(at: number, epochMs: number): number {
    this.#bytes[at] = (1 << 3) | 1;
    this.#view.setFloat64(at + 1, epochMs / 1000, true);
    return at + 9;
  }

  #close(start: number, end: number): void {
    const head = start - 12;
    const length = end - start;
    this.#view.setUint32(head, length, true);
    this.#view.setUint32(head + 4, 0, true);
    this.#view.setUint32(head + 8, maskedCrc32c(this.#bytes, head, head + 8), true);
    this.#view.setUint32(end, maskedCrc32c(this.#bytes, start, end), true);
    this.#length = end + 4;
  }
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++;
  return length;
}
