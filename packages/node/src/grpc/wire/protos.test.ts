import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import * as health from '../health/messages';
import * as inference from '../inference/messages';
import * as tensorflow from '../tensorflow/messages';
import type { FieldType, MessageType } from './types';

/** Another's reading of our `.proto` files. */
const files = ['inference', 'health', 'tensorflow_serving'].map((name) =>
  fileURLToPath(new URL(`../protos/${name}.proto`, import.meta.url)),
);
const root = new protobuf.Root().loadSync(files, { keepCase: true }).resolveAll();

const types = [inference, tensorflow, health]
  .flatMap((module) => Object.values(module) as unknown[])
  .filter((value): value is MessageType<unknown> => typeof value === 'object' && value !== null && 'decode' in value);

describe('what is declared in TypeScript', () => {
  it.each(types.map((type) => [type.name, type] as const))('%s is as its .proto file has it', (name, type) => {
    const theirs = root.lookupType(name);
    const declared = theirs.fieldsArray.map((field) => {
      const typeName = field.resolvedType?.fullName.slice(1) ?? field.type;
      const spelled = field instanceof protobuf.MapField ? `map<${field.keyType}, ${typeName}>` : typeName;
      return [field.name, { id: field.id, declared: field.repeated ? `repeated ${spelled}` : spelled }];
    });
    const ours = Object.entries(type.fields).map(([key, { id, declared: spelled }]) => [
      key,
      { id, declared: spelled },
    ]);
    expect(Object.fromEntries(ours)).toEqual(Object.fromEntries(declared));
  });
});

/** Values of a field, as protobufjs takes them, too. */
function arbitraryOf({ declared }: FieldType<unknown>): fc.Arbitrary<unknown> {
  const repeated = declared.startsWith('repeated ');
  const name = declared.replace('repeated ', '');
  const scalars: Record<string, fc.Arbitrary<unknown>> = {
    bool: fc.boolean(),
    int32: fc.integer(),
    uint32: fc.nat(2 ** 31 - 1),
    int64: fc.maxSafeInteger(),
    uint64: fc.maxSafeNat(),
    float: fc.float({ noNaN: true }),
    double: fc.double({ noNaN: true }),
    string: fc.string({ unit: 'grapheme' }),
    bytes: fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes)),
  };
  const value = scalars[name];
  if (value === undefined) throw new Error(`no values of ${name}`);
  return repeated ? fc.array(value, { maxLength: 20 }) : value;
}

const flat = types.filter((type) =>
  Object.values(type.fields).every((field) =>
    /^(repeated )?(bool|u?int(32|64)|float|double|string|bytes)$/.test(field.declared),
  ),
);

describe('what is written', () => {
  it.each(flat.map((type) => [type.name, type] as const))(
    '%s is read alike by another, and the other way round',
    (name, type) => {
      const theirs = root.lookupType(name);
      const shape = Object.fromEntries(Object.entries(type.fields).map(([key, field]) => [key, arbitraryOf(field)]));
      const plain = (message: unknown): unknown =>
        theirs.toObject(theirs.fromObject(message as object), { longs: Number, defaults: true });
      fc.assert(
        fc.property(fc.record(shape), (value) => {
          const given = Object.fromEntries(
            Object.entries(value).map(([key, part]) => [key, typedOf(type.fields[key] as FieldType<unknown>, part)]),
          );
          const encoded = type.encode(given as never);
          expect(plain(theirs.decode(encoded))).toEqual(
            plain(theirs.decode(theirs.encode(theirs.fromObject(value)).finish())),
          );
          const back = type.decode(theirs.encode(theirs.fromObject(value)).finish(), 1000) as object;
          const again = type.encode(back as never);
          expect(plain(theirs.decode(again))).toEqual(plain(theirs.decode(encoded)));
        }),
        { numRuns: 60 },
      );
    },
  );
});

/** The array in which a field of numbers is given here. */
function typedOf(field: FieldType<unknown>, value: unknown): unknown {
  const none = field.initial();
  if (!ArrayBuffer.isView(none) || Buffer.isBuffer(none)) return value;
  const numbers = value as number[];
  if (none instanceof BigInt64Array || none instanceof BigUint64Array) {
    return (none.constructor as BigInt64ArrayConstructor).from(numbers.map(BigInt));
  }
  return (none.constructor as Float64ArrayConstructor).from(numbers.map(Number));
}
