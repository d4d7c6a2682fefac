import { bodyLengthOf } from './arrow-metadata';

/** What a stream is refused for, in words that follow "given". */
type Refuse = (given: string) => Error;

/** Stands before the length of a message's metadata, but in streams of Arrow before 0.15. */
const continuation = 0xff_ff_ff_ff;

/**
 * The same bytes, but what a message says of itself comes in one piece and was looked through before.
 *
 * @param maxBytes of the metadata of one message
 * @throws what `refuse` makes, and what the pieces throw
 */
export async function* checkedMessages(
  pieces: AsyncIterable<Uint8Array>,
  maxBytes: number,
  refuse: Refuse,
): AsyncGenerator<Uint8Array> {
  /** Of the message under way: its prefix and metadata so far, and the bytes of its body that are to come. */
  let head = createBytes();
  let bodyLeft = 0;
  for await (const piece of pieces) {
    let rest = piece;
    while (rest.byteLength > 0) {
      if (bodyLeft > 0) {
        const body = rest.subarray(0, bodyLeft);
        bodyLeft -= body.byteLength;
        rest = rest.subarray(body.byteLength);
        yield body;
        continue;
      }
      const missing = headLength(head.read(), maxBytes, refuse) - head.read().byteLength;
      head.add(rest.subarray(0, missing));
      rest = rest.subarray(missing);
      const given = head.read();
      const length = headLength(given, maxBytes, refuse);
      if (given.byteLength < length) continue;
      const prefix = prefixLength(given);
      if (length > prefix) {
        const found = bodyLengthOf(given.subarray(prefix));
        if (found === undefined) throw refuse('a message whose parts do not lie within it');
        bodyLeft = found;
      }
      yield given;
      head = createBytes();
    }
  }
  if (head.read().byteLength > 0) yield head.read();
}

function prefixLength(head: Uint8Array): 4 | 8 {
  return head.byteLength >= 4 && wordAt(head, 0) === continuation ? 8 : 4;
}

/** How long prefix and metadata are, as far as that is known by these bytes. */
function headLength(head: Uint8Array, maxBytes: number, refuse: Refuse): number {
  const prefix = prefixLength(head);
  if (head.byteLength < prefix) return prefix;
  const length = wordAt(head, prefix - 4);
  if (length > maxBytes) throw refuse('a message of more bytes than a batch may have');
  return prefix + length;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset + at, 4).getUint32(0, true);
}

/** Bytes that come one after another; their room grows with those that came, never with what they say is to come. */
function createBytes() {
  let room = new Uint8Array(512);
  let length = 0;
  return {
    add(more: Uint8Array): void {
      const needed = length + more.byteLength;
      if (needed > room.byteLength) {
        const larger = new Uint8Array(Math.max(needed, 2 * room.byteLength));
        larger.set(room.subarray(0, length));
        room = larger;
      }
      room.set(more, length);
      length = needed;
    },
    read: () => room.subarray(0, length),
  };
}
