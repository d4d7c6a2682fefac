/** One field of a message of Protocol Buffers: its number, and a number or the bytes of what is nested. */
export type WireField =
  | { readonly number: number; readonly value: number }
  | { readonly number: number; readonly bytes: Uint8Array };

/**
 * Reads the fields of a message in their order, without copying. Fields that are neither a varint nor of a length are
 * passed over.
 * @throws RangeError when the bytes are no such message
 */
export function* fieldsOf(message: Uint8Array): Generator<WireField> {
  let offset = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; scale < 2 ** 70; scale *= 128) {
      const byte = message[offset++];
      if (byte === undefined) throw new RangeError('The message ends within a number.');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new RangeError('A number has more than ten bytes.');
  };
  const take = (length: number): Uint8Array => {
    const start = offset;
    offset += length;
    if (offset > message.length) throw new RangeError('A field is longer than its message.');
    return message.subarray(start, offset);
  };
  while (offset < message.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0:
        yield { number, value: varint() };
        break;
      case 1:
        take(8);
        break;
      case 2:
        yield { number, bytes: take(varint()) };
        break;
      case 5:
        take(4);
        break;
      default:
        throw new RangeError(`There is no wire type ${tag % 8}.`);
    }
  }
}
