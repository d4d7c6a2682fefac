import { mkdir, readdir, readFile, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Hex, systemClock } from '@fairlead/core';
import { describe, expect, test } from 'vitest';
import type { Files } from '../files/files';
import { nodeFiles } from '../files/node-files';
import { createFaultyFiles } from '../fixtures/faulty-files';
import { temporaryFolder } from '../fixtures/temporary-folder';
import type { ArtifactStore, UploadProgress } from '../store/artifact-store';
import { createArtifactStore } from './artifact-store';

const mebibyte = 1 << 20;

/** Bytes that differ from place to place. */
function bytesOf(length: number, seed = 1): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (state * 48271) % 2147483647;
    return state & 0xff;
  });
}

interface Kit {
  readonly dir: string;
  readonly store: ArtifactStore;
  /** Names in the folder of unfinished uploads. */
  unfinished(): Promise<string[]>;
  kept(): Promise<string[]>;
}

async function open(files: Files = nodeFiles): Promise<Kit> {
  const dir = await temporaryFolder();
  await mkdir(join(dir, 'artifacts'));
  return {
    dir,
    store: createArtifactStore({ files, dir, clock: systemClock }),
    unfinished: () => readdir(join(dir, 'artifacts/.uploads')),
    kept: async () => (await readdir(join(dir, 'artifacts'))).filter((name) => !name.startsWith('.')),
  };
}

async function gather(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const piece of pieces) parts.push(piece);
  return Buffer.concat(parts);
}

/** Puts until so many bytes are kept, then stops as a caller does who gives up. */
async function putPart(store: ArtifactStore, source: Uint8Array | string, until: number): Promise<void> {
  const stop = new AbortController();
  const onProgress = ({ sentBytes }: UploadProgress): void => void (sentBytes >= until && stop.abort());
  await expect(store.put(source, { signal: stop.signal, onProgress })).rejects.toMatchObject({ code: 'ABORTED' });
}

describe('an upload', () => {
  test('tells how far it is, and of what', async () => {
    const { store, dir } = await open();
    const bytes = bytesOf(2.5 * mebibyte);
    await writeFile(join(dir, 'model.bin'), bytes);
    const seen: UploadProgress[] = [];
    const blob = await store.put(join(dir, 'model.bin'), { onProgress: (progress) => void seen.push(progress) });
    expect(blob).toEqual({ digest: await sha256Hex(bytes), size: bytes.byteLength });
    expect(seen).toEqual([1, 2, 2.5].map((part) => ({ sentBytes: part * mebibyte, totalBytes: 2.5 * mebibyte })));
    const ofStream: UploadProgress[] = [];
    await store.put(nodeFiles.stream(join(dir, 'model.bin')), {
      onProgress: (progress) => void ofStream.push(progress),
    });
    expect(ofStream.at(-1)).toEqual({ sentBytes: 2.5 * mebibyte });
  });

  test.for(['bytes', 'a file'])('of %s that was stopped goes on where it was', async (kind) => {
    const { store, dir, unfinished, kept } = await open();
    const bytes = bytesOf(5 * mebibyte);
    const path = join(dir, 'model.bin');
    await writeFile(path, bytes);
    const source = kind === 'bytes' ? bytes : path;
    await putPart(store, source, 3 * mebibyte);
    expect(await unfinished()).toEqual([expect.stringMatching(/\.parked$/)]);
    expect(await kept()).toEqual([]);
    const seen: number[] = [];
    const blob = await store.put(source, { onProgress: ({ sentBytes }) => void seen.push(sentBytes / mebibyte) });
    expect(seen).toEqual([3, 4, 5]);
    expect(blob.digest).toBe(await sha256Hex(bytes));
    expect(Buffer.compare(await store.read(blob), bytes)).toBe(0);
    expect(await unfinished()).toEqual([]);
  });

  test('that a dead process left goes on once it has been still for a minute', async () => {
    const { store, dir, unfinished } = await open();
    const bytes = bytesOf(3 * mebibyte);
    await putPart(store, bytes, 2 * mebibyte);
    const folder = join(dir, 'artifacts/.uploads');
    const [parked] = await unfinished();
    const left = (parked as string).replace('.parked', '.of-a-dead-process');
    await nodeFiles.rename(join(folder, parked as string), join(folder, left));
    const first = async (): Promise<number | undefined> => {
      const seen: number[] = [];
      await store.put(bytes, { onProgress: ({ sentBytes }) => void seen.push(sentBytes / mebibyte) });
      return seen[0];
    };
    expect(await first()).toBe(1);
    expect(await unfinished()).toEqual([left]);
    const longAgo = (Date.now() - 61_000) / 1000;
    await utimes(join(folder, left), longAgo, longAgo);
    expect(await first()).toBe(2);
    expect(await unfinished()).toEqual([]);
  });

  test('begins anew where what was kept is no longer the beginning of the source', async () => {
    const { store, dir, unfinished } = await open();
    const bytes = bytesOf(3 * mebibyte);
    await putPart(store, bytes, 2 * mebibyte);
    const [parked] = await unfinished();
    const path = join(dir, 'artifacts/.uploads', parked as string);
    const damaged = await readFile(path);
    damaged[100_000] = (damaged[100_000] as number) ^ 1;
    await writeFile(path, damaged);
    expect(await store.put(bytes)).toEqual({ digest: await sha256Hex(bytes), size: bytes.byteLength });

    const file = join(dir, 'model.bin');
    await writeFile(file, bytes);
    await putPart(store, file, 2 * mebibyte);
    const other = bytesOf(3 * mebibyte, 7);
    await writeFile(file, other);
    const blob = await store.put(file);
    expect(blob.digest).toBe(await sha256Hex(other));
  });

  test('removes what lies about for more than a week', async () => {
    const { store, dir, unfinished } = await open();
    await putPart(store, bytesOf(3 * mebibyte), 2 * mebibyte);
    const [parked] = await unfinished();
    const longAgo = Date.now() / 1000 - 8 * 86_400;
    await utimes(join(dir, 'artifacts/.uploads', parked as string), longAgo, longAgo);
    await store.put(bytesOf(10));
    expect(await unfinished()).toEqual([]);
  });

  test('of the same content by many at once keeps it once', async () => {
    const { store, dir, kept, unfinished } = await open();
    const bytes = bytesOf(2 * mebibyte);
    const other = createArtifactStore({ files: nodeFiles, dir, clock: systemClock });
    const blobs = await Promise.all(Array.from({ length: 12 }, (_, i) => (i % 2 ? store : other).put(bytes)));
    expect(new Set(blobs.map(({ digest }) => digest)).size).toBe(1);
    expect(await kept()).toEqual([blobs[0]?.digest]);
    expect(await unfinished()).toEqual([]);
    expect(Buffer.compare(await store.read(blobs[0] as { digest: string }), bytes)).toBe(0);
  });

  test('of another size than was said keeps nothing', async () => {
    const { store, kept, unfinished } = await open();
    const pieces = async function* (): AsyncGenerator<Uint8Array> {
      yield bytesOf(10);
    };
    for (const size of [9, 11]) {
      await expect(store.put(pieces(), { size })).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
      await expect(store.put(bytesOf(10), { size })).rejects.toMatchObject({
        code: 'DIGEST_MISMATCH',
        details: { field: 'size', expected: String(size) },
      });
    }
    expect(await kept()).toEqual([]);
    expect(await unfinished()).toEqual([]);
  });

  test('goes on after a disk that was full', async () => {
    const faulty = createFaultyFiles();
    const { store, kept } = await open(faulty.files);
    const bytes = bytesOf(100);
    faulty.writeFault = 'ENOSPC';
    await expect(store.put(bytes)).rejects.toMatchObject({ code: 'STORE_FAILED', details: { errno: 'ENOSPC' } });
    expect(await kept()).toEqual([]);
    faulty.writeFault = undefined;
    const { digest } = await store.put(bytes);
    expect(await kept()).toEqual([digest]);
  });

  test.for([
    ['source', { source: 7 }],
    ['source', { source: '' }],
    ['source', { source: { length: 3 } }],
    ['size', { source: new Uint8Array(1), size: -1 }],
    ['size', { source: new Uint8Array(1), size: 1.5 }],
  ] as const)('refuses a bad %s: %j', async ([field, { source, ...options }]) => {
    const { store } = await open();
    await expect(store.put(source as never, options)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field },
    });
  });

  test('refuses pieces that are no bytes, and a path that leads nowhere', async () => {
    const { store, unfinished } = await open();
    const pieces = async function* (): AsyncGenerator<Uint8Array> {
      yield 'text' as never;
    };
    await expect(store.put(pieces())).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(store.put('/no/such/file')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await unfinished()).toEqual([]);
  });
});

describe('a stream', () => {
  test('gives the bytes from any offset on', async () => {
    const { store } = await open();
    const bytes = bytesOf(3 * mebibyte + 5);
    const blob = await store.put(bytes);
    for (const offset of [0, 1, mebibyte, bytes.byteLength - 1, bytes.byteLength]) {
      expect(Buffer.compare(await gather(store.stream(blob, { offset })), bytes.subarray(offset))).toBe(0);
    }
    for (const offset of [-1, 0.5, bytes.byteLength + 1, Number.NaN]) {
      await expect(gather(store.stream(blob, { offset }))).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        details: { field: 'offset' },
      });
    }
  });

  test('is checked at its end, and its size before', async () => {
    const { store, dir } = await open();
    const blob = await store.put(bytesOf(1000));
    await expect(gather(store.stream({ ...blob, size: 999 }))).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    await writeFile(join(dir, 'artifacts', blob.digest), bytesOf(1000, 9));
    await expect(gather(store.stream(blob))).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    await expect(store.read(blob)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    await truncate(join(dir, 'artifacts', blob.digest), 10);
    await expect(store.read(blob)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  test('says what is missing', async () => {
    const { store } = await open();
    const digest = '0'.repeat(64);
    await expect(store.read({ digest })).rejects.toMatchObject({ code: 'NOT_FOUND', details: { given: digest } });
    await expect(store.read({ digest: '../../etc' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(store.read({ place: { run: 'r', name: 'a' } })).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    expect(await store.stat({ digest })).toBeUndefined();
    expect(await store.stat({})).toBeUndefined();
  });
});

test('what is kept is listed with its age, renewed by a second put, and removed', async () => {
  const { store, dir, kept } = await open();
  const blob = await store.put(bytesOf(10));
  await utimes(join(dir, 'artifacts', blob.digest), 1000, 1000);
  const list = async () => {
    const found = [];
    for await (const one of store.digests?.() ?? []) found.push(one);
    return found;
  };
  expect(await list()).toEqual([{ ...blob, storedAt: 1_000_000 }]);
  await store.put(bytesOf(10));
  expect((await list())[0]?.storedAt).toBeGreaterThan(1_000_000);
  await store.remove?.('../fairlead.json');
  await store.remove?.(blob.digest);
  await store.remove?.(blob.digest);
  expect(await kept()).toEqual([]);
});

describe('a folder', () => {
  test('is walked in the order of its names, links within it followed', async () => {
    const dir = await temporaryFolder();
    await mkdir(join(dir, 'b/c'), { recursive: true });
    for (const name of ['z.txt', 'a.txt', 'b/c/d.txt']) await writeFile(join(dir, name), name);
    await symlink('b/c/d.txt', join(dir, 'link.txt'));
    await symlink('b', join(dir, 'also'));
    const found = await nodeFiles.walk(dir);
    expect(found.map(({ name }) => name)).toEqual(['a.txt', 'also/c/d.txt', 'b/c/d.txt', 'link.txt', 'z.txt']);
    for (const { path } of found) expect(await nodeFiles.size(path)).toBeGreaterThan(0);
  });

  test.for([
    ['that leaves it', '/etc/hostname'],
    ['that leaves it by its parent', '..'],
    ['that leads nowhere', 'nothing'],
    ['to itself', '.'],
  ] as const)('with a link %s is refused', async ([, goal]) => {
    const dir = await temporaryFolder();
    await mkdir(join(dir, 'in'));
    await symlink(goal, join(dir, 'in/link'));
    await expect(nodeFiles.walk(join(dir, 'in'))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('that is none is said', async () => {
    const dir = await temporaryFolder();
    await writeFile(join(dir, 'file'), '');
    for (const path of ['file', 'nothing']) {
      await expect(nodeFiles.walk(join(dir, path))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
  });
});
