import { createRunner, FairleadError, type ModelSignature, type Tensors } from '@fairlead/core';
import { batchScoring, createHandler } from '@fairlead/core/serving';
import { createMockBackend } from '@fairlead/core/testing';
import {
  Bool,
  type DataType,
  DateDay,
  Field,
  FixedSizeList,
  Float32,
  Int64,
  List,
  makeData,
  Null,
  RecordBatch,
  Schema,
  Struct,
  Table,
  tableFromIPC,
  tableToIPC,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ArrowRowsOptions, arrowRows } from './index';

const type = 'application/vnd.apache.arrow.stream';
const list = new List(new Field('item', new Float32(), false));
const signature: ModelSignature = {
  inputs: [
    { name: 'x', dtype: 'float32', shape: ['n', 2] },
    { name: 'count', dtype: 'int64', shape: ['n'] },
  ],
  outputs: [
    { name: 'x', dtype: 'float32', shape: ['n', 2] },
    { name: 'count', dtype: 'int64', shape: ['n'] },
  ],
  batchAxis: 0,
};
const copy = (inputs: Tensors): Tensors =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() } as typeof tensor]),
  );

async function open(options?: ArrowRowsOptions) {
  const runner = await createRunner({
    model: '1',
    backend: createMockBackend({ signature, compute: copy }),
    warmUp: false,
  });
  const errors: unknown[] = [];
  const logger = { debug() {}, info() {}, warn() {}, error: (details: object) => void errors.push(details) };
  const handle = createHandler({ m: runner }, { protocols: [batchScoring({ formats: [arrowRows(options)] })], logger });
  const ask = (body: Uint8Array | ReadableStream<Uint8Array>, accept = type) =>
    handle(
      new Request('http://x/v1/batch/m', {
        method: 'POST',
        body: body as BodyInit,
        headers: { 'content-type': type, accept },
        duplex: 'half',
      } as RequestInit),
    );
  return { ask, errors };
}

type Columns = Readonly<Record<string, readonly [DataType, readonly unknown[]]>>;

function batchOf(columns: Columns): RecordBatch {
  const fields = Object.entries(columns).map(([name, [of]]) => new Field(name, of, true));
  const children = Object.values(columns).map(([of, values]) => {
    const [data] = vectorFromArray([...values], of).data;
    if (data === undefined) throw new Error('no data');
    return data;
  });
  const length = Object.values(columns)[0]?.[1].length ?? 0;
  return new RecordBatch(new Schema(fields), makeData({ type: new Struct(fields), length, nullCount: 0, children }));
}

const streamOf = (...batches: RecordBatch[]): Uint8Array => tableToIPC(new Table(batches), 'stream');
const good = (from: number, ids = true): RecordBatch =>
  batchOf({
    x: [
      list,
      [
        [from, 1],
        [from + 1, 2],
      ],
    ],
    ...(ids && { id: [new Utf8(), [`row ${from}`, null]] as const }),
    count: [new Int64(), [9007199254740993n, BigInt(from)]],
  });

async function rowsOf(response: Response): Promise<Record<string, unknown>[]> {
  const table = tableFromIPC(new Uint8Array(await response.arrayBuffer()));
  return table.toArray().map((row) => {
    const json = row.toJSON() as Record<string, unknown>;
    const x = json.x as { toArray(): Float32Array } | null;
    return { ...json, x: x && [...x.toArray()] };
  });
}

describe('rows of Arrow', () => {
  it('are answered as Arrow, with ids and 64-bit integers as they came', async () => {
    const { ask } = await open();
    const response = await ask(streamOf(good(1), good(5)));
    expect([response.status, response.headers.get('content-type')]).toEqual([200, type]);
    expect(await rowsOf(response)).toEqual([
      { index: 0n, id: 'row 1', x: [1, 1], count: 9007199254740993n, error: null, code: null },
      { index: 1n, id: null, x: [2, 2], count: 1n, error: null, code: null },
      { index: 2n, id: 'row 5', x: [5, 1], count: 9007199254740993n, error: null, code: null },
      { index: 3n, id: null, x: [6, 2], count: 5n, error: null, code: null },
    ]);
  });

  it('may have a column for each element, fixed lists, nulls, and be answered as text', async () => {
    const { ask } = await open();
    const parts = batchOf({
      'x[1]': [new Float32(), [1, null, Number.NaN]],
      'x[0]': [new Float32(), [2, 3, Number.POSITIVE_INFINITY]],
      count: [new Int64(), [1n, null, 3n]],
    });
    const text = await (await ask(streamOf(parts), 'application/x-ndjson')).text();
    const rows = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows).toMatchObject([
      { index: 0, outputs: { x: [2, 1], count: 1 } },
      { index: 1, code: 'INVALID_INPUT' },
      { index: 2, outputs: { x: ['Infinity', 'NaN'], count: 3 } },
    ]);
    const fixed = new FixedSizeList(2, new Field('item', new Float32(), false));
    const lists = batchOf({ x: [fixed, [[1, 2]]], count: [new Int64(), [7n]] });
    expect(await (await ask(streamOf(lists), 'text/csv')).text()).toContain('\n0,,1,2,7,,\n');
  });

  it('that do not fit are rows that say why', async () => {
    const { ask } = await open();
    const batch = batchOf({ x: [list, [[1, 2], [1, 2, 3], null, [3, 4]]], count: [new Int64(), [1n, 2n, 3n, 4n]] });
    const rows = await rowsOf(await ask(streamOf(batch)));
    expect(rows.map(({ code, x }) => [code, x])).toEqual([
      [null, [1, 2]],
      ['INVALID_INPUT', null],
      ['INVALID_INPUT', null],
      [null, [3, 4]],
    ]);
  });

  it.each([
    ['of other columns', batchOf({ y: [list, [[1, 2]]], count: [new Int64(), [1n]] }), 'INVALID_INPUT', 400],
    [
      'of a type that is no number',
      batchOf({ x: [new DateDay(), [new Date(0)]], count: [new Int64(), [1n]] }),
      'UNSUPPORTED',
      415,
    ],
    [
      'of a column too many',
      batchOf({ x: [list, [[1, 2]]], count: [new Int64(), [1n]], z: [new Bool(), [true]] }),
      'INVALID_INPUT',
      400,
    ],
  ])('are refused as a whole: %s', async (_what, batch, code, status) => {
    const { ask } = await open();
    const response = await ask(streamOf(batch));
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([status, code]);
  });
});

describe('bytes that are no whole stream of Arrow', () => {
  const whole = streamOf(good(1), good(5));

  it('cut short anywhere: answered as far as batches are whole, and then told', { timeout: 60_000 }, async () => {
    const { ask, errors } = await open();
    for (let cut = 0; cut < whole.length; cut += 7) {
      const response = await ask(whole.subarray(0, cut));
      if (response.status !== 200) {
        expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([400, 'PROTOCOL_ERROR']);
        continue;
      }
      const rows = await rowsOf(response);
      expect(rows.length % 2).toBe(1);
      expect(rows.at(-1)).toMatchObject({ index: null, code: 'PROTOCOL_ERROR', x: null });
    }
    expect(errors).toEqual([]);
  });

  it('in pieces of any size: the same answer', async () => {
    const { ask } = await open();
    const expected = await rowsOf(await ask(whole));
    for (const size of [1, 3, 8, 100]) {
      let at = 0;
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (at >= whole.length) controller.close();
          else controller.enqueue(whole.slice(at, at + size));
          at += size;
        },
      });
      expect(await rowsOf(await ask(body))).toEqual(expected);
    }
  });

  it('with any byte changed: a refusal or rows, never a fault of ours, and not for ever', {
    timeout: 120_000,
  }, async () => {
    const { ask } = await open({ maxBatchBytes: 100_000 });
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const bytes = whole.slice();
        bytes[at] = (bytes[at] as number) ^ change;
        const response = await ask(bytes, 'application/x-ndjson');
        expect([200, 400, 413, 415]).toContain(response.status);
        const text = await response.text();
        expect(text.length).toBeLessThan(100_000);
      }),
      { numRuns: 200 },
    );
  });

  it('with any number in it so large that its bytes are not there: the library is not left to count them', async () => {
    const { ask } = await open({ maxBatchBytes: 100_000 });
    const refused = new Set<number>();
    for (const number of [0x7f_ff_ff_ff, 0x00_10_00_00]) {
      for (let at = 0; at < whole.length; at += 4) {
        const bytes = whole.slice();
        new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, number, true);
        const response = await ask(bytes, 'application/x-ndjson');
        expect([200, 400, 413, 415]).toContain(response.status);
        const answer = await response.text();
        expect(answer.length).toBeLessThan(100_000);
        if (answer.includes('a message whose parts do not lie within it')) refused.add(at);
      }
    }
    expect(refused.size).toBeGreaterThan(20);
  });

  it('that are something else, or nothing', async () => {
    const { ask } = await open();
    for (const bytes of [new Uint8Array(0), new TextEncoder().encode('[1,2]\n'), new Uint8Array(100).fill(255)]) {
      expect((await ask(bytes)).status).toBe(400);
    }
  });

  it('whose batch is larger than may be held, before it is', async () => {
    const { ask } = await open({ maxBatchBytes: 100 });
    expect((await ask(whole)).status).toBe(413);
  });

  it('of a column of nulls with more rows than anybody sent', async () => {
    const { ask } = await open();
    const batch = batchOf({ x: [new Null(), [null, null]], count: [new Int64(), [1n, 2n]] });
    expect((await rowsOf(await ask(streamOf(batch)))).map(({ code }) => code)).toEqual([
      'INVALID_INPUT',
      'INVALID_INPUT',
    ]);
  });
});

it('refuses options that it does not know', () => {
  expect(() => arrowRows({ maxBatchBytes: 0 })).toThrow(FairleadError);
});
