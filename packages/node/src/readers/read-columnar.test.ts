import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import {
  Bool,
  DateMillisecond,
  Dictionary,
  Field,
  Float64,
  Int32,
  Int64,
  List,
  type RecordBatch,
  Schema,
  Struct,
  Table,
  TimestampMicrosecond,
  tableFromArrays,
  tableToIPC,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readArrow } from './read-arrow';
import { readParquet } from './read-parquet';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fairlead-columns-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const row of rows) list.push(row);
  return list;
}
const keep = async (name: string, bytes: Uint8Array): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
};

const table = new Table({
  age: vectorFromArray([31, null, 4], new Int32()),
  income: vectorFromArray([1.5, Number.NaN, null], new Float64()),
  id: vectorFromArray([1n, 2n ** 60n, null], new Int64()),
  member: vectorFromArray([true, false, null], new Bool()),
  city: vectorFromArray(['Oslo', 'Bergen', null], new Dictionary(new Utf8(), new Int32())),
  name: vectorFromArray(['a', '', null], new Utf8()),
  born: vectorFromArray([new Date(86_400_000), null, new Date(0)], new DateMillisecond()),
  seen: vectorFromArray([1500, null, 0], new TimestampMicrosecond()),
});
const arrowRecords = [
  {
    age: 31,
    income: 1.5,
    id: 1,
    member: true,
    city: 'Oslo',
    name: 'a',
    born: new Date(86_400_000),
    seen: new Date(1500),
  },
  { age: null, income: null, id: 2n ** 60n, member: false, city: 'Bergen', name: '', born: null, seen: null },
  { age: 4, income: null, id: null, member: null, city: null, name: null, born: new Date(0), seen: new Date(0) },
];

describe('readArrow', () => {
  it.each(['file', 'stream'] as const)('reads a %s by path, bytes and stream', async (form) => {
    const bytes = tableToIPC(table, form);
    const path = await keep(`a.${form}`, bytes);
    expect(await all(readArrow(path))).toEqual(arrowRecords);
    expect(await all(readArrow(bytes))).toEqual(arrowRecords);
    const pieces = Array.from({ length: Math.ceil(bytes.length / 100) }, (_, i) => bytes.slice(i * 100, (i + 1) * 100));
    expect(await all(readArrow(Readable.from(pieces)))).toEqual(arrowRecords);
  });

  it('chooses columns, gives dates as numbers, and makes bare rows', async () => {
    const reader = readArrow(tableToIPC(table, 'file'), { columns: ['born', 'age'], dates: 'number' });
    expect(await all(reader)).toEqual([
      { born: 86_400_000, age: 31 },
      { born: null, age: null },
      { born: 0, age: 4 },
    ]);
    expect(await all(reader.asRows(['id', 'member']))).toEqual([
      [1, 1],
      [2 ** 60, 0],
      [Number.NaN, Number.NaN],
    ]);
  });

  it('reads one batch after another', async () => {
    const batches = [0, 1, 2].map(
      (batch) => tableFromArrays({ x: Float64Array.from([batch, batch + 0.5]) }).batches[0] as RecordBatch,
    );
    const several = new Table(batches);
    expect(several.batches).toHaveLength(3);
    const path = await keep('batches.arrow', tableToIPC(several, 'file'));
    expect((await all(readArrow(path))).map(({ x }) => x)).toEqual([0, 0.5, 1, 1.5, 2, 2.5]);
    for await (const { x } of readArrow(path)) {
      expect(x).toBe(0);
      break;
    }
  });

  it('refuses lists and structs by name, unless they are left out', async () => {
    const list = new List(new Field('item', new Float64()));
    const struct = new Struct([new Field('inner', new Float64())]);
    const schema = new Schema([new Field('x', new Float64()), new Field('vector', list), new Field('nested', struct)]);
    const bytes = tableToIPC(new Table(schema), 'file');
    await expect(all(readArrow(bytes))).rejects.toMatchObject({ code: 'UNSUPPORTED', details: { field: 'vector' } });
    expect(await all(readArrow(bytes, { columns: ['x'] }))).toEqual([]);
  });

  it.each<[string, () => Uint8Array, string]>([
    ['nothing', () => new Uint8Array(0), 'STORE_CORRUPT'],
    ['other bytes', () => new TextEncoder().encode('a,b\n1,2\n'.repeat(50)), 'STORE_CORRUPT'],
    ['half a file', () => tableToIPC(table, 'file').slice(0, 600), 'STORE_CORRUPT'],
  ])('refuses %s', async (_what, bytes, code) => {
    await expect(all(readArrow(bytes()))).rejects.toMatchObject({ code });
    await expect(all(readArrow(await keep('broken.arrow', bytes())))).rejects.toMatchObject({ code });
  });

  it('refuses columns, files and sources that are not there', async () => {
    await expect(all(readArrow(tableToIPC(table), { columns: ['weight'] }))).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    });
    await expect(all(readArrow(join(folder, 'none.arrow')))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(all(readArrow(Readable.from(['text'])))).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    expect(() => readArrow(7 as never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(() => readArrow('a', { batch: 1 } as never)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });
});

const parquet = (extra: Partial<Parameters<typeof parquetWriteBuffer>[0]> = {}): Uint8Array =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: [
        { name: 'age', data: [31, null, 4], type: 'INT32' },
        { name: 'income', data: [1.5, Number.NaN, null], type: 'DOUBLE' },
        { name: 'id', data: [1n, 2n ** 60n, null], type: 'INT64' },
        { name: 'member', data: [true, false, null], type: 'BOOLEAN' },
        { name: 'city', data: ['Oslo', 'Bergen', null], type: 'STRING' },
        { name: 'seen', data: [new Date(1500), null, new Date(0)], type: 'TIMESTAMP' },
      ],
      ...extra,
    }),
  );
const parquetRecords = arrowRecords.map(({ age, income, id, member, city, seen }) => ({
  age,
  income,
  id,
  member,
  city,
  seen,
}));

describe('readParquet', () => {
  it('reads a path and bytes', async () => {
    const reader = readParquet(await keep('a.parquet', parquet()));
    expect(await all(reader)).toEqual(parquetRecords);
    expect(await all(reader)).toEqual(parquetRecords);
    expect(await all(readParquet(parquet()))).toEqual(parquetRecords);
  });

  it('chooses columns, gives dates as numbers, and makes bare rows', async () => {
    const reader = readParquet(parquet(), { columns: ['seen', 'age'], dates: 'number' });
    expect(await all(reader)).toEqual([
      { seen: 1500, age: 31 },
      { seen: null, age: null },
      { seen: 0, age: 4 },
    ]);
    expect(await all(reader.asRows(['member', 'income']))).toEqual([
      [1, 1.5],
      [0, Number.NaN],
      [Number.NaN, Number.NaN],
    ]);
  });

  it('reads one row group after another, and none that nobody asked for', async () => {
    const data = Array.from({ length: 1000 }, (_, i) => i);
    const bytes = new Uint8Array(
      parquetWriteBuffer({
        columnData: [{ name: 'x', data, type: 'INT32' }],
        rowGroupSize: 100,
        codec: 'UNCOMPRESSED',
      }),
    );
    expect((await all(readParquet(bytes))).map(({ x }) => x)).toEqual(data);
    // The first row group is sound, and all between it and the footer is spoilt.
    const spoilt = bytes.slice().fill(0xff, 700, 3500);
    const seen: unknown[] = [];
    for await (const { x } of readParquet(spoilt)) if (seen.push(x) === 100) break;
    expect(seen).toEqual(data.slice(0, 100));
    await expect(all(readParquet(spoilt))).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  });

  it('undoes other compressions', async () => {
    const bytes = parquet({
      codec: 'GZIP',
      compressors: { GZIP: (input: Uint8Array) => new Uint8Array(gzipSync(input)) },
    });
    expect(await all(readParquet(bytes))).toEqual(parquetRecords);
  });

  it('holds no row group that is too large', async () => {
    await expect(all(readParquet(parquet(), { maxRowGroupBytes: 50 }))).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
    expect(await all(readParquet(parquet(), { maxRowGroupBytes: 60, columns: ['age'] }))).toHaveLength(3);
  });

  it('refuses nested columns by name, unless they are left out', async () => {
    const bytes = new Uint8Array(
      parquetWriteBuffer({
        columnData: [
          { name: 'x', data: [1, 2], type: 'INT32' },
          { name: 'extra', data: [{ a: 1 }, { a: 2 }], type: 'JSON' },
        ],
      }),
    );
    await expect(all(readParquet(bytes))).rejects.toMatchObject({ code: 'UNSUPPORTED', details: { field: 'extra' } });
    expect(await all(readParquet(bytes, { columns: ['x'] }))).toEqual([{ x: 1 }, { x: 2 }]);
  });

  it.each<[string, () => Uint8Array]>([
    ['nothing', () => new Uint8Array(0)],
    ['other bytes', () => new TextEncoder().encode('a,b\n1,2\n'.repeat(50))],
    ['a file without its end', () => parquet().slice(0, 300)],
    ['a footer that lies about its length', () => parquet().fill(0xff, -8, -4)],
  ])('refuses %s', async (_what, bytes) => {
    await expect(all(readParquet(bytes()))).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    await expect(all(readParquet(await keep('broken.parquet', bytes())))).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
    });
  });

  it('notices a file that becomes shorter while it is read', async () => {
    const data = Array.from({ length: 10_000 }, (_, i) => i);
    const path = await keep(
      'shrinks.parquet',
      new Uint8Array(parquetWriteBuffer({ columnData: [{ name: 'x', data, type: 'INT32' }], rowGroupSize: 1000 })),
    );
    await expect(
      (async () => {
        let rows = 0;
        for await (const _row of readParquet(path)) if (++rows === 1) await truncate(path, 10);
      })(),
    ).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  });

  it('refuses columns, files, sources and options that are wrong', async () => {
    await expect(all(readParquet(parquet(), { columns: ['weight'] }))).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: { field: 'weight' },
    });
    await expect(all(readParquet(join(folder, 'none.parquet')))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(() => readParquet(Readable.from([]) as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
    expect(() => readParquet('a', { maxRowGroupBytes: 0 })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
  });
});
