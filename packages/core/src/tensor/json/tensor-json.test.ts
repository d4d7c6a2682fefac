import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DType, dtypes } from '../dtype';
import { decodeData, decodeShape } from './decode-data';
import { readJson } from './lenient-json';
import { NumberText } from './number-text';
import { readTensorJson } from './tensor-json';

const utf8 = new TextEncoder();
const textOf = (bytes: Uint8Array): string => new TextDecoder('utf-8', { fatal: true }).decode(bytes);

/** What a protocol's decoder does: the elements of a tensor, in the dtype that the model has. */
function decoder(dtype: DType): (message: unknown) => unknown {
  return (message) => {
    const { shape, data } = message as { shape: unknown; data: unknown };
    return decodeData(dtype, decodeShape(shape, 'x'), data, 'x', { nullIsNaN: false });
  };
}

/** The elements, or what was thrown, so that both can be compared. */
function outcomeOf(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    return { name: (error as Error).name, message: (error as Error).message };
  }
}

function expectSame(bytes: Uint8Array, dtype: DType): unknown {
  const expected = outcomeOf(() => readJson(textOf(bytes), decoder(dtype)));
  expect(outcomeOf(() => readTensorJson(bytes, textOf, decoder(dtype)))).toEqual(expected);
  return expected;
}

const element = fc.oneof(
  { weight: 20, arbitrary: fc.double({ min: -2, max: 300, noNaN: true }).map(String) },
  { weight: 20, arbitrary: fc.integer({ min: 0, max: 200 }).map(String) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('null', 'NaN', '"NaN"', 'true', '9007199254740993', '1e400', '[1]', '{}', ''),
  },
);

describe('readTensorJson', () => {
  it('comes to what reading the whole by JSON.parse comes to, for whatever a client sends', () => {
    const message = fc
      .record({
        elements: fc.oneof(
          fc.array(element, { minLength: 20, maxLength: 60 }),
          fc.array(fc.integer({ min: 0, max: 100 }).map(String), { minLength: 30, maxLength: 60 }),
        ),
        rows: fc.integer({ min: 1, max: 3 }),
        nested: fc.boolean(),
        gap: fc.constantFrom('', ' ', '\n\t', '\f'),
        off: fc.constantFrom(0, 0, 0, 0, 1, -1),
        id: fc.constantFrom('a', '[1,2', '\\"data\\":[1', '\u2603', '\\\\'),
      })
      .map(({ elements, rows, nested, gap, off, id }) => {
        const row = `[${gap}${elements.join(`,${gap}`)}${gap}]`;
        const data = nested ? `[${new Array(rows).fill(row).join(',')}]` : row;
        const shape = nested ? [rows, elements.length + off] : [elements.length + off];
        return `{"id":"${id}","data":${data},"shape":[${shape}]}`;
      });
    fc.assert(
      fc.property(message, fc.constantFrom(...dtypes), (text, dtype) => void expectSame(utf8.encode(text), dtype)),
      { numRuns: 3000 },
    );
  });

  it('comes to the same for messages that are cut off or have a byte changed', () => {
    const row = Array.from({ length: 24 }, (_, index) => index / 8);
    const whole = utf8.encode(JSON.stringify({ id: 'x', shape: [2, 24], data: [row, row] }));
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.boolean(), (at, byte, cut) => {
        const bytes = cut ? whole.slice(0, at) : whole.slice();
        if (!cut) bytes[at] = byte;
        expectSame(bytes, 'float32');
      }),
      { numRuns: 3000 },
    );
  });

  const long = Array.from({ length: 40 }, (_, index) => index);

  it.each<[string, string, DType]>([
    ['unread arrays beside the data', `{"shape":[1],"data":[5],"other":[${long},]}`, 'float32'],
    ['two of one key', `{"shape":[40],"data":[${long}],"data":[${long.toReversed()}]}`, 'float32'],
    ['a byte order mark before it', `\uFEFF{"shape":[40],"data":[${long}]}`, 'float32'],
    ['a byte order mark behind an array', `{"shape":[40],"data":[${long}]\uFEFF}`, 'float32'],
    ['a key that is a prototype', `{"__proto__":{"shape":[40]},"shape":[40],"data":[${long}]}`, 'float32'],
    [
      'very deep nesting',
      `{"deep":${'['.repeat(50_000)}${']'.repeat(50_000)},"shape":[40],"data":[${long}]}`,
      'float32',
    ],
    ['integers past 2^53', `{"shape":[40],"data":[${long.map((value) => `90071992547409${value + 10}`)}]}`, 'int64'],
    ['negative long integers', `{"shape":[40],"data":[${long.map((value) => -value * 4294967295)}]}`, 'int64'],
    ['a negative number of an unsigned type', `{"shape":[40],"data":[${long.map((value) => -value)}]}`, 'uint64'],
    ['halves', `{"shape":[40],"data":[${long.map((value) => value * 1.37)}]}`, 'float16'],
    ['a half too large', `{"shape":[40],"data":[${long.map((value) => value * 2000)}]}`, 'float16'],
    ['flat data of two axes', `{"shape":[2,20],"data":[${long}]}`, 'int32'],
    ['rows of different kinds', `{"shape":[2,40],"data":[[${long}],[${new Array(40).fill('"NaN"')}]]}`, 'float32'],
    ['a row too deep', `{"shape":[1,1,40],"data":[[${long}]]}`, 'float32'],
    ['a shape that promises more than is there', `{"shape":[1000000000],"data":[${long}]}`, 'float32'],
    ['no elements', `{"shape":[0],"data":[${' '.repeat(80)}]}`, 'float32'],
    ['bytes that are no UTF-8 are told as such', `{"shape":[40],"data":[${long}],"id":"\\u00ff"}`, 'float32'],
  ])('%s', (_what, text, dtype) => {
    expectSame(utf8.encode(text), dtype);
  });

  it('sets long arrays of numbers aside, so that they are parsed once, into the tensor', () => {
    const message = { shape: [40], data: long, nested: [long, long] };
    let seen: unknown;
    readTensorJson(utf8.encode(JSON.stringify(message)), textOf, (value) => {
      seen ??= value;
    });
    const { data, nested } = seen as { data: unknown; nested: unknown[] };
    expect([data, ...nested].every((value) => value instanceof NumberText)).toBe(true);
  });

  it('tells bytes that are no UTF-8', () => {
    const bytes = utf8.encode(`{"shape":[40],"data":[${long}],"id":"x"}`);
    bytes[bytes.length - 3] = 0xff;
    expect(() => readTensorJson(bytes, textOf, decoder('float32'))).toThrow(TypeError);
  });
});
