import { type WireReader, wireTypes } from './reader';
import type { FieldType, GivenOf, MessageType } from './types';
import { tooMany } from './wire-error';
import type { WireWriter } from './writer';

/** Strings and messages that a repeated field may have, where it says nothing else. */
const maxItems = 4096;

type ScalarName = 'bool' | 'int32' | 'uint32' | 'int64' | 'uint64' | 'float' | 'double' | 'string' | 'bytes';

interface Scalar<T> {
  readonly wireType: number;
  readonly none: T;
  read(reader: WireReader): T;
  write(writer: WireWriter, value: T): void;
}

const noBytes = Buffer.alloc(0);

const scalars = {
  bool: {
    wireType: wireTypes.varint,
    none: false,
    read: (r) => r.bool(),
    write: (w, v) => w.bool(v),
  } as Scalar<boolean>,
  int32: { wireType: wireTypes.varint, none: 0, read: (r) => r.int32(), write: (w, v) => w.int32(v) } as Scalar<number>,
  uint32: {
    wireType: wireTypes.varint,
    none: 0,
    read: (r) => r.uint32(),
    write: (w, v) => w.uint32(v),
  } as Scalar<number>,
  int64: { wireType: wireTypes.varint, none: 0, read: (r) => r.int64(), write: (w, v) => w.int64(v) } as Scalar<number>,
  uint64: {
    wireType: wireTypes.varint,
    none: 0,
    read: (r) => r.uint64(),
    write: (w, v) => w.int64(v),
  } as Scalar<number>,
  float: {
    wireType: wireTypes.fixed32,
    none: 0,
    read: (r) => r.float(),
    write: (w, v) => w.float(v),
  } as Scalar<number>,
  double: {
    wireType: wireTypes.fixed64,
    none: 0,
    read: (r) => r.double(),
    write: (w, v) => w.double(v),
  } as Scalar<number>,
  string: {
    wireType: wireTypes.bytes,
    none: '',
    read: (r) => r.string(),
    write: (w, v) => w.string(v),
  } as Scalar<string>,
  bytes: {
    wireType: wireTypes.bytes,
    none: noBytes,
    read: (r) => r.bytes(),
    write: (w, v) => w.bytes(v),
  } as Scalar<Uint8Array>,
};

type ScalarValue<N extends ScalarName> = (typeof scalars)[N] extends Scalar<infer T> ? T : never;

function scalarOf<N extends ScalarName>(name: N): Scalar<ScalarValue<N>> {
  return scalars[name] as unknown as Scalar<ScalarValue<N>>;
}

/** One value; the last that is sent counts. 64-bit integers are numbers, and no safe ones past 2^53. */
export function scalar<N extends ScalarName>(name: N, id: number): FieldType<ScalarValue<N>> {
  const { wireType, none, read, write } = scalarOf(name);
  return {
    id,
    declared: name,
    wireTypes: [wireType],
    initial: () => none,
    read,
    write(writer, value) {
      if (value === none || (name === 'bytes' && (value as Uint8Array).byteLength === 0)) return;
      writer.tag(id, wireType);
      write(writer, value as ScalarValue<N>);
    },
  };
}

/** A value that may be absent, which is not the same as nothing: a member of a `oneof`. */
export function optional<N extends ScalarName>(name: N, id: number): FieldType<ScalarValue<N> | undefined> {
  const { wireType, read, write } = scalarOf(name);
  return {
    id,
    declared: name,
    wireTypes: [wireType],
    initial: () => undefined,
    read,
    write(writer, value) {
      writer.tag(id, wireType);
      write(writer, value as ScalarValue<N>);
    },
  };
}

/** A number that stands for a name. @param declared the enumeration */
export function enumeration(declared: string, id: number): FieldType<number> {
  return { ...scalar('int32', id), declared };
}

/** Strings, bytes, or numbers of which there are few, such as a shape. */
export function repeated<N extends ScalarName>(name: N, id: number): FieldType<readonly ScalarValue<N>[]> {
  const { wireType, read, write } = scalarOf(name);
  const isPacked = wireType !== wireTypes.bytes;
  return {
    id,
    declared: `repeated ${name}`,
    wireTypes: isPacked ? [wireType, wireTypes.bytes] : [wireType],
    initial: () => [],
    read(reader, given, known) {
      const items = known as ScalarValue<N>[];
      const limit = name === 'bytes' ? reader.maxElements : Math.min(maxItems, reader.maxElements);
      const push = (): void => {
        if (items.length >= limit) throw tooMany('elements in a field', limit);
        items.push(read(reader));
      };
      if (given === wireType) push();
      else {
        const outer = reader.enter();
        while (!reader.isDone) push();
        reader.leave(outer);
      }
      return items;
    },
    write(writer, value) {
      const items = value as readonly ScalarValue<N>[];
      if (items.length === 0) return;
      if (isPacked) {
        writer.message(id, (inner) => {
          for (const item of items) write(inner, item);
        });
        return;
      }
      for (const item of items) {
        writer.tag(id, wireType);
        write(writer, item);
      }
    },
  };
}

/** A message inside a message. Sent twice, the parts are not merged: the last counts, which no client of ours relies on. */
export function one<T>(type: MessageType<T>, id: number): FieldType<T | undefined> {
  return {
    id,
    declared: type.name,
    wireTypes: [wireTypes.bytes],
    initial: () => undefined,
    read: (reader) => readInner(type, reader),
    write: (writer, value) => writer.message(id, (inner) => type.write(inner, value as GivenOf<T>)),
  };
}

/** Messages in order. @param limit how many there may be */
export function many<T>(type: MessageType<T>, id: number, limit: number = maxItems): FieldType<readonly T[]> {
  return {
    id,
    declared: `repeated ${type.name}`,
    wireTypes: [wireTypes.bytes],
    initial: () => [],
    read(reader, _wireType, known) {
      const items = known as T[];
      if (items.length >= limit) throw tooMany(`messages ${type.name}`, limit);
      items.push(readInner(type, reader));
      return items;
    },
    write(writer, value) {
      for (const item of value as readonly GivenOf<T>[]) writer.message(id, (inner) => type.write(inner, item));
    },
  };
}

/** A map from strings to messages; the last entry of a key counts. */
export function mapOf<T>(type: MessageType<T>, id: number): FieldType<ReadonlyMap<string, T>> {
  const key = scalar('string', 1);
  const entryValue = one(type, 2);
  return {
    id,
    declared: `map<string, ${type.name}>`,
    wireTypes: [wireTypes.bytes],
    initial: () => new Map(),
    read(reader, _wireType, known) {
      const entries = known as Map<string, T>;
      if (entries.size >= maxItems) throw tooMany('entries in a map', maxItems);
      const outer = reader.enter();
      let name = '';
      let value: T | undefined;
      while (!reader.isDone) {
        const tag = reader.tag();
        if (tag === ((1 << 3) | wireTypes.bytes)) name = reader.string();
        else if (tag === ((2 << 3) | wireTypes.bytes)) value = readInner(type, reader);
        else reader.skip(tag & 7);
      }
      reader.leave(outer);
      // An entry without a value has an empty one.
      entries.set(name, value ?? type.decode(noBytes, 0));
      return entries;
    },
    write(writer, value) {
      for (const [name, item] of value as ReadonlyMap<string, T>) {
        writer.message(id, (inner) => {
          key.write(inner, name);
          entryValue.write(inner, item);
        });
      }
    },
  };
}

function readInner<T>(type: MessageType<T>, reader: WireReader): T {
  const outer = reader.enter();
  const value = type.read(reader);
  reader.leave(outer);
  return value;
}
