import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import type { FairleadError } from '@fairlead/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ReadCsvOptions, readCsv } from './read-csv';
import type { FileRecord } from './record-reader';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fairlead-csv-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const row of rows) list.push(row);
  return list;
}
const read = (text: string, options: ReadCsvOptions = {}): Promise<FileRecord[]> => all(readCsv(bytes(text), options));
const utf16 = (text: string): Uint8Array => new Uint8Array(Buffer.from(`\ufeff${text}`, 'utf16le'));

describe('readCsv', () => {
  it('reads numbers, booleans, text and missing values', async () => {
    expect(await read('age,income,member,city\n31,1.5e3,true,Oslo\n-4,,false,"Bergen"\n')).toEqual([
      { age: 31, income: 1500, member: true, city: 'Oslo' },
      { age: -4, income: null, member: false, city: 'Bergen' },
    ]);
  });

  it('keeps as text what is a code: leading zeros, signs, long keys, other forms of numbers', async () => {
    const texts = ['007', '+1', '12345678901234567890', '1,5', '.5', '1.', '0x10', 'NaN', ' 1', '1e', 'TRUE'];
    const records = await read(`a\n${texts.map((text) => `"${text}"`).join('\n')}\n`);
    expect(records.map(({ a }) => a)).toEqual(texts);
    expect((await read('a\n0\n-0.5\n1E5\n9007199254740991\n')).map(({ a }) => a)).toEqual([
      0, -0.5, 1e5, 9007199254740991,
    ]);
  });

  it('reads columns as they are told to be', async () => {
    const types = { n: 'number', b: 'boolean', s: 'string', d: 'date' } as const;
    expect(
      await read(
        'n,b,s,d\n+.5,1,1,2024-05-31\n 7 ,False,,2024-05-31 12:00\n-inf,0,x,2024-05-31T12:00:00+02:00\nNaN,,y,\n',
        { types },
      ),
    ).toEqual([
      { n: 0.5, b: true, s: '1', d: new Date('2024-05-31T00:00:00Z') },
      { n: 7, b: false, s: null, d: new Date('2024-05-31T12:00:00Z') },
      { n: Number.NEGATIVE_INFINITY, b: false, s: 'x', d: new Date('2024-05-31T10:00:00Z') },
      { n: null, b: null, s: 'y', d: null },
    ]);
    expect(await read('d\n1970-01-01T00:00:01Z\n', { types: { d: 'date' }, dates: 'number' })).toEqual([{ d: 1000 }]);
  });

  it('takes other texts for missing values, and then only those', async () => {
    expect(await read('a,b\nNA,\n-,x\n', { missing: ['NA', '-'] })).toEqual([
      { a: null, b: '' },
      { a: null, b: 'x' },
    ]);
  });

  it('reads quotes, doubled quotes, delimiters and line breaks inside them, and Windows line ends', async () => {
    expect(await read('a;b\r\n"x;1";"he said ""no"""\r\n"two\nlines";2\r\n', { delimiter: ';' })).toEqual([
      { a: 'x;1', b: 'he said "no"' },
      { a: 'two\nlines', b: 2 },
    ]);
  });

  it('chooses columns, in the order asked for, and takes names from the options where there is no header', async () => {
    expect(await read('a,b,c\n1,2,3\n', { columns: ['c', 'a'] }).then(([record]) => Object.keys(record ?? {}))).toEqual(
      ['c', 'a'],
    );
    expect(await read('1,2\n', { header: ['x', 'y'] })).toEqual([{ x: 1, y: 2 }]);
  });

  it('passes over lines without text, and ends well with or without a line break', async () => {
    expect(await read('a,b\n\n1,2\n\n3,4')).toEqual([
      { a: 1, b: 2 },
      { a: 3, b: 4 },
    ]);
    expect(await read('a,b\n')).toEqual([]);
  });

  it('takes off a byte-order mark, and reads other encodings', async () => {
    expect(await read('\ufeffa\n1\n')).toEqual([{ a: 1 }]);
    expect(await all(readCsv(utf16('a\nø\n'), { encoding: 'utf-16le' }))).toEqual([{ a: 'ø' }]);
    const latin = new Uint8Array([0x61, 0x0a, 0xf8, 0x0a]);
    expect(await all(readCsv(latin, { encoding: 'windows-1252' }))).toEqual([{ a: 'ø' }]);
    await expect(all(readCsv(latin))).rejects.toMatchObject({ code: 'INVALID_INPUT', details: { field: 'encoding' } });
  });

  it('reads a path, a file URL, a Node stream and chunks that cut letters apart', async () => {
    const path = join(folder, 'a.csv');
    await writeFile(path, 'a\nø\n');
    const fromPath = readCsv(path);
    expect(await all(fromPath)).toEqual([{ a: 'ø' }]);
    expect(await all(fromPath)).toEqual([{ a: 'ø' }]);
    expect(await all(readCsv(pathToFileURL(path)))).toEqual([{ a: 'ø' }]);
    const cut = Array.from(bytes('a\nø\n'), (byte) => new Uint8Array([byte]));
    expect(await all(readCsv(Readable.from(cut)))).toEqual([{ a: 'ø' }]);
    expect(await all(readCsv(Readable.from(['a\n', 'ø\n'])))).toEqual([{ a: 'ø' }]);
  });

  it('reads a stream once only, no further than it is asked to, and releases it', async () => {
    let given = 0;
    let released = false;
    async function* chunks() {
      try {
        yield bytes('a\n');
        for (; given < 1_000_000; given++) yield bytes(`${given}\n`.repeat(1000));
      } finally {
        released = true;
      }
    }
    const reader = readCsv(chunks());
    let seen = 0;
    for await (const { a } of reader) {
      expect(a).toBe(0);
      if (++seen === 10) break;
    }
    expect(given).toBeLessThan(200);
    await expect.poll(() => released).toBe(true);
    await expect(all(reader)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it.each<[string, string, ReadCsvOptions, string, object]>([
    ['an empty file', '', {}, 'INVALID_INPUT', { field: 'header' }],
    ['a name twice', 'a,a\n', {}, 'INVALID_INPUT', { field: 'columns' }],
    ['a column without a name', 'a,\n', {}, 'INVALID_INPUT', { field: 'header', given: 'none for column 2' }],
    ['a column that is not there', 'a\n1\n', { columns: ['b'] }, 'INVALID_INPUT', { field: 'b' }],
    ['a type for a column that is not there', 'a\n1\n', { types: { b: 'number' } }, 'INVALID_INPUT', { field: 'b' }],
    [
      'a row that is too short',
      'a,b\n1,2\n3\n',
      {},
      'INVALID_INPUT',
      { field: 'line 3', row: 2, expected: '2 values', given: '1' },
    ],
    ['a row that is too long', 'a\n1,2\n', {}, 'INVALID_INPUT', { field: 'line 2', given: '2' }],
    [
      'a bad number',
      'a\n1\n1,5\n'.replace('1,5', '"1,5"'),
      { types: { a: 'number' } },
      'INVALID_INPUT',
      { field: 'a', row: 2, given: '"1,5"' },
    ],
    ['a bad boolean', 'a\nyes\n', { types: { a: 'boolean' } }, 'INVALID_INPUT', { field: 'a', given: '"yes"' }],
    ['a bad date', 'a\n31.5.2024\n', { types: { a: 'date' } }, 'INVALID_INPUT', { field: 'a' }],
    ['a day that there is not', 'a\n2024-13-01\n', { types: { a: 'date' } }, 'INVALID_INPUT', { field: 'a' }],
    ['a quote that is never closed', 'a\n"x\n', {}, 'INVALID_INPUT', {}],
    ['text after a quote', 'a\n"x"y\n', {}, 'INVALID_INPUT', { field: 'line 2' }],
    ['a row that is too large', `a\n"${'x'.repeat(500)}`, { maxRowBytes: 100 }, 'LIMIT_EXCEEDED', {}],
  ])('refuses %s', async (_what, text, options, code, details) => {
    await expect(read(text, options)).rejects.toMatchObject({ code, details });
  });

  it('tells of rows that it leaves out, where somebody listens', async () => {
    const problems: FairleadError[] = [];
    const onBadRow = (error: FairleadError) => void problems.push(error);
    expect(await read('a,b\n1,2\nx,3\n4\n5,6\n', { types: { a: 'number' }, onBadRow })).toEqual([
      { a: 1, b: 2 },
      { a: 5, b: 6 },
    ]);
    expect(problems.map(({ details }) => [details.row, details.field])).toEqual([
      [2, 'a'],
      [3, 'line 4'],
    ]);
  });

  it.each<[string, object, string]>([
    ['delimiter', { delimiter: '||' }, 'delimiter'],
    ['delimiter that is a quote', { delimiter: '"' }, 'delimiter'],
    ['encoding', { encoding: 'klingon' }, 'encoding'],
    ['type', { types: { a: 'int' } }, 'types.a'],
    ['list of columns', { columns: [] }, 'columns'],
    ['column twice', { columns: ['a', 'a'] }, 'columns'],
    ['form of dates', { dates: 'iso' }, 'dates'],
    ['option', { separator: ',' }, 'separator'],
  ])('refuses a wrong %s at once', (_what, options, field) => {
    expect(() => readCsv('x.csv', options as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field }) }),
    );
  });

  it('refuses what is no source, and a file that is not there or cannot be read', async () => {
    for (const source of [7, null, undefined, {}, new URL('https://example.org/a.csv')]) {
      expect(() => readCsv(source as never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    }
    await expect(all(readCsv(join(folder, 'none.csv')))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(all(readCsv(folder))).rejects.toMatchObject({ code: 'STORE_FAILED' });
  });

  it('stops when aborted, and passes on what the stream throws', async () => {
    const controller = new AbortController();
    const reader = readCsv(bytes('a\n1\n2\n'), { signal: controller.signal });
    const seen: unknown[] = [];
    await expect(
      (async () => {
        for await (const { a } of reader) {
          seen.push(a);
          controller.abort();
        }
      })(),
    ).rejects.toMatchObject({ code: 'ABORTED' });
    expect(seen).toEqual([1]);
    const broken = Readable.from(
      (async function* () {
        yield 'a\n1\n';
        throw new Error('the line is dead');
      })(),
    );
    await expect(all(readCsv(broken))).rejects.toThrow('the line is dead');
  });
});

describe('asRows', () => {
  const text = 'age,member,city,joined\n31,true,Oslo,1970-01-01\n,false,Bergen,\n';
  const options = { types: { joined: 'date' } } as const;

  it('makes numbers of all, in the order asked for', async () => {
    const reader = readCsv(bytes(text), options);
    const rows = await all(
      reader.asRows(['city', 'age', 'member', 'joined'], { categories: { city: ['Bergen', 'Oslo'] } }),
    );
    expect(rows).toEqual([
      [1, 31, 1, 0],
      [0, Number.NaN, 0, Number.NaN],
    ]);
  });

  it('refuses text without categories, a category that is none of them, and columns that are wrong', async () => {
    const reader = readCsv(bytes(text), options);
    await expect(all(reader.asRows(['city']))).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: { field: 'city', row: 1 },
    });
    await expect(all(reader.asRows(['city'], { categories: { city: ['Oslo'] } }))).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: { row: 2 },
    });
    await expect(all(reader.asRows(['weight']))).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: { field: 'weight' },
    });
    expect(() => reader.asRows([])).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    expect(() => reader.asRows(['age'], { categories: { city: ['Oslo'] } })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
  });
});
