import { type WireReader, wireTypes } from './reader';
import type { FieldType } from './types';
import { malformed, tooMany } from './wire-error';
import type { WireWriter } from './writer';

/*
 * Repeated numbers as typed arrays. Floats lie on the wire as they do in memory and are copied as a block; the others are varints. Arrays
 * grow by doubling, so that a field sent in a thousand pieces costs no more than one sent whole.
 */

interface ArrayTypes {
  bool: Uint8Array;
  int32: Int32Array;
  uint32: Uint32Array;
  int64: BigInt64Array;
  uint64: BigUint64Array;
  float: Float32Array;
  double: Float64Array;
}

const constructors: { readonly [Name in keyof ArrayTypes]: new (size: number) => ArrayTypes[Name] } = {
  bool: Uint8Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float: Float32Array,
  double: Float64Array,
};

/** An array that is being filled. */
interface Growing<A> {
  data: A;
  length: number;
}

/** A repeated field of numbers, as a typed array. */
export function numbers<N extends keyof ArrayTypes>(name: N, id: number): FieldType<ArrayTypes[N]> {
  type Data = ArrayTypes[N];
  const make = constructors[name];
  const size = name === 'float' ? 4 : name === 'double' ? 8 : undefined;
  const wireType = size === 4 ? wireTypes.fixed32 : size === 8 ? wireTypes.fixed64 : wireTypes.varint;
  const none = new make(0);

  const grow = (known: unknown, more: number, limit: number): Growing<Data> => {
    const growing = known === none ? { data: none as Data, length: 0 } : (known as Growing<Data>);
    const wanted = growing.length + more;
    if (wanted > limit) throw tooMany(`elements in a field of ${name}`, limit);
    if (wanted > growing.data.length) {
      const data = new make(
        growing.length === 0 ? wanted : Math.min(limit, Math.max(16, 2 * growing.data.length, wanted)),
      );
      (data as Uint8Array).set(growing.data.subarray(0, growing.length) as Uint8Array);
      growing.data = data;
    }
    return growing;
  };

  return {
    id,
    declared: `repeated ${name}`,
    wireTypes: [wireType, wireTypes.bytes],
    initial: () => none,
    read(reader, given, known) {
      if (given === wireType) {
        const growing = grow(known, 1, reader.maxElements);
        readMany(name, reader, growing.data, growing.length++, 1);
        return growing;
      }
      const outer = reader.enter();
      const bytes = reader.left;
      const count = size === undefined ? reader.countVarints() : Math.ceil(bytes / size);
      const growing = grow(known, count, reader.maxElements);
      const { data, length } = growing;
      if (size !== undefined && bytes % size === 0) {
        new Uint8Array(data.buffer, data.byteOffset + length * size, bytes).set(reader.take(bytes));
      } else readMany(name, reader, data, length, count);
      // What was counted and what was read differ only in a piece that is broken.
      if (!reader.isDone) throw malformed('packed numbers end inside a number');
      growing.length += count;
      reader.leave(outer);
      return growing;
    },
    finish(known) {
      if (known === none) return none;
      const { data, length } = known as Growing<Data>;
      return (data.length === length ? data : data.subarray(0, length)) as Data;
    },
    write(writer, value) {
      const data = value as Data;
      if (data.length === 0) return;
      if (size !== undefined) {
        writer.tag(id, wireTypes.bytes);
        writer.bytes(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
        return;
      }
      writer.message(id, (inner) => writeVarints(name, inner, data));
    },
  };
}

function readMany(
  name: keyof ArrayTypes,
  reader: WireReader,
  data: ArrayTypes[keyof ArrayTypes],
  from: number,
  count: number,
): void {
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    const halves = new Uint32Array(data.buffer, data.byteOffset, 2 * data.length);
    for (let index = from; index < from + count; index++) reader.pair(halves, 2 * index);
    return;
  }
  for (let index = from; index < from + count; index++) {
    if (name === 'float') data[index] = reader.float();
    else if (name === 'double') data[index] = reader.double();
    else if (name === 'bool') data[index] = reader.bool() ? 1 : 0;
    else data[index] = name === 'int32' ? reader.int32() : reader.uint32();
  }
}

function writeVarints(name: keyof ArrayTypes, writer: WireWriter, data: ArrayTypes[keyof ArrayTypes]): void {
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    const halves = new Uint32Array(data.buffer, data.byteOffset, 2 * data.length);
    for (let index = 0; index < halves.length; index += 2) {
      writer.pair(halves[index] as number, halves[index + 1] as number);
    }
    return;
  }
  for (const value of data) {
    if (name === 'int32') writer.int32(value);
    else writer.uint32(value);
  }
}
