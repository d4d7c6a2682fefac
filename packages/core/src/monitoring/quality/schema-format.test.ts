import { describe, expect, it } from 'vitest';
import { inferSchema } from './infer-schema';
import type { DataSchema } from './schema';
import { parseSchema, serializeSchema } from './schema-format';

const schema = await inferSchema(
  Array.from({ length: 300 }, (_, i) => ({ a: i / 7, b: 'xyz'[i % 3], c: i % 2 === 0, when: new Date(i) })),
);
const bytesOf = (plain: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(plain));
const file = () => JSON.parse(new TextDecoder().decode(serializeSchema(schema))) as Record<string, unknown>;
const withField = (change: object) => bytesOf({ ...file(), fields: [{ name: 'a', type: 'number', ...change }] });

describe('serializeSchema and parseSchema', () => {
  it('come back the same', () => {
    expect(parseSchema(serializeSchema(schema))).toEqual(schema);
    const written: DataSchema = {
      rows: 0,
      additionalFields: false,
      fields: [{ name: 'x', type: 'number', exclusiveMinimum: 0 }],
    };
    expect(parseSchema(serializeSchema(written))).toEqual(written);
  });

  it.each<[string, Uint8Array, string, string]>([
    ['no JSON', new Uint8Array([1, 2, 3]), 'STORE_CORRUPT', 'schema'],
    ['no UTF-8', new Uint8Array([0xff, 0xfe]), 'STORE_CORRUPT', 'schema'],
    ['null', bytesOf(null), 'STORE_CORRUPT', 'schema.format'],
    ['another format', bytesOf({ ...file(), format: 'fairlead-reference' }), 'STORE_CORRUPT', 'schema.format'],
    ['a later version', bytesOf({ ...file(), version: 2 }), 'UNSUPPORTED', 'schema.version'],
    ['no version', bytesOf({ ...file(), version: '1' }), 'STORE_CORRUPT', 'schema.version'],
    ['an unknown key', bytesOf({ ...file(), extra: 1 }), 'STORE_CORRUPT', 'schema'],
    ['no field', bytesOf({ ...file(), fields: [] }), 'STORE_CORRUPT', 'schema.fields'],
    [
      'a share above 1',
      withField({ tolerances: { missing: 2 } }),
      'STORE_CORRUPT',
      'schema.fields.0.tolerances.missing',
    ],
    ['bounds the wrong way round', withField({ minimum: 2, maximum: 1 }), 'STORE_CORRUPT', 'schema.fields.0.minimum'],
    ['bounds of a string', withField({ type: 'string', minimum: 2 }), 'STORE_CORRUPT', 'schema.fields.0.minimum'],
    ['lengths of a number', withField({ maximumLength: 2 }), 'STORE_CORRUPT', 'schema.fields.0.minimumLength'],
    ['whole strings', withField({ type: 'string', integer: true }), 'STORE_CORRUPT', 'schema.fields.0.integer'],
    [
      'too many categories',
      withField({ categories: Array.from({ length: 10_001 }, (_, i) => i) }),
      'STORE_CORRUPT',
      'schema.fields.0.categories',
    ],
    [
      'a name twice',
      bytesOf({
        ...file(),
        fields: [
          { name: 'a', type: 'any' },
          { name: 'a', type: 'any' },
        ],
      }),
      'STORE_CORRUPT',
      'schema.fields',
    ],
    [
      'inputs that do not add up',
      bytesOf({ ...file(), inputs: [{ name: 'x', dtype: 'int8', width: 9 }] }),
      'STORE_CORRUPT',
      'schema.fields',
    ],
    ['more bytes than a schema has', new Uint8Array(64 * 2 ** 20 + 1), 'LIMIT_EXCEEDED', 'schema'],
  ])('refuse %s', (_what, bytes, code, field) => {
    expect(() => parseSchema(bytes)).toThrow(
      expect.objectContaining({ code, details: expect.objectContaining({ field }) }),
    );
  });

  it('refuse what is no schema, and what are no bytes', () => {
    expect(() => serializeSchema({ rows: -1, fields: [] })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
    expect(() => parseSchema('{}' as never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  it('keep a name that objects have by nature', () => {
    const odd: DataSchema = {
      rows: 0,
      fields: [
        { name: '__proto__', type: 'any' },
        { name: 'constructor', type: 'any' },
      ],
    };
    expect(parseSchema(serializeSchema(odd))).toEqual(odd);
  });
});
