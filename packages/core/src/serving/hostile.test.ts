import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Logger } from '../logger';
import { createRunner } from '../runner/create-runner';
import type { ModelRunner } from '../runner/runner';
import { createMockBackend } from '../testing/index';
import { createHandler, createModelRepository, type Handler, type ModelRepository } from './index';

/*
 * Whatever comes, a handler answers it: 4xx with an error for what is wrong, never a 5xx, never a rejection, and the model
 * answers afterwards as before. 1000 cases for each kind, 9000 in all.
 */

const runs = { numRuns: 1000 };
const maxBodyBytes = 20_000;
const errors: unknown[] = [];
/** A time that is no time at all is a 504, which is told to the log as well; it is not the server's fault. */
const error: Logger['error'] = (details) =>
  void ((details as { status?: number }).status !== 504 && errors.push(details));
const logger: Logger = { debug() {}, info() {}, warn() {}, error };
let runner: ModelRunner;
let repository: ModelRepository;
let handle: Handler;
let loads = 0;

beforeAll(async () => {
  const backend = createMockBackend();
  const options = { model: '1', backend, warmUp: false, lanes: 'inline', logger } as const;
  runner = await createRunner(options);
  const load = async () => {
    loads++;
    return createRunner(options);
  };
  repository = createModelRepository({ spare: load }, { logger });
  handle = createHandler({ mock: runner }, { repository, maxBodyBytes, maxTensorElements: 1000, logger });
});

afterAll(async () => {
  await repository.close();
  await runner.close();
});

const good = { inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] }] };
const goodText = JSON.stringify(good);

function send(body: BodyInit, headers: Record<string, string> = {}, path = '/v2/models/mock/infer'): Promise<Response> {
  return handle(new Request(`http://test${path}`, { method: 'POST', body, headers, duplex: 'half' } as RequestInit));
}

/** The status, once it is certain that the answer is a refusal as it should be, or went well. */
async function statusOf(response: Response): Promise<number> {
  const text = await response.text();
  if (response.status === 200) return 200;
  expect(response.status).toBeGreaterThanOrEqual(400);
  expect(response.status).toBeLessThan(500);
  const { error } = JSON.parse(text) as { error: string };
  expect(error).not.toBe('');
  expect(text).not.toMatch(/ at .+:\d+:\d+|node_modules|\.ts:\d/);
  expect(text.length).toBeLessThan(2000);
  return response.status;
}

async function refused(response: Promise<Response>): Promise<void> {
  expect(await statusOf(await response)).not.toBe(200);
}

/** The model still answers, and nothing was taken for a fault of the server. */
async function stillWell(): Promise<void> {
  expect(await statusOf(await send(goodText))).toBe(200);
  expect(errors).toEqual([]);
}

const jsonValue = fc.jsonValue({ maxDepth: 4 });
/** Sizes as nobody means them: around the limits of 32, 53 and 64 bits, and past what a double holds. */
const oddSize = fc.oneof(
  fc.integer(),
  fc.constantFrom(0, -1, 0.5, 2 ** 31, 2 ** 32 + 1, 2 ** 52, 2 ** 53, 2 ** 53 + 2, 2 ** 63, 2 ** 64, 1e308, -1e308),
);

describe('hostile traffic', () => {
  it('any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), (bytes) => refused(send(bytes as Uint8Array<ArrayBuffer>))),
      runs,
    );
    await stillWell();
  });

  it('JSON that is cut off', async () => {
    const end = fc.integer({ min: 0, max: goodText.length - 1 });
    await fc.assert(
      fc.asyncProperty(end, (length) => refused(send(goodText.slice(0, length)))),
      runs,
    );
    await stillWell();
  });

  it('any JSON', async () => {
    await fc.assert(
      fc.asyncProperty(jsonValue, (value) => refused(send(JSON.stringify(value)))),
      runs,
    );
    await stillWell();
  });

  it('a good message in which something is another', async () => {
    const place = fc.constantFrom('inputs', 'name', 'shape', 'datatype', 'data', 'parameters', 'outputs', 'id', 'top');
    const property = fc.asyncProperty(place, jsonValue, async (at, value) => {
      const [input] = good.inputs;
      const isTop = ['inputs', 'outputs', 'id', 'top'].includes(at) || (at === 'parameters' && value === null);
      const message = isTop ? { ...good, [at]: value } : { inputs: [{ ...input, [at]: value }] };
      // Some of these are right, such as an id that is a string: then it is an answer.
      await statusOf(await send(JSON.stringify(message)));
      await statusOf(await send(JSON.stringify({ ...good, parameters: value })));
      await statusOf(await send(JSON.stringify({ ...good, outputs: [{ name: 'y', parameters: value }] })));
    });
    await fc.assert(property, runs);
    await stillWell();
  });

  it('shapes that lie, past 2^53 and elsewhere, in JSON and before bytes', async () => {
    const property = fc.asyncProperty(fc.array(oddSize, { maxLength: 6 }), fc.boolean(), async (shape, asBytes) => {
      fc.pre(JSON.stringify(shape) !== '[1,2]');
      const [input] = good.inputs;
      if (!asBytes) return refused(send(JSON.stringify({ inputs: [{ ...input, shape }] })));
      const parameters = { binary_data_size: 8 };
      const head = JSON.stringify({ inputs: [{ ...input, data: undefined, shape, parameters }] });
      const body = new Blob([head, new Uint8Array(8)]);
      return refused(send(body, { 'inference-header-content-length': String(head.length) }));
    });
    await fc.assert(property, runs);
    await stillWell();
  });

  it('lengths of the JSON and sizes of the bytes that lie', async () => {
    const size = fc.oneof(oddSize, jsonValue);
    const property = fc.asyncProperty(
      fc.oneof(fc.integer({ min: -5, max: 500 }).map(String), fc.string({ maxLength: 20 }), oddSize.map(String)),
      size,
      fc.integer({ min: 0, max: 40 }),
      async (length, claimed, given) => {
        const input = { name: 'x', shape: [1, 2], datatype: 'FP32', parameters: { binary_data_size: claimed } };
        const head = JSON.stringify({ inputs: [input] });
        fc.pre(!(claimed === 8 && given === 8));
        const body = [head, new Uint8Array(given)];
        await refused(send(new Blob(body), { 'inference-header-content-length': String(head.length) }));
        // A length that the other side reads as a header at all.
        fc.pre(/^[\x21-\x7e]*$/.test(length) && length !== String(head.length) && Number(length) !== 0);
        await refused(send(new Blob(body), { 'inference-header-content-length': length }));
      },
    );
    await fc.assert(property, runs);
    await stillWell();
  });

  it('bodies past the limit: declared, undeclared, declared too small, and packed', async () => {
    const kind = fc.constantFrom('declared', 'undeclared', 'too small', 'packed');
    const property = fc.asyncProperty(kind, fc.integer({ min: 1, max: 200_000 }), async (how, past) => {
      const bytes = new Uint8Array(maxBodyBytes + past).fill(32);
      const response =
        how === 'declared'
          ? await send(new Blob([bytes]).stream(), { 'content-length': String(bytes.length) })
          : how === 'packed'
            ? await send(await gzip(bytes), { 'content-encoding': 'gzip' })
            : await send(new Blob([bytes]).stream(), how === 'too small' ? { 'content-length': '5' } : {});
      expect(await statusOf(response)).toBe(413);
    });
    await fc.assert(property, { numRuns: 1000 });
    await stillWell();
  });

  it('names of models that climb, on every path', async () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '..',
        '.',
        '%2e%2e',
        '%2f',
        '%5c',
        '\\',
        '%00',
        '%',
        '%zz',
        'etc',
        'passwd',
        '__proto__',
        ';',
        '~',
      ),
      fc.string({ maxLength: 8 }).map(encodeURIComponent),
    );
    const name = fc.array(piece, { minLength: 1, maxLength: 8 }).map((pieces) => pieces.join(''));
    const path = fc.constantFrom<(name: string) => [method: string, path: string]>(
      (each) => ['GET', `models/${each}/config`],
      (each) => ['GET', `models/${each}/stats`],
      (each) => ['GET', `models/${each}/ready`],
      (each) => ['GET', `models/mock/versions/${each}/ready`],
      (each) => ['POST', `models/${each}/infer`],
      (each) => ['POST', `repository/models/${each}/load`],
      (each) => ['POST', `repository/models/${each}/unload`],
    );
    const property = fc.asyncProperty(name, path, async (text, pathOf) => {
      fc.pre(!/^(mock|spare|1|stats)$/.test(text));
      const [method, tail] = pathOf(text);
      // A URL that is read goes up by itself; the tests of the server send what no client leaves so.
      fc.pre(new URL(`http://test/v2/${tail}`).pathname === `/v2/${tail}`);
      const body = method === 'POST' ? { body: goodText } : {};
      await refused(handle(new Request(`http://test/v2/${tail}`, { method, ...body })));
    });
    await fc.assert(property, runs);
    expect(loads).toBe(0);
    await stillWell();
  });

  it('headers that say anything', async () => {
    const value = fc.string({ maxLength: 40 }).filter((text) => /^[\x20-\x7e]*$/.test(text));
    const name = fc.constantFrom(
      'x-request-timeout-ms',
      'x-envoy-expected-rq-timeout-ms',
      'inference-header-content-length',
      'content-encoding',
      'content-length',
      'content-type',
      'accept-encoding',
    );
    const property = fc.asyncProperty(fc.dictionary(name, value), async (headers) => {
      const response = await send(goodText, headers);
      if (response.status !== 504) await statusOf(response);
    });
    await fc.assert(property, runs);
    await stillWell();
  });
});

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const packed = new Blob([bytes]).stream().pipeThrough(new CompressionStream('gzip'));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}
