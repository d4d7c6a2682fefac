import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Logger } from '../../logger';
import { createRunner } from '../../runner/create-runner';
import type { ModelRunner } from '../../runner/runner';
import { createMockBackend, mockModel } from '../../testing/index';
import { createHandler, type Handler, tensorflowServing, torchServe } from '../index';

/*
 * Whatever comes in the place of a body or a path, TensorFlow Serving's routes and TorchServe's answer it: 4xx with an error for what
 * is wrong, never a 5xx, never a rejection, and the model answers afterwards as before. 1000 cases for each kind and protocol,
 * 14000 in all.
 */

const runs = { numRuns: 1000 };
const errors: unknown[] = [];
/** A time that is no time at all is a 504, which is told to the log as well; an explainer that there is not a 501. */
const error: Logger['error'] = (details) =>
  void ((details as { status?: number }).status !== 504 && errors.push(details));
const logger: Logger = { debug() {}, info() {}, warn() {}, error };
let runner: ModelRunner;
let handle: Handler;

beforeAll(async () => {
  runner = await createRunner({
    model: mockModel('1'),
    backend: createMockBackend(),
    warmUp: false,
    lanes: 'inline',
    logger,
  });
  const protocols = [tensorflowServing({ versionLabels: { mock: { stable: '1' } } }), torchServe()];
  handle = createHandler({ mock: runner }, { protocols, maxBodyBytes: 20_000, maxTensorElements: 1000, logger });
});

afterAll(() => runner.close());

function send(path: string, body: BodyInit, headers: Record<string, string> = {}): Promise<Response> {
  return handle(new Request(`http://test${path}`, { method: 'POST', body, headers }));
}

async function statusOf(response: Response): Promise<number> {
  const text = await response.text();
  if (response.status === 200) return 200;
  expect(response.status).toBeGreaterThanOrEqual(400);
  expect(response.status).toBeLessThan(500);
  const { error: said, message } = JSON.parse(text) as { error?: string; message?: string };
  expect(said ?? message).toBeTruthy();
  expect(text).not.toMatch(/ at .+:\d+:\d+|node_modules|\.ts\b/);
  expect(text.length).toBeLessThan(2000);
  return response.status;
}

async function refused(response: Promise<Response>): Promise<void> {
  expect(await statusOf(await response)).not.toBe(200);
}

async function stillWell(): Promise<void> {
  expect(await statusOf(await send('/v1/models/mock:predict', '{"instances":[[1,2]]}'))).toBe(200);
  expect(await statusOf(await send('/predictions/mock', '[1,2]'))).toBe(200);
  expect(errors).toEqual([]);
}

const goodOf: Readonly<Record<string, string>> = {
  '/v1/models/mock:predict': '{"signature_name":"serving_default","instances":[{"x":[1,2]},{"x":[3,4]}]}',
  '/v1/models/mock:classify': '{"examples":[{"x":[1,2]}],"context":{}}',
  '/predictions/mock': '{"x":[[1,2],[3,4]]}',
};

const jsonValue = fc.jsonValue({ maxDepth: 6 });
/** Values that stand where a tensor does: deep, ragged, empty, past every range, and bytes. */
const oddTensor = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: 'large' }, tie('leaf'), fc.array(tie('value'), { maxLength: 4 })),
  leaf: fc.oneof(
    fc.double(),
    fc.constantFrom<unknown>(null, true, '', 'NaN', -0, 1e308, 2 ** 53, { b64: 'AA==' }, { b64: '?' }, { x: 1 }, {}),
  ),
})).value;
/** JSON with the bare tokens in it that Python writes. */
const bare = (value: unknown): string => JSON.stringify(value).replaceAll('"NaN"', 'NaN');

describe.each(Object.entries(goodOf))('hostile bodies for %s', (path, good) => {
  it('any bytes', async () => {
    const property = fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      await refused(send(path, bytes as Uint8Array<ArrayBuffer>));
    });
    await fc.assert(property, runs);
    await stillWell();
  });

  it('JSON that is cut off', async () => {
    const end = fc.integer({ min: 0, max: good.length - 1 });
    await fc.assert(
      fc.asyncProperty(end, (length) => refused(send(path, good.slice(0, length)))),
      runs,
    );
    await stillWell();
  });

  it('any JSON, and a good message in which something is another', async () => {
    const key = fc.constantFrom('instances', 'inputs', 'examples', 'context', 'signature_name', 'x', '__proto__');
    const property = fc.asyncProperty(jsonValue, key, async (value, at) => {
      await statusOf(await send(path, JSON.stringify(value)));
      const message = { ...(JSON.parse(good) as object), [at]: value };
      // Some of these are right, such as an empty context: then it is an answer.
      await statusOf(await send(path, JSON.stringify(message)));
    });
    await fc.assert(property, runs);
    await stillWell();
  });

  it('arrays of any depth and form, in rows and columns', async () => {
    const property = fc.asyncProperty(oddTensor, async (value) => {
      const messages = path.startsWith('/v1')
        ? [
            { instances: value },
            { instances: [value] },
            { inputs: value },
            { inputs: { x: value } },
            { examples: [{ x: value }] },
          ]
        : [value, { x: value }, { instances: value }];
      for (const message of messages) await statusOf(await send(path, bare(message)));
    });
    await fc.assert(property, runs);
    await stillWell();
  });
});

describe('hostile paths', () => {
  it('names of models, versions and labels that climb', async () => {
    const piece = fc.oneof(
      fc.constantFrom('..', '.', '%2e%2e', '%2f', '%5c', '%00', '%', '%zz', ':', '%3A', 'predict', '__proto__', ';'),
      fc.string({ maxLength: 8 }).map(encodeURIComponent),
    );
    const name = fc.array(piece, { minLength: 1, maxLength: 8 }).map((pieces) => pieces.join(''));
    const tail = fc.constantFrom<(each: string) => [method: string, path: string]>(
      (each) => ['GET', `v1/models/${each}`],
      (each) => ['GET', `v1/models/${each}/metadata`],
      (each) => ['POST', `v1/models/${each}:predict`],
      (each) => ['POST', `v1/models/mock/versions/${each}:predict`],
      (each) => ['POST', `v1/models/mock/labels/${each}:regress`],
      (each) => ['POST', `predictions/${each}`],
      (each) => ['PUT', `predictions/mock/${each}`],
      (each) => ['GET', `models/${each}`],
    );
    const property = fc.asyncProperty(name, tail, async (text, pathOf) => {
      fc.pre(!/^(|mock|1|stable|all)$/.test(text));
      const [method, path] = pathOf(text);
      fc.pre(new URL(`http://test/${path}`).pathname === `/${path}`);
      const body = method === 'GET' ? {} : { body: '{"instances":[[1,2]]}' };
      await refused(handle(new Request(`http://test/${path}`, { method, ...body })));
    });
    await fc.assert(property, runs);
    await stillWell();
  });

  it('queries and headers that say anything', async () => {
    const value = fc.string({ maxLength: 40 }).filter((text) => /^[\x20-\x7e]*$/.test(text));
    const header = fc.constantFrom(
      'x-request-timeout-ms',
      'content-encoding',
      'content-type',
      'content-length',
      'accept',
    );
    const property = fc.asyncProperty(fc.dictionary(header, value), value, async (headers, query) => {
      for (const path of ['/v1/models/mock:predict', '/predictions/mock']) {
        const response = await send(path, '{"instances":[[1,2]]}', headers);
        if (response.status !== 504) await statusOf(response);
      }
      for (const name of ['limit', 'next_page_token']) {
        const target = new URL('http://test/models');
        target.search = `${name}=${query}`;
        await statusOf(await handle(new Request(target)));
      }
    });
    await fc.assert(property, runs);
    await stillWell();
  });
});
