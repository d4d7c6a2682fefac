import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTensor } from '@fairlead/core';
import {
  createDriftMonitor,
  createQualityMonitor,
  fitReference,
  inferSchema,
  parseReference,
  parseSchema,
  serializeReference,
  serializeSchema,
} from '@fairlead/core/monitoring';
import { createVirtualClock } from '@fairlead/core/testing';
import { tableFromArrays, tableToIPC } from 'apache-arrow';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readArrow } from './read-arrow';
import { readCsv } from './read-csv';
import { readParquet } from './read-parquet';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const rows = 2000;
const ages = Float64Array.from({ length: rows }, (_, i) => 20 + ((i * 7919) % 500) / 10);
const incomes = Float64Array.from({ length: rows }, (_, i) => ((i * 104_729) % 90_000) + 0.5);
const cities = Array.from({ length: rows }, (_, i) => ['Bergen', 'Oslo', 'Tromsø'][i % 3] as string);
const columns = ['age', 'income'];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fairlead-training-'));
  const lines = Array.from(ages, (age, i) => `${age},${incomes[i]},${cities[i]}`);
  await writeFile(join(folder, 'rows.csv'), `age,income,city\n${lines.join('\n')}\n`);
  const columnData = [
    { name: 'age', data: ages, type: 'DOUBLE' as const },
    { name: 'income', data: incomes, type: 'DOUBLE' as const },
    { name: 'city', data: cities, type: 'STRING' as const },
  ];
  await writeFile(join(folder, 'rows.parquet'), new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 300 })));
  const table = tableFromArrays({ age: ages, income: incomes, city: cities });
  await writeFile(join(folder, 'rows.arrow'), tableToIPC(table, 'file'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const readers = [
  ['CSV', () => readCsv(join(folder, 'rows.csv'))],
  ['Parquet', () => readParquet(join(folder, 'rows.parquet'))],
  ['Arrow', () => readArrow(join(folder, 'rows.arrow'))],
] as const;

const live = (count: number, shift: number) => ({
  x: createTensor(
    'float32',
    [count, 2],
    Float32Array.from(
      { length: count * 2 },
      (_, i) => ((i % 2 === 1 ? incomes : ages)[((i >> 1) * 3) % rows] as number) + shift,
    ),
  ),
});

describe('training rows in a file', () => {
  it.each(readers)('of %s make the reference that a drift monitor compares live rows with', async (_format, read) => {
    const fitted = await fitReference(read().asRows(columns), { inputs: ['x'], featureNames: columns });
    expect(fitted.rows).toBe(rows);
    const reference = parseReference(serializeReference(fitted));
    // The same rows in memory, whatever file they lay in.
    const direct = Array.from(ages, (age, i) => [age, incomes[i] as number]);
    expect(reference).toEqual(await fitReference(direct, { inputs: ['x'], featureNames: columns }));
    const monitor = createDriftMonitor({ reference, windowRows: 200, clock: createVirtualClock(), logger: silent });
    monitor.observe(live(400, 0));
    expect(monitor.state).toBe('ok');
    monitor.observe(live(400, 100_000));
    expect(monitor.state).toBe('drift');
  });

  it.each(readers)('of %s make the schema that a quality monitor checks live rows against', async (_format, read) => {
    const schema = parseSchema(serializeSchema(await inferSchema(read())));
    expect(schema).toMatchObject({
      rows,
      fields: [
        { name: 'age', type: 'number' },
        { name: 'income', type: 'number', minimum: 0 },
        { name: 'city', type: 'string', categories: ['Bergen', 'Oslo', 'Tromsø'] },
      ],
    });
    const monitor = createQualityMonitor({ schema, clock: createVirtualClock(), logger: silent });
    for (let i = 0; i < 1000; i++) monitor.observeRecord({ age: ages[i], income: incomes[i], city: cities[i] });
    expect(monitor.snapshot()).toMatchObject({ state: 'ok', windows: 1 });
    for (let i = 0; i < 1000; i++)
      monitor.observeRecord({ age: i < 300 ? null : ages[i], income: incomes[i], city: 'Paris' });
    const failed = monitor.snapshot().checks.filter(({ state }) => state === 'failed');
    expect(failed.map(({ rule, feature }) => `${rule} ${feature}`)).toEqual([
      'missing age',
      'category city',
      'constant city',
    ]);
  });

  it('makes a schema for tensors of bare rows', async () => {
    const schema = await inferSchema(readParquet(join(folder, 'rows.parquet')).asRows(columns), {
      inputs: ['x'],
      fieldNames: columns,
    });
    const monitor = createQualityMonitor({ schema, clock: createVirtualClock(), logger: silent });
    monitor.observe(live(1000, 0));
    expect(monitor.state).toBe('ok');
    monitor.observe(live(1000, 1e6));
    expect(monitor.snapshot().checks.filter(({ state }) => state === 'failed')).toMatchObject([
      { rule: 'range', feature: 'age' },
      { rule: 'range', feature: 'income' },
    ]);
  });
});
