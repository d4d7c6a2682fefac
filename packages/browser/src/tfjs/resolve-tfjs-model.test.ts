import { createHash } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { packTar, unpackTar } from '@fairlead/core/tfjs';
import { afterEach, describe, expect, it } from 'vitest';
import { resolveTfjsModel } from './resolve-tfjs-model';

const servers: Server[] = [];
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** Serves files by their path; a function answers by itself. What is not there is a 404. */
async function serve(
  files: Readonly<Record<string, Uint8Array | string | RequestListener>>,
): Promise<{ readonly base: string; readonly asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const file = files[decodeURIComponent(new URL(request.url ?? '', 'http://site').pathname)];
    if (typeof file === 'function') file(request, response);
    else if (file === undefined) response.writeHead(404).end();
    else response.end(file);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { base: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, asked };
}

const weights = [
  Uint8Array.from({ length: 20 }, (_, index) => index),
  Uint8Array.from({ length: 12 }, () => 7),
] as const;
const manifest = [{ paths: ['a 1.bin', 'deep/b.bin'], weights: [{ name: 'w', shape: [2, 4], dtype: 'float32' }] }];
const json = (weightsManifest: unknown = manifest): string =>
  JSON.stringify({ modelTopology: { node: [] }, weightsManifest });
const whole = { '/digits/model.json': json(), '/digits/a 1.bin': weights[0], '/digits/deep/b.bin': weights[1] };
const page = '<!doctype html><title>App</title>';

const resolve = (
  base: string,
  reference = 'digits/model.json',
  more: { maxBytes?: number; signal?: AbortSignal } = {},
) => resolveTfjsModel(reference, { base, maxBytes: 1_000_000, ...more });

describe('resolveTfjsModel', () => {
  it('makes one archive of model.json and its weights, whose digest covers both', async () => {
    const { base, asked } = await serve(whole);
    const model = await resolve(base, 'digits/model.json?key=1');
    expect(Object.fromEntries(unpackTar(model.bytes))).toEqual({
      'model.json': encode(json()),
      'a 1.bin': weights[0],
      'deep/b.bin': weights[1],
    });
    const digest = createHash('sha256').update(model.bytes).digest('hex');
    expect(model).toMatchObject({ digest, name: 'digits', version: digest.slice(0, 12) });
    // A signed URL may sign the whole folder.
    expect(asked.sort()).toEqual(['/digits/a%201.bin?key=1', '/digits/deep/b.bin?key=1', '/digits/model.json?key=1']);
  });

  it('takes an archive as it is, and names a model by its file or folder', async () => {
    const archive = packTar([{ path: 'model.json', bytes: encode(json([])) }]);
    const { base } = await serve({ '/m/iris.tar': archive, '/m/iris.json': json([]), '/model.json': json([]) });
    const model = await resolve(base, 'm/iris.tar');
    expect(model.name).toBe('iris');
    expect(Buffer.compare(model.bytes, archive)).toBe(0);
    expect(await resolve(base, 'm/iris.json')).toMatchObject({ name: 'iris', digest: model.digest });
    expect((await resolve(base, 'model.json')).name).toBe('model');
  });

  it('finds what lies beside the model', async () => {
    const { base } = await serve({ ...whole, '/digits/model.golden.json': '{}', '/digits/model.md': '# Digits' });
    const model = await resolve(base);
    expect(await model.sidecar('golden')).toEqual(encode('{}'));
    expect(await model.sidecar('card')).toEqual(encode('# Digits'));
    expect(await model.sidecar('reference')).toBeUndefined();
  });

  const cut: RequestListener = (_request, response) => {
    response.writeHead(200, { 'content-length': 20 });
    response.write(weights[0].subarray(0, 5), () => response.destroy());
  };

  it.each<[string, Parameters<typeof serve>[0], string, RegExp]>([
    ['no model.json', {}, 'MODEL_NOT_FOUND', /model\.json answered with status 404/],
    ['a page', { '/digits/model.json': page }, 'MODEL_INVALID', /an HTML page in place of a TensorFlow\.js model/],
    ['nothing', { '/digits/model.json': '' }, 'MODEL_INVALID', /an empty file in place of/],
    ['other JSON', { '/digits/model.json': '{"name":"x"}' }, 'MODEL_INVALID', /"modelTopology" in its model\.json/],
    ['half a model.json', { '/digits/model.json': json().slice(0, -5) }, 'MODEL_INVALID', /model\.json is no JSON/],
    [
      'a weights file that is not there',
      { ...whole, '/digits/deep/b.bin': (_request, response) => void response.writeHead(404).end() },
      'MODEL_NOT_FOUND',
      /b\.bin answered with status 404.* It is a weights file that http\S+model\.json names: deploy it beside it/,
    ],
    [
      'a page in place of weights',
      { ...whole, '/digits/deep/b.bin': '<html>' },
      'MODEL_INVALID',
      /b\.bin is an HTML page in place of a weights file/,
    ],
    [
      'a long page in place of weights',
      { ...whole, '/digits/deep/b.bin': page.padEnd(500) },
      'MODEL_INVALID',
      /b\.bin is larger than 32 bytes\. It is a weights file of http/,
    ],
    [
      'weights that are too short',
      { ...whole, '/digits/deep/b.bin': weights[1].subarray(1) },
      'MODEL_INVALID',
      /its weights need 32 bytes, and a 1\.bin, deep\/b\.bin has 31\. The files are damaged/,
    ],
    ['a broken connection', { ...whole, '/digits/a 1.bin': cut }, 'REMOTE_FAILED', /broke off after 5 of 20 bytes/],
    [
      'paths that lead out',
      { '/digits/model.json': json([{ paths: ['../secret.bin'], weights: [] }]) },
      'MODEL_INVALID',
      /no path below the folder of model\.json/,
    ],
  ])('says what to do about %s', async (_what, files, code, message) => {
    const { base } = await serve(files);
    await expect(resolve(base)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('asks for no weights of a model that is too large', async () => {
    const { base, asked } = await serve(whole);
    await expect(resolve(base, 'digits/model.json', { maxBytes: json().length + 31 })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: expect.stringMatching(/model\.json with its weights is larger than \d+ bytes\. Raise maxModelBytes/),
    });
    expect(asked).toEqual(['/digits/model.json']);
  });

  it('counts strings, whose size model.json does not tell, as they come', async () => {
    const strings = [{ paths: ['s.bin'], weights: [{ name: 's', shape: [1], dtype: 'string' }] }];
    const { base } = await serve({ '/digits/model.json': json(strings), '/digits/s.bin': new Uint8Array(500) });
    expect((await resolve(base)).bytes.byteLength).toBeGreaterThan(500);
    await expect(resolve(base, 'digits/model.json', { maxBytes: 499 })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
  });

  it('asks for an archive where nothing can lie beside model.json', async () => {
    await expect(resolve('http://site/', `data:application/json,${encodeURIComponent(json())}`)).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.stringContaining('give a tar archive of the folder'),
    });
    expect((await resolve('http://site/', `data:application/json,${encodeURIComponent(json([]))}`)).name).toBe('model');
  });

  it('ends when it is aborted', async () => {
    const controller = new AbortController();
    const { base } = await serve({ ...whole, '/digits/a 1.bin': () => controller.abort() });
    await expect(resolve(base, 'digits/model.json', { signal: controller.signal })).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });
});
