import { wireTypes } from './reader';

/** Bytes of this many and more go into the message by reference until it is joined. */
const bigBytes = 1024;

/** Writes Protocol Buffers. What is big is copied once, when the whole is joined, however deep it lies. */
export class WireWriter {
  #parts: Uint8Array[] = [];
  /** Bytes of the parts. */
  #partBytes = 0;
  #small = Buffer.allocUnsafe(128);
  /** Where the part that is being written began, and how far it is. */
  #from = 0;
  #at = 0;

  get length(): number {
    return this.#partBytes + this.#at - this.#from;
  }

  tag(id: number, wireType: number): void {
    this.uint32(((id << 3) | wireType) >>> 0);
  }

  uint32(value: number): void {
    this.#reserve(5);
    this.#low(value >>> 0);
  }

  /** Negative numbers take ten bytes, as the format has it. */
  int32(value: number): void {
    if (value >= 0) this.uint32(value);
    else this.pair(value >>> 0, 0xffff_ffff);
  }

  /** A whole number, signed or not. */
  int64(value: number): void {
    if (value >= 0 && value < 2 ** 32) {
      this.uint32(value);
      return;
    }
    const high = Math.floor(value / 2 ** 32);
    this.pair((value - high * 2 ** 32) >>> 0, high >>> 0);
  }

  /** 64 bits given by their halves. */
  pair(low: number, high: number): void {
    this.#reserve(10);
    let [rest, above] = [low >>> 0, high >>> 0];
    while (above !== 0) {
      this.#small[this.#at++] = (rest & 127) | 128;
      rest = ((rest >>> 7) | (above << 25)) >>> 0;
      above >>>= 7;
    }
    this.#low(rest);
  }

  bool(value: boolean): void {
    this.uint32(value ? 1 : 0);
  }

  float(value: number): void {
    this.#reserve(4);
    this.#at = this.#small.writeFloatLE(value, this.#at);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#at = this.#small.writeDoubleLE(value, this.#at);
  }

  string(value: string): void {
    const length = Buffer.byteLength(value);
    this.uint32(length);
    this.#reserve(length);
    this.#at += this.#small.write(value, this.#at, length, 'utf8');
  }

  /** A length and so many bytes, which must not change until the message is joined. */
  bytes(value: Uint8Array): void {
    this.uint32(value.byteLength);
    if (value.byteLength >= bigBytes) {
      this.#flush();
      this.#append(value);
      return;
    }
    this.#reserve(value.byteLength);
    this.#small.set(value, this.#at);
    this.#at += value.byteLength;
  }

  /** A field that holds a message. */
  message(id: number, write: (writer: WireWriter) => void): void {
    const inner = new WireWriter();
    write(inner);
    inner.#flush();
    this.tag(id, wireTypes.bytes);
    this.uint32(inner.#partBytes);
    if (inner.#partBytes < bigBytes) {
      this.#reserve(inner.#partBytes);
      for (const part of inner.#parts) {
        this.#small.set(part, this.#at);
        this.#at += part.byteLength;
      }
      return;
    }
    this.#flush();
    for (const part of inner.#parts) this.#append(part);
  }

  /** The whole message. */
  join(): Buffer {
    this.#flush();
    if (this.#parts.length === 1) {
      const [part] = this.#parts as [Uint8Array];
      return Buffer.from(part.buffer, part.byteOffset, part.byteLength);
    }
    return Buffer.concat(this.#parts, this.#partBytes);
  }

  #low(value: number): void {
    let rest = value;
    while (rest > 127) {
      this.#small[this.#at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.#small[this.#at++] = rest;
  }

  #append(part: Uint8Array): void {
    this.#parts.push(part);
    this.#partBytes += part.byteLength;
  }

  #flush(): void {
    if (this.#at === this.#from) return;
    this.#append(this.#small.subarray(this.#from, this.#at));
    this.#from = this.#at;
  }

  #reserve(length: number): void {
    if (this.#at + length <= this.#small.byteLength) return;
    this.#flush();
    this.#small = Buffer.allocUnsafe(Math.max(length, Math.min(65_536, this.#small.byteLength * 2)));
    this.#from = 0;
    this.#at = 0;
  }
}
