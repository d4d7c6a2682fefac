/*
 * What an Arrow message says of itself is a FlatBuffers table, which the library reads without a look at where it ends: a length of a
 * vector that one bit makes a million is a million reads past the end, and nobody else is answered meanwhile. So the lengths and places
 * in it are held against the bytes that are there, before the library sees them. The names are those of Arrow's Schema.fbs and
 * Message.fbs; numbers and flags need no look, since what the library makes of them is checked behind it.
 */

/** What stands in a slot of a table. */
type Slot =
  | { readonly kind: 'text' }
  | { readonly kind: 'table'; readonly of: () => Table }
  | { readonly kind: 'union'; readonly of: (type: number) => Table | undefined }
  | { readonly kind: 'tables'; readonly of: () => Table }
  | { readonly kind: 'values'; readonly bytes: number };

/** Slots of a table by their number; of a union the slot before it has the type. */
type Table = Readonly<Record<number, Slot>>;

const text: Slot = { kind: 'text' };
const numbersAlone: Table = {};
const keyValue: Table = { 0: text, 1: text };
const metadata: Slot = { kind: 'tables', of: () => keyValue };
const dictionaryEncoding: Table = { 1: { kind: 'table', of: () => numbersAlone } };
const field: Table = {
  0: text,
  3: { kind: 'union', of: (type) => (type === 14 ? unionType : type === 10 ? timestamp : numbersAlone) },
  4: { kind: 'table', of: () => dictionaryEncoding },
  5: { kind: 'tables', of: () => field },
  6: metadata,
};
const unionType: Table = { 1: { kind: 'values', bytes: 4 } };
const timestamp: Table = { 1: text };
const schema: Table = { 1: { kind: 'tables', of: () => field }, 2: metadata, 3: { kind: 'values', bytes: 8 } };
const recordBatch: Table = {
  1: { kind: 'values', bytes: 16 },
  2: { kind: 'values', bytes: 16 },
  3: { kind: 'table', of: () => numbersAlone },
  4: { kind: 'values', bytes: 8 },
};
const dictionaryBatch: Table = { 1: { kind: 'table', of: () => recordBatch } };
const headers: Readonly<Record<number, Table>> = { 1: schema, 2: dictionaryBatch, 3: recordBatch };
const message: Table = { 2: { kind: 'union', of: (type) => headers[type] }, 4: metadata };

/** Tables within tables; no column is nested so deep. */
const maxDepth = 64;

/** The message is not what it says: thrown here, caught here. */
const broken = Symbol('broken');

/**
 * Looks through the metadata of a message.
 * @returns the bytes of the body behind it; `undefined` where something in it does not lie within it
 */
export function bodyLengthOf(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Every table of its own takes more bytes than that; more are the same ones again and again.
  let tablesLeft = bytes.length / 4;

  const at = (place: number, length: number): number => {
    if (place < 0 || place + length > view.byteLength) throw broken;
    return place;
  };
  /** Where an offset leads to: forwards, and never to itself. */
  const follow = (place: number): number => {
    const offset = view.getUint32(at(place, 4), true);
    if (offset === 0) throw broken;
    return place + offset;
  };
  /** Where the elements of a vector or a text begin, and how many there are. */
  const vectorAt = (place: number, elementBytes: number): readonly [start: number, length: number] => {
    const start = follow(place);
    const length = view.getUint32(at(start, 4), true);
    at(start + 4, length * elementBytes);
    return [start + 4, length];
  };
  const slotOf = (table: number, slot: number): number | undefined => {
    const vtable = at(table - view.getInt32(at(table, 4), true), 4);
    const size = view.getUint16(vtable, true);
    at(vtable, size);
    const entry = 4 + 2 * slot;
    const offset = entry + 2 <= size ? view.getUint16(vtable + entry, true) : 0;
    return offset === 0 ? undefined : at(table + offset, 1);
  };
  const checkTable = (table: number, of: Table, depth: number): void => {
    if (depth > maxDepth || tablesLeft-- <= 0) throw broken;
    for (const [number, slot] of Object.entries(of)) {
      const place = slotOf(table, Number(number));
      if (place !== undefined) checkSlot(table, Number(number), place, slot, depth);
    }
  };
  const checkSlot = (table: number, number: number, place: number, slot: Slot, depth: number): void => {
    if (slot.kind === 'text') vectorAt(place, 1);
    else if (slot.kind === 'values') vectorAt(place, slot.bytes);
    else if (slot.kind === 'table') checkTable(follow(place), slot.of(), depth + 1);
    else if (slot.kind === 'union') {
      const type = slotOf(table, number - 1);
      const of = slot.of(type === undefined ? 0 : view.getUint8(type));
      if (of !== undefined) checkTable(follow(place), of, depth + 1);
    } else {
      const [start, length] = vectorAt(place, 4);
      for (let index = 0; index < length; index++) checkTable(follow(start + 4 * index), slot.of(), depth + 1);
    }
  };

  try {
    const root = follow(0);
    checkTable(root, message, 0);
    const place = slotOf(root, 3);
    const length = place === undefined ? 0 : Number(view.getBigInt64(at(place, 8), true));
    return Number.isSafeInteger(length) && length >= 0 ? length : undefined;
  } catch (error) {
    if (error === broken) return undefined;
    throw error;
  }
}
