import { describe, expect, it } from 'vitest';
import { createMlflowClient } from './client';
import { createFakeServer, type FakeAnswer, type SeenRequest } from './fake-server.fixture';

const uri = 'mlflow-artifacts:/0/run/artifacts/big files/a.bin';
const text = 'abcdefghijklmnopqrstuvwxyz';

/** A server with storage that takes parts. */
async function withStorage(answer: (request: SeenRequest) => FakeAnswer | undefined = () => undefined) {
  const server = await createFakeServer((request) => {
    const given = answer(request);
    if (given !== undefined) return given;
    if (request.url.includes('/mpu/create/')) {
      const { num_parts: count } = JSON.parse(request.body) as { num_parts: number };
      const numbers = Array.from({ length: count }, (_, index) => count - index);
      const credentials = numbers.map((part_number) => ({
        url: `${server.url}/storage/${part_number}?signature=secret`,
        part_number,
        headers: { 'x-part': String(part_number) },
      }));
      return { body: { upload_id: 'u1', credentials } };
    }
    return request.url.startsWith('/storage/') ? { headers: { etag: `"${request.url.slice(9, 10)}"` } } : {};
  });
  return server;
}

const clientOf = (url: string) =>
  createMlflowClient({
    url,
    auth: { token: 'token-1' },
    multipart: { leastBytes: 20, partBytes: 10 },
    retry: { retries: 1, backoffMs: 1, jitterMs: 0 },
  });
const bytes = new TextEncoder().encode(text);
const calls = (seen: readonly SeenRequest[]): string[] => seen.map(({ method, url }) => `${method} ${url}`);

describe('a large artifact', () => {
  it('goes in parts to where the server says, which is not told who asks', async () => {
    await using server = await withStorage();
    await clientOf(server.url).proxy.put(uri, bytes);
    const parts = server.seen.filter(({ url }) => url.startsWith('/storage/'));
    expect(parts.map(({ body }) => body)).toEqual(['uvwxyz', 'klmnopqrst', 'abcdefghij']);
    expect(parts[0]?.headers).toMatchObject({ 'x-part': '3', 'content-length': '6' });
    expect(parts[0]?.headers.authorization).toBeUndefined();
    expect(calls(server.seen)).toEqual([
      'POST /api/2.0/mlflow-artifacts/mpu/create/0/run/artifacts/big%20files',
      ...[3, 2, 1].map((part) => `PUT /storage/${part}?signature=secret`),
      'POST /api/2.0/mlflow-artifacts/mpu/complete/0/run/artifacts/big%20files',
    ]);
    expect(server.json(0)).toEqual({ path: 'a.bin', num_parts: 3 });
    expect(server.json(4)).toEqual({
      path: 'a.bin',
      upload_id: 'u1',
      parts: [1, 2, 3].map((part) => ({
        part_number: part,
        etag: `"${part}"`,
        url: `${server.url}/storage/${part}?signature=secret`,
      })),
    });
  });

  it('is read part by part where it lies in a file', async () => {
    await using server = await withStorage();
    const asked: string[] = [];
    await clientOf(server.url).proxy.put(uri, {
      size: bytes.byteLength,
      async *read(from, to) {
        asked.push(`${from}-${to}`);
        for (let at = from; at < to; at += 3) yield bytes.subarray(at, Math.min(at + 3, to));
      },
    });
    expect(asked).toEqual(['20-26', '10-20', '0-10']);
  });

  it('goes in one request where storage does not offer parts, which is asked once', async () => {
    await using server = await withStorage(({ url }) =>
      url.includes('/mpu/') ? { status: 501, body: { error_code: 'NOT_IMPLEMENTED', message: 'no' } } : undefined,
    );
    const { proxy } = clientOf(server.url);
    await proxy.put(uri, bytes);
    await proxy.put(uri, bytes);
    expect(server.seen.map(({ method }) => method)).toEqual(['POST', 'PUT', 'PUT']);
    expect(server.seen[1]?.body).toBe(text);
  });

  it('goes in one request where it is small, or where nobody knows its size', async () => {
    await using server = await withStorage();
    const { proxy } = clientOf(server.url);
    await proxy.put(uri, bytes.subarray(0, 20));
    await proxy.put(uri, async function* () {
      yield bytes;
    });
    expect(server.seen.map(({ method, body }) => [method, body])).toEqual([
      ['PUT', text.slice(0, 20)],
      ['PUT', text],
    ]);
  });

  it('whose part fails is tried again, then given up, with no address in the error', async () => {
    await using server = await withStorage(({ url }) => (url.startsWith('/storage/2') ? { status: 503 } : undefined));
    const failed = clientOf(server.url).proxy.put(uri, bytes);
    await expect(failed).rejects.toMatchObject({ code: 'REMOTE_FAILED' });
    await failed.catch((error: Error) => expect(error.message).not.toContain('secret'));
    expect(calls(server.seen).filter((call) => call.includes('/storage/2'))).toHaveLength(2);
    expect(calls(server.seen).at(-1)).toBe('POST /api/2.0/mlflow-artifacts/mpu/abort/0/run/artifacts/big%20files');
  });

  it('that changes meanwhile is given up', async () => {
    await using server = await withStorage();
    const shrinking = {
      size: 26,
      async *read() {
        yield bytes.subarray(0, 4);
      },
    };
    await expect(clientOf(server.url).proxy.put(uri, shrinking)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect(calls(server.seen).at(-1)).toContain('/mpu/abort/');
  });

  it('of which the server answers too few addresses is given up', async () => {
    await using server = await withStorage(({ url }) =>
      url.includes('/mpu/create/') ? { body: { upload_id: 'u1' } } : undefined,
    );
    await expect(clientOf(server.url).proxy.put(uri, bytes)).rejects.toMatchObject({ code: 'PROTOCOL_ERROR' });
    expect(calls(server.seen).at(-1)).toContain('/mpu/abort/');
  });
});
