import { describe, expect, it } from 'vitest';
import { createMlflowClient } from './client';
import { collect, createFakeServer, type FakeAnswer } from './fake-server.fixture';

const id = 'b'.repeat(32);
const retry = { backoffMs: 1, maxBackoffMs: 1, jitterMs: 0 };

function withRun(answer: (method: string, count: number) => FakeAnswer, uri = `mlflow-artifacts:/0/${id}/artifacts`) {
  let count = 0;
  return createFakeServer(({ method, url }) => {
    const info = { run_id: id, experiment_id: '0', artifact_uri: uri };
    return url.includes('/runs/get') ? { body: { run: { info } } } : answer(method, count++);
  });
}

const clientOf = (url: string) => createMlflowClient({ url, auth: 'none', retry });

async function textOf(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat(await collect(pieces)).toString();
}

describe('artifacts by the proxy', () => {
  it('are sent where the run keeps them, from a stream that is made anew for every attempt', async () => {
    await using server = await withRun((_, count) => (count === 0 ? { status: 503 } : {}));
    let made = 0;
    const body = async function* () {
      made++;
      yield new TextEncoder().encode('hello ');
      yield new TextEncoder().encode('world');
    };
    await clientOf(server.url).artifacts.put(id, 'a b/ü#.txt', body, { mediaType: 'text/plain' });
    const puts = server.seen.filter(({ method }) => method === 'PUT');
    expect(made).toBe(2);
    expect(puts[1]).toMatchObject({
      url: `/api/2.0/mlflow-artifacts/artifacts/0/${id}/artifacts/a%20b/${encodeURIComponent('ü#.txt')}`,
      body: 'hello world',
    });
    expect(puts[1]?.headers['content-type']).toBe('text/plain');
  });

  it('are read in pieces, from an offset on where one is given', async () => {
    await using server = await withRun(() => ({ body: 'hello world' }));
    const { artifacts } = clientOf(server.url);
    expect(await textOf(artifacts.get(id, 'x.txt'))).toBe('hello world');
    expect(await textOf(artifacts.get(id, 'x.txt', { offset: 6 }))).toBe('world');
    await expect(textOf(artifacts.get(id, 'x.txt', { offset: 12 }))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  it('are never short without an error', async () => {
    await using server = await withRun(() => ({ body: 'hel', headers: { 'content-length': '11' }, cut: true }));
    await expect(textOf(clientOf(server.url).artifacts.get(id, 'x.txt'))).rejects.toMatchObject({
      code: 'REMOTE_FAILED',
    });
  });

  it('fail at once with the error of their own source', async () => {
    await using server = await withRun(() => ({}));
    let made = 0;
    const body = async function* (): AsyncGenerator<Uint8Array> {
      made++;
      yield new Uint8Array(1);
      throw new Error('disk gone');
    };
    await expect(clientOf(server.url).artifacts.put(id, 'x', body)).rejects.toThrow('disk gone');
    expect(made).toBe(1);
  });

  it('that lie elsewhere are refused with what to do', async () => {
    await using server = await withRun(() => ({}), 's3://bucket/0/x');
    await expect(clientOf(server.url).artifacts.put(id, 'x', new Uint8Array(1))).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('--serve-artifacts'),
    });
  });

  it.each(['', '/etc/passwd', '../up', 'a/../../b', 'a\\b'])('have no name such as %j', async (name) => {
    await using server = await withRun(() => ({}));
    const { artifacts } = clientOf(server.url);
    await expect(artifacts.put(id, name, new Uint8Array(1))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(textOf(artifacts.get(id, name))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(server.seen).toHaveLength(0);
  });
});
