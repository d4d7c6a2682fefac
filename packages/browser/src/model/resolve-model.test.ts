import { createHash } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { resolveModel } from './resolve-model';

const servers: Server[] = [];

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

afterEach(async () => {
  vi.unstubAllGlobals();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

const bytes = Uint8Array.from({ length: 200_000 }, (_, index) => (index === 0 ? 8 : index % 251));
const sha256 = createHash('sha256').update(bytes).digest('hex');
const resolve = (base: string, reference = 'digits.onnx', options: { maxBytes?: number; signal?: AbortSignal } = {}) =>
  resolveModel(reference, { base, maxBytes: 1_000_000, ...options });

describe('resolveModel', () => {
  it('fetches the bytes, whether the server tells their number or not', async () => {
    for (const headers of [{ 'content-length': bytes.length }, {}]) {
      const base = await serve((_request, response) => response.writeHead(200, headers).end(bytes));
      const model = await resolve(base, 'models/digits.onnx?x=1');
      expect(Buffer.compare(model.bytes, bytes)).toBe(0);
      expect(model).toMatchObject({ digest: sha256, name: 'digits', version: sha256.slice(0, 12) });
    }
  });

  it('finds the digest in a page that is not secure too', async () => {
    const base = await serve((_request, response) => response.end(bytes));
    vi.stubGlobal('crypto', {});
    expect((await resolve(base)).digest).toBe(sha256);
  });

  it('finds what lies beside the model, and knows when nothing does', async () => {
    const asked: (string | undefined)[] = [];
    const base = await serve((request, response) => {
      asked.push(request.url);
      if (request.url === '/m/digits.onnx') response.end(bytes);
      else if (request.url === '/m/digits.golden.json') response.end('{"rows":[]}');
      else if (request.url === '/m/digits.md') response.end('<!doctype html><title>App</title>');
      else response.writeHead(404).end();
    });
    const model = await resolve(base, 'm/digits.onnx');
    expect(new TextDecoder().decode(await model.sidecar('golden'))).toBe('{"rows":[]}');
    expect(await model.sidecar('reference')).toBeUndefined();
    expect(await model.sidecar('card')).toBeUndefined();
    expect(asked.slice(1)).toEqual([
      '/m/digits.golden.json',
      '/m/digits.reference.json',
      '/m/digits.card.md',
      '/m/digits.md',
    ]);
  });

  it('takes no answer for nothing only from another origin, where a 404 may look like that', async () => {
    const base = await serve((request, response) => {
      if (request.url === '/digits.onnx') response.end(bytes);
      else request.socket.destroy();
    });
    const model = await resolve(base, 'digits.onnx');
    await expect(model.sidecar('golden')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
    vi.stubGlobal('location', { origin: 'https://app.example.com' });
    expect(await model.sidecar('golden')).toBeUndefined();
  });

  it.each([
    [404, 'MODEL_NOT_FOUND', 'Check the path'],
    [403, 'MODEL_NOT_FOUND', 'rights'],
    [503, 'REMOTE_FAILED', 'try again'],
  ])('reads status %i as %s', async (status, code, advice) => {
    const base = await serve((_request, response) => response.writeHead(status).end('no'));
    await expect(resolve(base, 'digits.onnx?token=secret')).rejects.toMatchObject({
      code,
      message: expect.stringMatching(new RegExp(`/digits\\.onnx answered with status ${status}.*${advice}`)),
      details: expect.objectContaining({ status }),
    });
  });

  it('says what may be wrong when nobody answers', async () => {
    const base = await serve(() => undefined);
    servers[0]?.close();
    await expect(resolve(base)).rejects.toMatchObject({
      code: 'MODEL_NOT_FOUND',
      message: expect.stringContaining('check the address'),
    });
    vi.stubGlobal('location', { origin: 'https://app.example.com' });
    await expect(resolve(base)).rejects.toMatchObject({
      message: expect.stringContaining('"Access-Control-Allow-Origin: https://app.example.com"'),
    });
    vi.stubGlobal('navigator', { onLine: false });
    await expect(resolve(base)).rejects.toMatchObject({ message: expect.stringContaining('offline') });
  });

  it.each([
    ['\n <!DOCTYPE html><title>App</title>', 'an HTML page'],
    ['{"error":"unknown"}', 'a JSON text'],
    ['version https://git-lfs.github.com/spec/v1\noid sha256:1', 'a Git LFS pointer'],
    ['', 'an empty file'],
  ])('refuses %j in place of a model', async (body, given) => {
    const base = await serve((_request, response) => response.end(body));
    await expect(resolve(base)).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      details: expect.objectContaining({ given }),
    });
  });

  it('asks for no more than the limit, whether the server tells the size or not', async () => {
    for (const headers of [{ 'content-length': bytes.length }, {}]) {
      const base = await serve((_request, response) => response.writeHead(200, headers).end(bytes));
      await expect(resolve(base, 'digits.onnx', { maxBytes: bytes.length - 1 })).rejects.toMatchObject({
        code: 'LIMIT_EXCEEDED',
        message: expect.stringContaining('maxModelBytes'),
      });
      expect((await resolve(base, 'digits.onnx', { maxBytes: bytes.length })).bytes.length).toBe(bytes.length);
    }
  });

  it('says how far a download came that broke off', async () => {
    const base = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, 70_000), () => response.destroy());
    });
    await expect(resolve(base)).rejects.toMatchObject({
      code: 'REMOTE_FAILED',
      message: expect.stringMatching(/broke off after \d+ of 200000 bytes/),
    });
  });

  it('stops a download that its caller gave up, before the answer and in its midst', async () => {
    const silent = await serve(() => undefined);
    const early = new AbortController();
    const waiting = resolve(silent, 'digits.onnx', { signal: early.signal });
    early.abort('gone');
    await expect(waiting).rejects.toMatchObject({ code: 'ABORTED', cause: 'gone' });

    const late = new AbortController();
    const half = await serve((_request, response) => {
      response.writeHead(200);
      response.write(bytes.subarray(0, 1000), () => late.abort('gone'));
    });
    await expect(resolve(half, 'digits.onnx', { signal: late.signal })).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
