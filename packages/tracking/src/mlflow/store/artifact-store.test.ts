import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../fixtures/temporary-folder';
import { createMlflowClient } from '../client';
import { startFakeMlflow, type Trouble } from '../fake-mlflow.fixture';
import type { SeenRequest } from '../fake-server.fixture';
import { createMlflowStore } from './mlflow-store';
import { holdStream } from './upload-source';

const run = 'a'.repeat(32);
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const helloDigest = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';

async function* streamOf(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield bytesOf(text);
}

async function textOf(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const piece of pieces) parts.push(piece);
  return Buffer.concat(parts).toString();
}

async function aStore(trouble?: (request: SeenRequest) => Trouble) {
  const server = await startFakeMlflow(trouble);
  const retry = { retries: 1, backoffMs: 1, jitterMs: 0 };
  const open = () => createMlflowStore({ client: createMlflowClient({ url: server.url, auth: 'none', retry }) });
  const store = open();
  const writer = await store.runs.create({ type: 'start', at: 1, id: run, experiment: 'e', name: 'n', leaseUntil: 2 });
  return {
    server,
    store,
    open,
    writer,
    artifacts: store.artifacts,
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
  };
}

describe('the artifacts of a run on a server', () => {
  it('lie under their names, whatever they come from', async () => {
    await using kit = await aStore();
    const path = join(await temporaryFolder(), 'x');
    await writeFile(path, 'hello');
    const seen: unknown[] = [];
    const onProgress = (progress: unknown): void => void seen.push(progress);
    for (const [name, source] of Object.entries({ a: bytesOf('hello'), 'b/c': path, d: streamOf('hel', 'lo') })) {
      const blob = await kit.artifacts.put(source, { place: { run, name }, onProgress });
      expect(blob).toEqual({ digest: helloDigest, size: 5 });
      expect(await textOf(kit.artifacts.stream({ place: { run, name }, digest: helloDigest }, { offset: 3 }))).toBe(
        'lo',
      );
    }
    expect([...kit.server.files.keys()].map((file) => file.split('artifacts/')[1])).toEqual(['a', 'b/c', 'd']);
    expect(seen.at(-1)).toEqual({ sentBytes: 5, totalBytes: 5 });
    // By its digest alone, as a registry asks for it.
    expect(await kit.artifacts.stat({ digest: helloDigest })).toEqual({ digest: helloDigest, size: 5 });
  });

  it('may be empty, though the server tells no size of such a one', async () => {
    await using kit = await aStore();
    for (const place of [{ place: { run, name: 'a/empty' } }, {}]) {
      const blob = await kit.artifacts.put(new Uint8Array(), place);
      expect(blob.size).toBe(0);
      expect(await kit.open().artifacts.read({ ...blob, ...place })).toEqual(new Uint8Array());
    }
  });

  it('of another size than was said are not kept', async () => {
    await using kit = await aStore();
    for (const source of [bytesOf('hello'), streamOf('hello'), streamOf('hello', 'more')]) {
      const kept = kit.artifacts.put(source, { place: { run, name: 'a' }, size: 7 });
      await expect(kept).rejects.toMatchObject({ code: 'DIGEST_MISMATCH', details: { field: 'size', expected: '7' } });
    }
    expect(kit.server.files.size).toBe(0);
  });

  it('are refused where there is no such run, file or source', async () => {
    await using kit = await aStore();
    const { artifacts } = kit;
    const place = { run: 'b'.repeat(32), name: 'a' };
    await expect(artifacts.put(bytesOf('x'), { place })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(artifacts.put('/no/such/file', { place: { run, name: 'a' } })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await expect(artifacts.put(7 as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(artifacts.read({ place })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const signal = AbortSignal.abort();
    await expect(artifacts.put(bytesOf('x'), { place: { run, name: 'a' }, signal })).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });

  it('are sent again after an answer that failed, but a stream is not', async () => {
    let failures = 2;
    await using kit = await aStore(({ method }) => (method === 'PUT' && failures-- > 0 ? { status: 503 } : undefined));
    const streamed = kit.artifacts.put(streamOf('hello'), { place: { run, name: 'a' } });
    await expect(streamed).rejects.toMatchObject({
      code: 'REMOTE_FAILED',
      message: expect.stringContaining('second time'),
    });
    expect(await kit.artifacts.put(bytesOf('hello'), { place: { run, name: 'a' } })).toMatchObject({ size: 5 });
  });

  it('that were written over or removed are known as what lies there', async () => {
    await using kit = await aStore();
    for (const name of ['same', 'over', 'gone']) {
      const blob = await kit.artifacts.put(bytesOf('hello'), { place: { run, name } });
      kit.writer.append({ type: 'artifact', at: 3, name, ...blob, kind: 'text' });
    }
    await kit.writer.flush('remote');
    const [over, gone] = ['over', 'gone'].map((name) =>
      [...kit.server.files.keys()].find((file) => file.endsWith(name)),
    );
    kit.server.files.set(over ?? '', 'something else');
    kit.server.files.delete(gone ?? '');
    const read = await kit.open().runs.read(run);
    expect(read?.artifacts).toEqual([
      { name: 'same', digest: helloDigest, size: 5, loggedAt: 3, kind: 'text' },
      { name: 'over', size: 14, loggedAt: 1 },
    ]);
    const place = { run, name: 'over' };
    expect((await kit.artifacts.stat({ place }))?.digest).not.toBe(helloDigest);
    expect(await textOf(kit.artifacts.stream({ place }))).toBe('something else');
    await expect(textOf(kit.artifacts.stream({ place, size: 5 }))).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    const wrong = kit.artifacts.stream({ place, digest: helloDigest });
    await expect(textOf(wrong)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  it('have no part past their end', async () => {
    await using kit = await aStore();
    await kit.artifacts.put(bytesOf('hello'), { place: { run, name: 'a' } });
    const stream = kit.artifacts.stream({ place: { run, name: 'a' } }, { offset: 6 });
    await expect(textOf(stream)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('bytes that belong to no run', () => {
  it('lie by their digest, once, where every process finds them', async () => {
    await using kit = await aStore();
    expect(await kit.artifacts.stat({ digest: helloDigest })).toBeUndefined();
    for (const source of [bytesOf('hello'), streamOf('he', 'llo')]) {
      expect(await kit.artifacts.put(source)).toEqual({ digest: helloDigest, size: 5 });
    }
    const [path = '', ...others] = kit.server.files.keys();
    expect(path).toContain(`blobs/2c/${helloDigest}`);
    expect(others).toEqual([]);
    expect(kit.server.seen.filter(({ method }) => method === 'PUT')).toHaveLength(1);
    const other = kit.open().artifacts;
    expect(await other.read({ digest: helloDigest })).toEqual(bytesOf('hello'));
    kit.server.files.set(path, 'HELLO');
    await expect(other.read({ digest: helloDigest })).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    await expect(other.read({ digest: 'd'.repeat(64) })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('may be a stream only as far as memory is given to it', async () => {
    await expect(holdStream(streamOf('hello', 'world'), {}, 9)).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: expect.stringContaining('Give a file'),
    });
    expect(await holdStream(streamOf('hello', 'world'), {}, 10)).toEqual(bytesOf('helloworld'));
  });
});
