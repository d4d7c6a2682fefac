import {
  Bool,
  Dictionary,
  Field,
  FixedSizeList,
  Float32,
  Int32,
  List,
  Struct,
  Table,
  TimestampMillisecond,
  tableToIPC,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import { expect, test } from 'vitest';
import { checkedMessages } from './arrow-messages';
import { bodyLengthOf } from './arrow-metadata';

const whole = tableToIPC(
  new Table({
    flag: vectorFromArray([true, null, false], new Bool()),
    word: vectorFromArray(['a', 'b', 'a'], new Dictionary(new Utf8(), new Int32())),
    list: vectorFromArray([[1], [], [2, 3]], new List(new Field('item', new Float32(), true))),
    pair: vectorFromArray([[1, 2], [3, 4], null], new FixedSizeList(2, new Field('item', new Float32(), true))),
    inner: vectorFromArray([{ a: 1 }, { a: 2 }, { a: 3 }], new Struct([new Field('a', new Float32(), true)])),
    at: vectorFromArray([0, 1, 2], new TimestampMillisecond()),
  }),
  'stream',
);

/** The metadata of each message, as the stream has them: behind 8 bytes, and before the body. */
function messages(): Uint8Array[] {
  const found: Uint8Array[] = [];
  const view = new DataView(whole.buffer, whole.byteOffset, whole.byteLength);
  for (let at = 0; view.getUint32(at + 4, true) > 0; ) {
    const length = view.getUint32(at + 4, true);
    const metadata = whole.subarray(at + 8, at + 8 + length);
    found.push(metadata);
    at += 8 + length + (bodyLengthOf(metadata) ?? Number.NaN);
  }
  return found;
}

test('a stream is followed from message to message, whatever its columns are', () => {
  // A schema, a dictionary and a batch.
  expect(messages().map((metadata) => bodyLengthOf(metadata) === 0)).toEqual([true, false, false]);
});

test('metadata that is cut short anywhere, or empty, is told', () => {
  for (const metadata of messages()) {
    for (let length = 0; length < metadata.length - 64; length++) {
      expect(bodyLengthOf(metadata.subarray(0, length))).toBeUndefined();
    }
  }
});

test('tables within tables without an end are told', () => {
  // A root, whose table is its own header: an offset of 0 leads to itself, and one backwards does not exist.
  for (const number of [0, 0xff_ff_ff_ff, 0x80_00_00_00]) {
    const bytes = new Uint8Array(64);
    new DataView(bytes.buffer).setUint32(0, number, true);
    expect(bodyLengthOf(bytes)).toBeUndefined();
  }
});

test('the bytes that come out are those that went in, in pieces of any size', async () => {
  for (const size of [1, 7, 64, whole.length]) {
    const out: number[] = [];
    async function* pieces() {
      for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size);
    }
    for await (const piece of checkedMessages(pieces(), 100_000, (given) => new Error(given))) out.push(...piece);
    expect(Uint8Array.from(out)).toEqual(Uint8Array.from(whole));
  }
});

test('metadata of more bytes than may be held is refused before they come', async () => {
  async function* pieces() {
    yield Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0x40);
    throw new Error('asked for more');
  }
  const read = async () => {
    for await (const piece of checkedMessages(pieces(), 1000, (given) => new Error(given))) expect(piece).toBeDefined();
  };
  await expect(read()).rejects.toThrow('a message of more bytes than a batch may have');
});
