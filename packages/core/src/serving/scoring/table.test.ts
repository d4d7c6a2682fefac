import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FairleadError } from '../../errors';
import type { ModelSignature, TensorSpec } from '../../signature';
import type { Tensors } from '../../tensor/tensor';
import { readCsvTable, readRecords, readSplit, type Table } from './table';
import { tableToTensors } from './table-tensors';

const specOf = (name: string, dtype: TensorSpec['dtype'], ...shape: (number | string)[]): TensorSpec => ({
  name,
  dtype,
  shape: ['batch', ...shape],
});
const signatureOf = (inputs: TensorSpec[], batchAxis: number | null = 0): ModelSignature => ({
  inputs,
  outputs: [specOf('y', 'float32', 1)],
  batchAxis,
});
const matrix = signatureOf([specOf('x', 'float32', 2)]);
const named = signatureOf([specOf('age', 'int64'), specOf('income', 'float32', 1), specOf('city', 'string')]);

const refusal = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    const { code, details } = error as FairleadError;
    return `${code} ${details.field}`;
  }
  return 'read';
};
const tensors = (table: Table, signature = matrix, maxElements = 1000): Tensors => ({
  ...tableToTensors(table, signature, maxElements),
});

describe('reading data frames', () => {
  it('reads "split" with and without names and index', () => {
    const table = {
      columns: ['a', 'b'],
      index: [7, 8],
      data: [
        [1, 2],
        [3, 4],
      ],
    };
    expect(readSplit(table, 'df')).toEqual({ field: 'df', columns: ['a', 'b'], rows: table.data, isText: false });
    expect(readSplit({ data: [[1, 2]] }, 'df').columns).toBeUndefined();
    expect(readSplit({ columns: [0, 1], data: [[1, 2]] }, 'df').columns).toEqual(['0', '1']);
  });

  it('refuses a wrong "split", case by case', () => {
    const cases: [unknown, string][] = [
      [[], 'df'],
      [null, 'df'],
      [{}, 'df.data'],
      [{ data: {} }, 'df.data'],
      [{ data: [] }, 'df'],
      [{ columns: ['a'], data: [[1], 2] }, 'df.data[1]'],
      [{ columns: ['a'], data: [[1, 2]] }, 'df.data[0]'],
      [{ data: [[1, 2], [3]] }, 'df.data[1]'],
      [{ columns: 'a', data: [[1]] }, 'df.columns'],
      [{ columns: ['a', 'a'], data: [[1, 2]] }, 'df.columns[1]'],
      [{ columns: [null], data: [[1]] }, 'df.columns[0]'],
      [{ columns: ['a'], index: [1, 2], data: [[1]] }, 'df.index'],
      [{ columns: ['a'], data: [[1]], rows: 1 }, 'df.rows'],
    ];
    for (const [given, field] of cases) expect(refusal(() => readSplit(given, 'df'))).toBe(`INVALID_INPUT ${field}`);
  });

  it('reads "records" in the order of the first, and refuses what differs from it', () => {
    const rows = readRecords(
      [
        { a: 1, b: 2 },
        { b: 4, a: 3 },
      ],
      'df',
    ).rows;
    expect(rows).toEqual([
      [1, 2],
      [3, 4],
    ]);
    const cases: [unknown, string][] = [
      [{ a: 1 }, 'df'],
      [[], 'df'],
      [[1], 'df[0]'],
      [[{ a: 1 }, [1]], 'df[1]'],
      [[{ a: 1 }, {}], 'df[1]'],
      [[{ a: 1 }, { b: 1 }], 'df[1]'],
      [[{ a: 1 }, { a: 1, b: 2 }], 'df[1]'],
      [[{ toString: 1 }, {}], 'df[1]'],
    ];
    for (const [given, field] of cases) expect(refusal(() => readRecords(given, 'df'))).toBe(`INVALID_INPUT ${field}`);
  });

  it('reads CSV with and without a header', () => {
    expect(readCsvTable('a,b\n1,2', true, 10)).toMatchObject({ columns: ['a', 'b'], rows: [['1', '2']], isText: true });
    expect(readCsvTable('1,2', false, 10)).toMatchObject({ columns: undefined, rows: [['1', '2']] });
    expect(refusal(() => readCsvTable('', true, 10))).toBe('INVALID_INPUT the CSV');
    expect(refusal(() => readCsvTable('a,b', true, 10))).toBe('INVALID_INPUT the CSV');
    expect(refusal(() => readCsvTable('a,a\n1,2', true, 10))).toBe('INVALID_INPUT the CSV.columns[1]');
  });
});

describe('tableToTensors', () => {
  it('takes the cells of a line for a row of the one matrix, whatever columns are called', () => {
    const x = { dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) };
    expect(
      tensors(
        readSplit(
          {
            columns: ['a', 'b'],
            data: [
              [1, 2],
              [3, 4],
            ],
          },
          'df',
        ),
      ),
    ).toEqual({ x });
    expect(tensors(readCsvTable('1,2\n3,4', false, 10))).toEqual({ x });
    expect(tensors(readCsvTable('p,q\r\n1,2\r\n3.0,4e0\r\n', true, 10))).toEqual({ x });
    const one = signatureOf([specOf('x', 'float32')]);
    expect(tensors(readSplit({ data: [[1], [2]] }, 'df'), one).x?.shape).toEqual([2]);
    const open = signatureOf([specOf('x', 'float32', 'width')]);
    expect(tensors(readSplit({ data: [[1, 2, 3]] }, 'df'), open).x?.shape).toEqual([1, 3]);
  });

  it('takes columns for inputs where they are called alike', () => {
    const table = readRecords(
      [
        { city: 'Ulm', age: 41, income: 1.5 },
        { city: 'Bonn', age: 7, income: null },
      ],
      'df',
    );
    expect(tensors(table, named)).toEqual({
      age: { dtype: 'int64', shape: [2], data: BigInt64Array.of(41n, 7n) },
      income: { dtype: 'float32', shape: [2, 1], data: Float32Array.of(1.5, Number.NaN) },
      city: { dtype: 'string', shape: [2], data: ['Ulm', 'Bonn'] },
    });
    const text = readCsvTable('age,income,city\n9007199254740993,inf,""\n+4,NA,"a,b"', true, 20);
    expect(tensors(text, named)).toEqual({
      age: { dtype: 'int64', shape: [2], data: BigInt64Array.of(9007199254740993n, 4n) },
      income: { dtype: 'float32', shape: [2, 1], data: Float32Array.of(Number.POSITIVE_INFINITY, Number.NaN) },
      city: { dtype: 'string', shape: [2], data: ['', 'a,b'] },
    });
    const nested = readSplit({ columns: ['x'], data: [[[1, 2]], [[3, 4]]] }, 'df');
    expect(tensors(nested)).toEqual({ x: { dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) } });
    const flags = signatureOf([specOf('a', 'bool'), specOf('b', 'uint8', 1)]);
    expect(tensors(readCsvTable('b,a\n7,True\n8,0', true, 20), flags)).toEqual({
      a: { dtype: 'bool', shape: [2], data: Uint8Array.of(1, 0) },
      b: { dtype: 'uint8', shape: [2, 1], data: Uint8Array.of(7, 8) },
    });
  });

  it('refuses what does not fit the signature, case by case', () => {
    const split = (columns: string[], data: unknown[][]) => readSplit({ columns, data }, 'df');
    const cases: [Table, ModelSignature, string][] = [
      [split(['a'], [[1]]), matrix, 'INVALID_INPUT df'],
      [split(['a', 'b', 'c'], [[1, 2, 3]]), matrix, 'INVALID_INPUT df'],
      [split(['age', 'income'], [[1, 2]]), named, 'INVALID_INPUT df'],
      [split(['age', 'income', 'town'], [[1, 2, 'x']]), named, 'INVALID_INPUT df'],
      [split(['age', 'income', 'city'], [[1.5, 2, 'x']]), named, 'INVALID_INPUT age.data[0]'],
      [split(['age', 'income', 'city'], [[null, 2, 'x']]), named, 'INVALID_INPUT age.data[0]'],
      [split(['age', 'income', 'city'], [[1, 'x', 'x']]), named, 'INVALID_INPUT income.data[0]'],
      [split(['age', 'income', 'city'], [[1, 2, 3]]), named, 'INVALID_INPUT city.data[0]'],
      [split(['a', 'b'], [[1, {}]]), matrix, 'INVALID_INPUT x.data[1]'],
      [split(['x'], [[[1, 2]], [[3]]]), matrix, 'INVALID_INPUT x.data'],
      [split(['a', 'b'], [[1, 2]]), signatureOf([specOf('x', 'float32', 2)], 1), 'INVALID_INPUT df'],
      [split(['a', 'b'], [[1, 2]]), signatureOf([specOf('x', 'float32', 1, 2)]), 'INVALID_INPUT df'],
      [split(['s'], [[1]]), signatureOf([{ name: 's', dtype: 'float32', shape: [] }], null), 'INVALID_INPUT s'],
      [readCsvTable('1,x', false, 10), matrix, 'INVALID_INPUT x.data[1]'],
      [readCsvTable('age,income,city\n1.5,2,x', true, 10), named, 'INVALID_INPUT age.data[0]'],
    ];
    for (const [table, signature, expected] of cases) expect(refusal(() => tensors(table, signature))).toBe(expected);
    expect(
      refusal(() =>
        tensors(
          split(
            ['a', 'b'],
            [
              [1, 2],
              [3, 4],
            ],
          ),
          matrix,
          3,
        ),
      ),
    ).toBe('LIMIT_EXCEEDED x.shape');
    expect(refusal(() => tensors(split(['x'], [[[1, 2]], [[3, 4]]]), matrix, 3))).toBe('LIMIT_EXCEEDED x.shape');
  });

  it('answers any data frame with tensors of its rows or a refusal (2,000 cases)', () => {
    const cell = fc.oneof(
      fc.double(),
      fc.constant(null),
      fc.string({ maxLength: 3 }),
      fc.array(fc.integer(), { maxLength: 3 }),
    );
    const frame = fc.record({
      columns: fc.option(fc.array(fc.constantFrom('x', 'a', 'b'), { maxLength: 3 })),
      data: fc.array(fc.array(cell, { maxLength: 3 }), { maxLength: 3 }),
    });
    const check = (value: unknown): void => {
      let rows: unknown;
      const outcome = refusal(() => {
        rows = tensors(readSplit(value, 'df')).x?.shape[0];
      });
      if (outcome === 'read') expect(rows).toBe((value as { data: unknown[] }).data.length);
      else expect(outcome).toMatch(/^INVALID_INPUT /);
    };
    fc.assert(fc.property(frame, check), { numRuns: 2000 });
  });
});
