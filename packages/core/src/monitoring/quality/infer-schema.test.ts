import { describe, expect, it } from 'vitest';
import { createTensor } from '../../tensor/tensor';
import { fitReference } from '../fit-reference';
import { createRandom } from '../random';
import { shareUpperBound } from './binomial';
import { inferSchema } from './infer-schema';
import type { DataSchema } from './schema';

const cities = ['Bergen', 'Oslo', 'Tromsø'];
const people = (rows: number) => {
  const random = createRandom(7);
  return Array.from({ length: rows }, (_, row) => ({
    id: `user-${row}`,
    age: 18 + Math.floor(random() * 60),
    income: random() < 0.05 ? null : random() * 1e5,
    city: cities[Math.floor(random() * 3)],
    member: random() < 0.5,
    joined: new Date(1_600_000_000_000 + Math.floor(random() * 1e10)),
  }));
};
const fieldOf = (schema: DataSchema, name: string) => schema.fields.find((field) => field.name === name);

describe('inferSchema of records', () => {
  it('finds types, ranges with a margin, shares, categories, keys and whole numbers', async () => {
    const rows = people(1000);
    const schema = await inferSchema(rows);
    expect(schema.rows).toBe(1000);
    expect(schema.fields.map(({ name, type }) => [name, type])).toEqual([
      ['id', 'string'],
      ['age', 'number'],
      ['income', 'number'],
      ['city', 'string'],
      ['member', 'boolean'],
      ['joined', 'date'],
    ]);
    // 18 to 77, widened by a tenth of the range.
    expect(fieldOf(schema, 'age')).toMatchObject({ integer: true, minimum: 12, maximum: 83 });
    expect(fieldOf(schema, 'income')?.minimum).toBe(0);
    expect(fieldOf(schema, 'income')?.integer).toBeUndefined();
    const missing = rows.filter(({ income }) => income === null).length;
    expect(fieldOf(schema, 'income')?.tolerances?.missing).toBeCloseTo(
      shareUpperBound(missing, 1000, 0.999) + 0.01,
      12,
    );
    expect(fieldOf(schema, 'age')?.tolerances?.missing).toBeCloseTo(1 - 0.001 ** (1 / 1000) + 0.01, 12);
    expect(fieldOf(schema, 'city')?.categories).toEqual(cities);
    expect(fieldOf(schema, 'id')?.categories).toBeUndefined();
    // No two of 1000 rows are equal: with a larger rate one of the pairs would have been, at 99.9 %.
    expect(fieldOf(schema, 'id')?.collisionRate).toBeCloseTo(-Math.log(0.001) / 499_500, 9);
    expect(fieldOf(schema, 'id')).toMatchObject({ minimumLength: 5, maximumLength: 9 });
    expect(fieldOf(schema, 'age')?.collisionRate).toBeUndefined();
    expect(fieldOf(schema, 'member')?.commonestShare).toBeGreaterThan(0.5);
  });

  it('counts a field as missing where a record lacks it', async () => {
    const rows = Array.from({ length: 200 }, (_, row) => (row < 150 ? { a: row } : { a: row, b: 1.5 }));
    const schema = await inferSchema(rows);
    expect(fieldOf(schema, 'b')?.tolerances?.missing).toBeCloseTo(shareUpperBound(150, 200, 0.999) + 0.01, 12);
  });

  it('leaves the type open where values are of several, and allows the few that are of another', async () => {
    const rows = Array.from({ length: 100 }, (_, row) => ({
      mixed: row % 2 === 0 ? 1 : 'one',
      dirty: row < 4 ? 'n/a' : row + 0.5,
    }));
    const schema = await inferSchema(rows);
    expect(fieldOf(schema, 'mixed')?.type).toBe('any');
    expect(fieldOf(schema, 'dirty')).toMatchObject({
      type: 'number',
      minimum: 0,
      tolerances: { type: shareUpperBound(4, 100, 0.999) },
    });
  });

  it('takes numbers as categories when told to, and refuses a field that is not there', async () => {
    const rows = Array.from({ length: 300 }, (_, row) => ({ grade: (row % 3) + 1 }));
    expect(fieldOf(await inferSchema(rows, { categories: ['grade'] }), 'grade')?.categories).toEqual([1, 2, 3]);
    expect(fieldOf(await inferSchema(rows), 'grade')?.categories).toBeUndefined();
    await expect(inferSchema(rows, { categories: ['Grade'] })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: { field: 'categories', given: 'Grade' },
    });
  });

  it('has no closed set where new values keep coming, or there are too many', async () => {
    const random = createRandom(3);
    const rows = Array.from({ length: 400 }, () => ({
      word: `w${Math.floor(random() * 60)}`,
      rare: `r${Math.floor(random() * 2000)}`,
    }));
    const schema = await inferSchema(rows, { maxCategories: 400 });
    expect(fieldOf(schema, 'word')?.categories).toHaveLength(60);
    expect(fieldOf(schema, 'rare')?.categories).toBeUndefined();
    expect(fieldOf(await inferSchema(rows, { maxCategories: 59 }), 'word')?.categories).toBeUndefined();
  });

  it('allows more where infinities were among the training values', async () => {
    const rows = Array.from({ length: 500 }, (_, row) => ({ x: row < 10 ? Number.POSITIVE_INFINITY : row / 7 }));
    expect(fieldOf(await inferSchema(rows), 'x')?.tolerances?.range).toBeCloseTo(shareUpperBound(11, 500, 0.999), 12);
  });

  it('keeps distinct values within bounds, however many rows come', async () => {
    function* rows() {
      for (let i = 0; i < 30_000; i++) yield { id: i, constant: 'x' };
    }
    const schema = await inferSchema(rows());
    // Ten thousand were kept, and none of them came again.
    expect(fieldOf(schema, 'id')?.collisionRate).toBeCloseTo(-Math.log(0.001) / (10_000 * 9_999 * 0.5), 12);
    expect(fieldOf(schema, 'constant')?.commonestShare).toBeUndefined();
  });
});

describe('inferSchema of tensors, bare rows and references', () => {
  const data = Float32Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? i / 3 : 5));

  it('takes tensors whole or in batches, strings too', async () => {
    const whole = {
      x: createTensor('float32', [200, 2], data),
      kind: createTensor(
        'string',
        [200],
        Array.from({ length: 200 }, (_, i) => 'ab'[i % 2] as string),
      ),
    };
    const schema = await inferSchema(whole);
    expect(schema.inputs).toEqual([
      { name: 'x', dtype: 'float32', width: 2 },
      { name: 'kind', dtype: 'string', width: 1 },
    ]);
    expect(schema.fields.map(({ name }) => name)).toEqual(['x[0]', 'x[1]', 'kind']);
    expect(fieldOf(schema, 'kind')?.categories).toEqual(['a', 'b']);
    expect(await inferSchema([whole])).toEqual(schema);
    expect(await inferSchema(whole, { fieldNames: ['a', 'b', 'c'] })).toMatchObject({
      fields: [{ name: 'a' }, { name: 'b' }, { name: 'c' }],
    });
  });

  it('reads bools as booleans, and rows along another axis', async () => {
    const schema = await inferSchema(
      {
        flags: createTensor(
          'bool',
          [2, 100],
          Uint8Array.from({ length: 200 }, (_, i) => i % 2),
        ),
      },
      { batchAxis: 1 },
    );
    expect(schema).toMatchObject({
      rows: 100,
      fields: [
        { name: 'flags[0]', type: 'boolean' },
        { name: 'flags[1]', type: 'boolean' },
      ],
    });
  });

  it('takes bare rows by the names it is given', async () => {
    async function* rows() {
      for (let i = 0; i < 50; i++) yield [i, i % 5];
    }
    const schema = await inferSchema(rows(), { fieldNames: ['a', 'b'], inputs: ['x'] });
    expect(schema).toMatchObject({
      rows: 50,
      inputs: [{ name: 'x', dtype: 'float32', width: 2 }],
      fields: [{ name: 'a', maximum: 54 }, { name: 'b' }],
    });
  });

  it('takes ranges and missing shares from a reference, and from bins how common a value can be', async () => {
    const values = Float32Array.from({ length: 1000 }, (_, i) => (i < 100 ? Number.NaN : i));
    const reference = await fitReference({ x: createTensor('float32', [1000], values) });
    const schema = await inferSchema(reference);
    expect(schema).toMatchObject({ rows: 1000, inputs: reference.inputs });
    const [field] = schema.fields;
    expect(field).toMatchObject({ name: 'x', type: 'number' });
    expect(field?.minimum).toBeCloseTo(100 - 89.9, 9);
    expect(field?.tolerances?.missing).toBeCloseTo(shareUpperBound(100, 1000, 0.999) + 0.01, 12);
    expect(field?.commonestShare).toBeLessThan(0.2);
    await expect(inferSchema(reference, { fieldNames: ['y'] })).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    await expect(inferSchema({ ...reference, rows: 3 })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });
});

describe('inferSchema refuses', () => {
  it.each<[string, unknown, object, string, string]>([
    ['no row', [], {}, 'INVALID_INPUT', 'rows'],
    ['what is no rows', 7, {}, 'INVALID_INPUT', 'rows'],
    ['one record', { a: 1 }, {}, 'INVALID_INPUT', 'rows'],
    ['a row that is none', [{ a: 1 }, null], {}, 'INVALID_INPUT', 'rows[1]'],
    ['empty records', [{}, {}], {}, 'INVALID_INPUT', 'rows'],
    ['rows of another kind', [{ a: 1 }, [1]], {}, 'INVALID_INPUT', 'rows[1]'],
    ['rows of another width', [[1, 2], [1]], { fieldNames: ['a', 'b'] }, 'INVALID_INPUT', 'rows[1]'],
    ['bare rows without names', [[1, 2]], {}, 'INVALID_INPUT', 'fieldNames'],
    ['too few names', [[1, 2]], { fieldNames: ['a'] }, 'INVALID_INPUT', 'fieldNames'],
    ['names beside records', [{ a: 1 }], { fieldNames: ['a'] }, 'INVALID_INPUT', 'fieldNames'],
    [
      'a batch of another dtype',
      [{ x: createTensor('float32', [1], new Float32Array(1)) }, { x: createTensor('int32', [1], new Int32Array(1)) }],
      {},
      'INVALID_INPUT',
      'x',
    ],
    [
      'a batch without an input',
      [{ x: createTensor('int8', [1], new Int8Array(1)) }, { y: createTensor('int8', [1], new Int8Array(1)) }],
      {},
      'INVALID_INPUT',
      'x',
    ],
    ['more fields than can be watched', [new Float32Array(65_537)], { inputs: ['x'] }, 'LIMIT_EXCEEDED', 'rows'],
    ['an option that is wrong', [{ a: 1 }], { margin: -1 }, 'INVALID_OPTION', 'margin'],
    ['an option that is none', [{ a: 1 }], { margins: 1 }, 'INVALID_OPTION', 'margins'],
  ])('%s', async (_what, rows, options, code, field) => {
    await expect(inferSchema(rows as never, options)).rejects.toMatchObject({ code, details: { field } });
  });

  it('to go on when aborted', async () => {
    await expect(inferSchema([{ a: 1 }], { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
