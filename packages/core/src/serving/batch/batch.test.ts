import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FairleadError } from '../../errors';
import { createRunner, type RunnerOptions } from '../../runner/create-runner';
import type { LocalRunner } from '../../runner/local-runner';
import type { ModelRunner } from '../../runner/runner';
import type { ModelSignature } from '../../signature';
import type { Tensor, Tensors } from '../../tensor/tensor';
import { createMockBackend, type MockBackendOptions } from '../../testing/mock-backend';
import { collectInto, openBench, until } from '../../testing/test-kit.fixture';
import type { ServiceRequest } from '../exchange';
import { createHandler } from '../handler';
import type { ServiceOptions } from '../options';
import { createService } from '../service';
import type { BatchScoringOptions } from './options';
import { batchScoring } from './protocol';

interface Served {
  readonly handle: (request: Request) => Promise<Response>;
  readonly runner: LocalRunner;
  readonly log: string[];
}

async function serveMock(
  options: BatchScoringOptions = {},
  mock: MockBackendOptions = {},
  service: ServiceOptions = {},
  runnerOptions: Partial<RunnerOptions> = {},
): Promise<Served> {
  const log: string[] = [];
  const runner = await createRunner({
    model: '1',
    backend: createMockBackend(mock),
    warmUp: false,
    logger: collectInto([]),
    ...runnerOptions,
  });
  const handle = createHandler(
    { m: runner },
    { protocols: [batchScoring(options)], logger: collectInto(log), ...service },
  );
  return { handle, runner, log };
}

const ndjsonType = 'application/x-ndjson';

/** A stream of the pieces of a body. */
function streamOf(...pieces: readonly (string | Uint8Array)[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const left = [...pieces];
  return new ReadableStream({
    pull(controller) {
      const piece = left.shift();
      if (piece === undefined) controller.close();
      else controller.enqueue(typeof piece === 'string' ? encoder.encode(piece) : piece);
    },
  });
}

function requestOf(
  body: string | Uint8Array | ReadableStream<Uint8Array>,
  headers: Record<string, string> = {},
  path = '/v1/batch/m',
  signal?: AbortSignal,
): Request {
  return new Request(`http://x${path}`, {
    method: 'POST',
    body: body as BodyInit,
    headers: { 'content-type': ndjsonType, ...headers },
    ...(body instanceof ReadableStream && { duplex: 'half' }),
    ...(signal && { signal }),
  } as RequestInit);
}

async function linesOf(response: Response): Promise<unknown[]> {
  const text = await response.text();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

const errorOf = async (response: Response) => [response.status, ((await response.json()) as { code?: string }).code];

describe('NDJSON', () => {
  test('is answered row by row, with index and id, as NDJSON', async () => {
    const { handle } = await serveMock();
    const response = await handle(requestOf('{"id":"a","x":[1,2]}\n{"x":[3,4],"id":7}\r\n\n[5,6]'));
    expect([response.status, response.headers.get('content-type')]).toEqual([200, ndjsonType]);
    expect(await linesOf(response)).toEqual([
      { index: 0, id: 'a', outputs: { y: [2, 4] } },
      { index: 1, id: 7, outputs: { y: [6, 8] } },
      { index: 2, outputs: { y: [10, 12] } },
    ]);
  });

  test('a row that cannot be read or computed is a row that says why, and touches no other', async () => {
    const { handle, log } = await serveMock(
      {},
      {
        compute: (inputs, rows) => {
          const x = inputs.x as Tensor<'float32'>;
          if (x.data.includes(13)) throw new Error('/secret/path: unlucky');
          return { y: { dtype: 'float32', shape: [rows, 2], data: x.data.map((value) => value * 2) } };
        },
      },
    );
    const rows = ['{"id":"ok","x":[1,2]}', '{"id":"no json"', '{"id":"shape","x":[1,2,3]}', '{"id":"name","z":[1,2]}'];
    rows.push(
      '{"id":"more","x":[1,2],"label":1}',
      '{"id":"type","x":["a",2]}',
      '{"id":"run","x":[13,1]}',
      '{"id":[1],"x":[1,2]}',
    );
    rows.push('[1,2]');
    const answers = (await linesOf(await handle(requestOf(rows.join('\n'))))) as Record<string, unknown>[];
    expect(answers.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(answers.map(({ id, code }) => [id, code])).toEqual([
      ['ok', undefined],
      [undefined, 'PROTOCOL_ERROR'],
      ['shape', 'INVALID_INPUT'],
      ['name', 'INVALID_INPUT'],
      ['more', 'INVALID_INPUT'],
      ['type', 'INVALID_INPUT'],
      ['run', 'RUN_FAILED'],
      [undefined, 'INVALID_INPUT'],
      [undefined, undefined],
    ]);
    expect(JSON.stringify(answers)).not.toContain('secret');
    expect(answers[4]).toMatchObject({ field: 'columns', given: '3: "id", "x", "label"' });
    expect(log).toEqual([
      'error: A request was answered with 500: The runtime failed: /secret/path: unlucky',
      'debug: 7 rows of a batch failed.',
    ]);
  });

  test('bytes that are no UTF-8 spoil their own row', async () => {
    const { handle } = await serveMock();
    const body = new Uint8Array([
      ...new TextEncoder().encode('[1,2]\n"'),
      0xff,
      0xfe,
      ...new TextEncoder().encode('"\n[3,4]'),
    ]);
    const answers = await linesOf(await handle(requestOf(body)));
    expect(answers).toMatchObject([
      { outputs: { y: [2, 4] } },
      { index: 1, code: 'PROTOCOL_ERROR' },
      { outputs: { y: [6, 8] } },
    ]);
  });

  test('an id past 2^53 keeps its digits, and the id may have another name', async () => {
    const { handle } = await serveMock();
    const answers = await linesOf(await handle(requestOf('{"id":9007199254740993,"x":[1,2]}')));
    expect(answers).toEqual([{ index: 0, id: '9007199254740993', outputs: { y: [2, 4] } }]);
    const named = await handle(requestOf('{"passenger":"p","x":[1,2]}', {}, '/v1/batch/m?id=passenger'));
    expect(await linesOf(named)).toEqual([{ index: 0, id: 'p', outputs: { y: [2, 4] } }]);
  });

  test('no rows are answered by no rows', async () => {
    const { handle } = await serveMock();
    const response = await handle(requestOf(''));
    expect([response.status, await response.text()]).toEqual([200, '']);
  });

  test('elements may be called as the server was told', async () => {
    const { handle } = await serveMock({ columns: { m: { x: ['width', 'height'] } } });
    expect(await linesOf(await handle(requestOf('{"height":2,"width":1}\n{"width":1}')))).toMatchObject([
      { outputs: { y: [2, 4] } },
      { code: 'INVALID_INPUT', field: 'height' },
    ]);
    await expect(serveMock({ columns: { m: { x: ['width'] } } })).rejects.toThrow(
      'option "columns" is wrong: expected 2 columns for "x", given 1 columns',
    );
    await expect(serveMock({ columns: { nobody: {} } })).rejects.toThrow('expected models that are served');
  });
});

describe('CSV', () => {
  const csvType = { 'content-type': 'text/csv; charset=utf-8' };

  test.for([
    ['a column for each element', 'x[0],x[1],id\n1,2,a\n3,4,b\n'],
    ['in any order', 'id,x[1],x[0]\r\na,2,1\r\nb,4,3\r\n'],
    ['a column of arrays', 'id,x\na,"[1,2]"\nb,"[3, 4]"'],
    ['any columns, where the model has one input', '\ufeffwidth,id,height\n1,a,2\n\n3,b,4'],
    ['quotes behind a byte order mark', '\ufeff"x\n,0","id","x[1]"\n1,"a",2\n3,"b",4'],
    ['quotes', '"x[0]","x[1]","id"\n"1","2","a"\n"3","4","b"'],
  ])('is read: %s', async ([, body]) => {
    const { handle } = await serveMock();
    const response = await handle(requestOf(body as string, csvType));
    expect(response.headers.get('content-type')).toBe('text/csv');
    expect(await response.text()).toBe('index,id,y[0],y[1],error,code\n0,a,2,4,,\n1,b,6,8,,\n');
  });

  test('answers what was asked for: CSV in, NDJSON out, and back', async () => {
    const { handle } = await serveMock();
    const asJson = await handle(
      requestOf('x[0],x[1]\n1,2', { ...csvType, accept: 'application/x-ndjson, text/csv;q=0.5' }),
    );
    expect(await linesOf(asJson)).toEqual([{ index: 0, outputs: { y: [2, 4] } }]);
    const asCsv = await handle(requestOf('{"id":"a,\\"b\\"","x":[1,"NaN"]}\n3', { accept: 'text/*' }));
    const text = await asCsv.text();
    expect(text.split('\n')[1]).toBe('0,"a,""b""",2,NaN,,');
    expect(text.split('\n')[2]).toMatch(/^1,,,,"?Input x.*,INVALID_INPUT$/);
  });

  test('a row with other cells than columns, or a quote that never closes, is a row that says why', async () => {
    const { handle } = await serveMock();
    const body = 'x[0],x[1]\n1\n1,2\n1,2,3\na"b,1\n,nan\n1,"2\n3,4';
    const answers = await linesOf(await handle(requestOf(body, { ...csvType, accept: ndjsonType })));
    expect(answers).toMatchObject([
      { code: 'INVALID_INPUT', expected: '2 cells', given: '1' },
      { outputs: { y: [2, 4] } },
      { code: 'INVALID_INPUT' },
      { index: 3, code: 'PROTOCOL_ERROR' },
      { index: 4, outputs: { y: ['NaN', 'NaN'] } },
      { index: 5, code: 'PROTOCOL_ERROR' },
    ]);
    const missing = await linesOf(
      await handle(requestOf('x[0],x[1]\n,nan\n1e400,2\n-inf,2\n1,"2', { ...csvType, accept: ndjsonType })),
    );
    expect(missing).toMatchObject([
      { outputs: { y: ['NaN', 'NaN'] } },
      { code: 'INVALID_INPUT' },
      { outputs: { y: ['-Infinity', 4] } },
      { code: 'PROTOCOL_ERROR' },
    ]);
  });

  test('a quote in the wrong place is the mistake of its own row, and swallows no other', async () => {
    const { handle } = await serveMock();
    const body = 'x[0],x[1]\n1",2\n3,4\n"5"6,7\n8,9\n "1",2\n1,2\n';
    const answers = await linesOf(await handle(requestOf(body, { ...csvType, accept: ndjsonType })));
    expect(answers).toMatchObject([
      { index: 0, code: 'PROTOCOL_ERROR' },
      { index: 1, outputs: { y: [6, 8] } },
      { index: 2, code: 'PROTOCOL_ERROR' },
      { index: 3, outputs: { y: [16, 18] } },
      { index: 4, code: 'PROTOCOL_ERROR' },
      { index: 5, outputs: { y: [2, 4] } },
    ]);
  });

  test.for([
    ['nothing', ''],
    ['too few columns', 'x[0]\n1'],
    ['unknown columns', 'x[0],x[1],label\n1,2,3'],
    ['columns of one name', 'x[0],x[0]\n1,2'],
    ['a header that is no UTF-8', new Uint8Array([0xff, 0x2c, 0xfe, 0x0a])],
  ])('is refused as a whole for its header: %s', async ([, body]) => {
    const { handle } = await serveMock();
    const [status, code] = await errorOf(await handle(requestOf(body as string, csvType)));
    expect(status).toBe(400);
    expect(['INVALID_INPUT', 'PROTOCOL_ERROR']).toContain(code);
  });
});

describe('every type of tensor', () => {
  const signature: ModelSignature = {
    inputs: [
      { name: 'count', dtype: 'int64', shape: ['n'] },
      { name: 'word', dtype: 'string', shape: ['n'] },
      { name: 'flag', dtype: 'bool', shape: ['n', 1] },
      { name: 'grid', dtype: 'float32', shape: ['n', 'h', 2] },
    ],
    outputs: [
      { name: 'count', dtype: 'int64', shape: ['n'] },
      { name: 'word', dtype: 'string', shape: ['n'] },
      { name: 'flag', dtype: 'bool', shape: ['n', 1] },
      { name: 'grid', dtype: 'float32', shape: ['n', 'h', 2] },
    ],
    batchAxis: 0,
  };
  const echo = (inputs: Tensors): Tensors => inputs;

  test('goes there and back', async () => {
    const { handle } = await serveMock({}, { signature, compute: echo });
    const row = '{"count":9007199254740993,"word":"ä,\\"\\n","flag":true,"grid":[[1,2],[3,4]]}';
    const response = await handle(requestOf(row));
    expect(await response.text()).toBe(`{"index":0,"outputs":${row.replace('true', '[true]')}}\n`);
    const asCsv = await (await handle(requestOf(row, { accept: 'text/csv' }))).text();
    expect(asCsv).toBe(
      'index,id,count,word,flag[0],grid,error,code\n0,,9007199254740993,"ä,""\n",true,"[[1,2],[3,4]]",,\n',
    );
    const again = `count,word,flag,grid\n9007199254740993,"ä,""\n",1,"[[1,2],[3,4]]"\n1.5,a,1,"[[1,2]]"\n1e300,a,1,"[[1,2]]"`;
    const back = await (await handle(requestOf(again, { 'content-type': 'text/csv', accept: ndjsonType }))).text();
    const [first, ...bad] = back.trim().split('\n');
    expect(`${first}\n`).toBe(`{"index":0,"outputs":${row.replace('true', '[true]')}}\n`);
    expect(bad.map((line) => JSON.parse(line).code)).toEqual(['INVALID_INPUT', 'INVALID_INPUT']);
  });

  test('a row that would have too many elements, or claims to, is refused', async () => {
    const { handle } = await serveMock({}, { signature, compute: echo }, { maxTensorElements: 4 });
    const grid = (value: string) => `{"count":1,"word":"a","flag":1,"grid":${value}}`;
    const huge = `{"count":1,"word":"a","flag":1,"grid":{"shape":[9007199254740993,9007199254740993]}}`;
    const answers = await linesOf(
      await handle(requestOf([grid('[[1,2],[3,4],[5,6]]'), grid('[[1,2],[3]]'), grid('7'), huge].join('\n'))),
    );
    expect((answers as { code: string }[]).map(({ code }) => code)).toEqual([
      'LIMIT_EXCEEDED',
      'INVALID_INPUT',
      'INVALID_INPUT',
      'INVALID_INPUT',
    ]);
  });

  test('models that join rows on another axis, or on none', async () => {
    const shape = [2, 'n', 3];
    const second: ModelSignature = {
      inputs: [{ name: 'x', dtype: 'float32', shape }],
      outputs: [{ name: 'y', dtype: 'float32', shape }],
      batchAxis: 1,
    };
    // The runner's own memory is used again.
    const rename = ({ x }: Tensors): Tensors => ({
      y: { ...(x as Tensor<'float32'>), data: (x as Tensor<'float32'>).data.slice() },
    });
    const { runner } = await serveMock();
    const stub: ModelRunner = {
      ...runner,
      signature: second,
      run: async ({ x }) => ({ ...(await runner.run({ x: Float32Array.of(1, 2) })), outputs: { y: x as Tensor } }),
    };
    const handle = createHandler({ m: stub }, { protocols: [batchScoring()] });
    const grid = [
      [1, 2, 3],
      [4, 5, 6],
    ];
    expect(await linesOf(await handle(requestOf('[[1,2,3],[4,5,6]]\n[1,2,3,4,5,6]')))).toEqual([
      { index: 0, outputs: { y: grid } },
      { index: 1, outputs: { y: grid } },
    ]);
    const none: ModelSignature = {
      ...second,
      inputs: [{ name: 'x', dtype: 'float32', shape: [2] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: [2] }],
      batchAxis: null,
    };
    const alone = await serveMock({}, { signature: none, compute: rename });
    expect(await linesOf(await alone.handle(requestOf('[1,2]\n{"x":[3,4]}')))).toEqual([
      { index: 0, outputs: { y: [1, 2] } },
      { index: 1, outputs: { y: [3, 4] } },
    ]);
  });
});

describe('the request as a whole', () => {
  test.for([
    ['of a model that is not there', requestOf('[1,2]', {}, '/v1/batch/nope'), 404, 'NOT_FOUND'],
    ['of a version that does not answer', requestOf('[1,2]', {}, '/v1/batch/m/versions/9'), 404, 'NOT_FOUND'],
    ['of another type', requestOf('[1,2]', { 'content-type': 'application/json' }), 415, 'UNSUPPORTED'],
    [
      'in another character set',
      requestOf('[1,2]', { 'content-type': 'text/csv; charset=latin1' }),
      415,
      'UNSUPPORTED',
    ],
    ['to be answered in another type', requestOf('[1,2]', { accept: 'application/json' }), 415, 'UNSUPPORTED'],
    ['packed in another way', requestOf('[1,2]', { 'content-encoding': 'br' }), 415, 'UNSUPPORTED'],
    ['not packed as it says', requestOf('[1,2]', { 'content-encoding': 'gzip' }), 400, 'PROTOCOL_ERROR'],
    ['whose time is no number', requestOf('[1,2]', { 'x-request-timeout-ms': 'soon' }), 400, 'INVALID_ARGUMENT'],
  ] as const)('is refused: %s', async ([, request, status, code]) => {
    const { handle } = await serveMock();
    expect(await errorOf(await handle(request))).toEqual([status, code]);
  });

  test('may pin the version that answers', async () => {
    const { handle } = await serveMock();
    expect((await handle(requestOf('[1,2]', {}, '/v1/batch/m/versions/1'))).status).toBe(200);
  });

  test('may be packed by gzip or deflate', async () => {
    const { handle } = await serveMock();
    const rows = Array.from({ length: 1000 }, (_, index) => `[${index},1]`).join('\n');
    const packed = gzipSync(rows);
    const response = await handle(
      requestOf(streamOf(packed.subarray(0, 100), packed.subarray(100)), { 'content-encoding': 'gzip' }),
    );
    const answers = await linesOf(response);
    expect(answers).toHaveLength(1000);
    expect(answers[999]).toEqual({ index: 999, outputs: { y: [1998, 2] } });
    expect(gunzipSync(packed).byteLength).toBe(rows.length);
  });

  test('that is packed and breaks off says so in its last row', async () => {
    const { handle } = await serveMock({ maxHeldRows: 4 });
    const rows = Array.from({ length: 3000 }, (_, index) => `[${index},${Math.sqrt(index)}]`).join('\n');
    const packed = gzipSync(rows);
    let sending: ReadableStreamDefaultController<Uint8Array> | undefined;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(packed.subarray(0, packed.length / 2));
        sending = controller;
      },
    });
    const response = await handle(requestOf(body, { 'content-encoding': 'gzip' }));
    let text = '';
    for await (const piece of response.body as ReadableStream<Uint8Array>) {
      text += new TextDecoder().decode(piece);
      // Rows are answered while the body is still coming; then it comes no further.
      if (text.split('\n').length <= 10) continue;
      sending?.close();
      sending = undefined;
    }
    const answers = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { index?: number; code?: string });
    expect(answers.slice(0, 10).map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(answers.at(-1)).toMatchObject({ code: 'PROTOCOL_ERROR' });
    expect(answers.at(-1)?.index).toBeUndefined();
  });

  test.for([
    ['a line that does not end', { maxRowBytes: 100 }, 1],
    ['more bytes than allowed', { maxTotalBytes: 60 }, 1],
    ['more rows than allowed', { maxTotalRows: 3 }, 3],
  ] as const)('ends with an error row: %s', async ([, options, least]) => {
    const { handle } = await serveMock(options);
    const rows = ['[1,2]\n', '[3,4]\n', '[5,6]\n', `[7,${'8'.repeat(200)}`];
    const response = await handle(requestOf(streamOf(...rows)));
    const answers = (await linesOf(response)) as { index?: number; code?: string }[];
    expect(response.status).toBe(200);
    expect(answers.length).toBeGreaterThan(least);
    expect(answers.at(-1)).toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(answers.at(-1)?.index).toBeUndefined();
  });

  test('is refused by its status when even the first row is too long, or the declared length is', async () => {
    const endless = await serveMock({ maxRowBytes: 100 });
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled++;
        controller.enqueue(new Uint8Array(50).fill(0x31));
      },
    });
    expect(await errorOf(await endless.handle(requestOf(body)))).toEqual([413, 'LIMIT_EXCEEDED']);
    expect(pulled).toBeLessThan(10);
    const declared = await serveMock({ maxTotalBytes: 10 });
    expect(await errorOf(await declared.handle(requestOf('[1,2]', { 'content-length': '11' })))).toEqual([
      413,
      'LIMIT_EXCEEDED',
    ]);
  });

  test('finds no place in a service that is full, and leaves its place when it ends', async () => {
    const { handle } = await serveMock({}, {}, { maxConcurrentRequests: 1 });
    let close = (): void => {};
    const open = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('[1,2]\n'));
        close = () => controller.close();
      },
    });
    const first = await handle(requestOf(open));
    expect(await errorOf(await handle(requestOf('[1,2]')))).toEqual([429, 'OVERLOADED']);
    close();
    expect(await linesOf(first)).toHaveLength(1);
    const left = await handle(requestOf('[1,2]'));
    await left.body?.cancel();
    expect((await handle(requestOf('[1,2]'))).status).toBe(200);
  });

  test('whose time is over ends with an error row; before the first row, with 504', async () => {
    const bench = await openBench({ latencyMs: () => 100 }, { batching: { maxBatchRows: 1 } });
    const handle = createHandler(
      { m: bench.runner },
      { protocols: [batchScoring()], clock: bench.clock, logger: collectInto([]) },
    );
    const rows = '[1,2]\n[3,4]\n[5,6]\n';
    const response = await until(handle(requestOf(rows, { 'x-request-timeout-ms': '250' })), bench.clock, 10);
    const answers = await until(linesOf(response), bench.clock, 10);
    expect(answers).toMatchObject([{ index: 0 }, { index: 1 }, { code: 'DEADLINE_EXCEEDED' }]);
    const late = await until(handle(requestOf(rows, { 'x-request-timeout-ms': '50' })), bench.clock, 10);
    expect(late.status).toBe(504);
    // The log counts what it does not write, for a while.
    await bench.clock.advance(300_000);
    expect(bench.clock.pendingTimers).toBe(0);
  });

  test('is told to observers when it has ended, with what was answered', async () => {
    const seen: unknown[] = [];
    const observer = { begin: () => ({ end: (outcome: object) => void seen.push(outcome) }) };
    const { handle } = await serveMock({}, {}, { observers: [observer] });
    const response = await handle(requestOf('[1,2]\n[3]\n[5,6]'));
    expect(seen).toEqual([]);
    await response.text();
    expect(seen).toMatchObject([{ code: undefined, facts: { rows: 2, model: { version: '1' } } }]);
  });
});

describe('a client', () => {
  test('that does not read stops the source, and the memory does not grow', async () => {
    const { handle } = await serveMock({ maxHeldRows: 16 });
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulled++;
          controller.enqueue(new TextEncoder().encode('[1,2]\n'));
        },
      },
      { highWaterMark: 0 },
    );
    const response = await handle(requestOf(endless));
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
    const after = pulled;
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(pulled).toBe(after);
    expect(pulled).toBeLessThan(100);
    await reader.read();
    await reader.cancel();
  });

  test('that leaves ends what is computed for it', async () => {
    const controller = new AbortController();
    const bench = await openBench({ latencyMs: () => 10 }, { batching: { maxBatchRows: 1 } });
    const service = createService({ m: bench.runner }, { protocols: [batchScoring()], clock: bench.clock });
    let closed = 0;
    async function* body(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield new TextEncoder().encode('[1,2]\n');
      } finally {
        closed++;
      }
    }
    const request: ServiceRequest = {
      method: 'POST',
      path: '/v1/batch/m',
      query: '',
      header: (name) => (name === 'content-type' ? ndjsonType : undefined),
      body: async () => new Uint8Array(0),
      stream: body,
      signal: controller.signal,
    };
    const { body: answer } = await until(service.handle(request), bench.clock);
    const pieces = (answer as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    await until(pieces.next(), bench.clock);
    controller.abort(new Error('The client closed its connection.'));
    expect((await until(pieces.next(), bench.clock)).done).toBe(true);
    await bench.clock.advance(100);
    expect(closed).toBe(1);
    expect(bench.runner.describe().batching).toMatchObject({ queuedRequests: 0, batchesInFlight: 0 });
  });

  test('learns in its last row that the runner was closed', async () => {
    const { handle, runner } = await serveMock({ maxHeldRows: 1 });
    let push = (_text: string): void => {};
    const open = new ReadableStream<Uint8Array>({
      start(controller) {
        push = (text) => controller.enqueue(new TextEncoder().encode(text));
        push('[1,2]\n');
      },
    });
    const response = await handle(requestOf(open));
    await runner.close();
    push('[3,4]\n');
    expect(await linesOf(response)).toMatchObject(
      [{ index: 0 }, { code: 'CLOSED', error: /closing/ }].map((row) =>
        expect.objectContaining({
          ...row,
          ...('error' in row && { error: expect.stringMatching(row.error as RegExp) }),
        }),
      ),
    );
  });
});

describe('wherever the pieces of a body begin and end', () => {
  test.for([
    ['NDJSON', ndjsonType, '\ufeff[1,2]\n{"id":"é\\n☃","x":[3,4]}\r\n\n{"x":[5'],
    ['CSV', 'text/csv', 'id,"x[0]",x[1]\r\n"a\n""é""",1,2\n☃,"3",4\n\n"open,5'],
  ] as const)('the answer is the same: %s', { timeout: 60_000 }, async ([, type, text]) => {
    const { handle } = await serveMock();
    const bytes = new TextEncoder().encode(text);
    const answer = async (...pieces: Uint8Array[]) =>
      (await handle(requestOf(streamOf(...pieces), { 'content-type': type }))).text();
    const whole = await answer(bytes);
    expect(whole.split('\n').length).toBeGreaterThan(3);
    for (let at = 0; at <= bytes.length; at++)
      expect(await answer(bytes.subarray(0, at), bytes.subarray(at))).toBe(whole);
    const cuts = fc.uniqueArray(fc.nat(bytes.length), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(cuts, async (places) => {
        const sorted = [0, ...places.sort((left, right) => left - right), bytes.length];
        const pieces = sorted.slice(1).map((end, index) => bytes.subarray(sorted[index] as number, end));
        expect(await answer(...pieces)).toBe(whole);
      }),
      { numRuns: 100 },
    );
  });

  test('a row may come byte by byte, however long it is', async () => {
    const { handle } = await serveMock();
    const bytes = new TextEncoder().encode(`{"id":"${'\u00e9'.repeat(3000)}","x":[1,2]}\n[3,4]\n`);
    const pieces = Array.from(bytes, (_, index) => bytes.subarray(index, index + 1));
    const answers = await linesOf(await handle(requestOf(streamOf(...pieces))));
    expect(answers).toEqual([
      { index: 0, id: '\u00e9'.repeat(3000), outputs: { y: [2, 4] } },
      { index: 1, outputs: { y: [6, 8] } },
    ]);
  });

  test('any bytes at all are answered by a refusal or by rows', { timeout: 60_000 }, async () => {
    const { handle } = await serveMock({ maxRowBytes: 64 });
    const type = fc.constantFrom(ndjsonType, 'text/csv');
    const word = fc.constantFrom(
      '[1,2]',
      '\n',
      '{"x":',
      '"',
      ',',
      'x[0],x[1]\n',
      '1,2\n',
      '[[',
      ']',
      'null',
      '1e999',
      '\r',
    );
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.array(word).map((words) => new TextEncoder().encode(words.join(''))),
    );
    await fc.assert(
      fc.asyncProperty(type, fc.array(piece, { maxLength: 6 }), async (contentType, pieces) => {
        const response = await handle(
          requestOf(streamOf(...pieces), { 'content-type': contentType, accept: ndjsonType }),
        );
        expect([200, 400, 413]).toContain(response.status);
        if (response.status !== 200) return;
        for (const row of (await linesOf(response)) as Record<string, unknown>[])
          expect(row.outputs ?? row.code).toBeDefined();
      }),
      { numRuns: 500 },
    );
  });
});

test('a hundred thousand rows of a stream are answered in order, in a little memory', {
  timeout: 120_000,
}, async () => {
  const { handle } = await serveMock();
  let made = 0;
  const source = new ReadableStream<Uint8Array>({
    pull(controller) {
      const lines = Array.from({ length: 1000 }, () => `[${made++},1]\n`).join('');
      controller.enqueue(new TextEncoder().encode(lines));
      if (made === 100_000) controller.close();
    },
  });
  const response = await handle(requestOf(source));
  let answered = 0;
  let rest = '';
  const decoder = new TextDecoder();
  for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const { index, outputs } = JSON.parse(line) as { index: number; outputs: { y: number[] } };
      if (index !== answered || outputs.y[0] !== Math.fround(answered) * 2) throw new Error(`row ${answered}: ${line}`);
      answered++;
    }
    // What was read and is not answered yet is no more than may be held, and the pieces that it came in.
    expect(made - answered).toBeLessThan(5000);
  }
  expect(answered).toBe(100_000);
});

test('a format has to be one', () => {
  const make = () => batchScoring({ formats: [{} as never] });
  expect(make).toThrow(FairleadError);
  expect(() => batchScoring({ maxRowBytes: 0 })).toThrow('maxRowBytes');
});
