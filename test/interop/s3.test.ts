import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { sha256Hex } from '@fairlead/core';
import { type ArtifactStore, openTracker } from '@fairlead/tracking';
import { s3Artifacts } from '@fairlead/tracking/s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type S3Server, startS3Server } from './s3-server';
import { prepareMoto } from './setup';

const peer = prepareMoto();
const command = 'command' in peer ? peer.command : undefined;
const mebibyte = 1024 * 1024;
const partBytes = 5 * mebibyte;

function bytesOf(length: number, seed = 1): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (state * 48271) % 2147483647;
    return state & 0xff;
  });
}

async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += 700_000) yield bytes.subarray(at, at + 700_000);
}

describe.skipIf(command === undefined)('artifacts in a bucket', { timeout: 60_000 }, () => {
  let server: S3Server;
  let client: S3Client;
  let folder: string;
  let store: ArtifactStore;
  /** Names of the requests that were made. */
  const requests: string[] = [];
  let bucket = '';
  let buckets = 0;

  beforeAll(async () => {
    server = await startS3Server(command as string);
    folder = await mkdtemp(join(tmpdir(), 'fairlead-s3-'));
    client = new S3Client({
      endpoint: server.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      maxAttempts: 1,
    });
    client.middlewareStack.add(
      (next, context) => async (args) => {
        requests.push(String(context.commandName).replace('Command', ''));
        return next(args);
      },
      { step: 'initialize', name: 'count' },
    );
  }, 400_000);

  afterAll(async () => {
    client?.destroy();
    await server?.close();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  async function fresh(): Promise<void> {
    bucket = `artifacts-${++buckets}`;
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    store = s3Artifacts({ client, bucket, prefix: 'runs/kept', partBytes });
    requests.length = 0;
  }

  async function keys(): Promise<(string | undefined)[]> {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
    return Contents.map(({ Key }) => Key);
  }

  async function unfinished(): Promise<number> {
    return (await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads?.length ?? 0;
  }

  it('keeps bytes, files and streams under their digest, the same content once', async () => {
    await fresh();
    const small = bytesOf(1000);
    const large = bytesOf(12 * mebibyte);
    for (const bytes of [new Uint8Array(), small, large]) {
      const path = join(folder, 'source.bin');
      await writeFile(path, bytes);
      const digest = await sha256Hex(bytes);
      for (const source of [bytes, path, inPieces(bytes)]) {
        const seen: number[] = [];
        const blob = await store.put(source, { onProgress: ({ sentBytes }) => void seen.push(sentBytes) });
        expect(blob).toEqual({ digest, size: bytes.byteLength });
        expect(seen.at(-1)).toBe(bytes.byteLength);
      }
      expect(await store.stat({ digest })).toEqual({ digest, size: bytes.byteLength });
      expect(Buffer.compare(await store.read({ digest }), bytes)).toBe(0);
      for (const offset of [0, Math.floor(bytes.byteLength / 3), bytes.byteLength]) {
        const parts: Uint8Array[] = [];
        for await (const piece of store.stream({ digest }, { offset })) parts.push(piece);
        expect(Buffer.compare(Buffer.concat(parts), bytes.subarray(offset))).toBe(0);
      }
    }
    expect((await keys()).sort()).toEqual(
      (await Promise.all([new Uint8Array(), small, large].map(sha256Hex)))
        .map((digest) => `runs/kept/${digest}`)
        .sort(),
    );
    expect(await unfinished()).toBe(0);
  });

  it('goes on with the parts of an upload that was stopped', async () => {
    await fresh();
    const bytes = bytesOf(17 * mebibyte);
    const path = join(folder, 'stopped.bin');
    await writeFile(path, bytes);
    const stop = new AbortController();
    const onProgress = ({ sentBytes }: { sentBytes: number }): void => void (sentBytes > partBytes && stop.abort());
    await expect(store.put(path, { signal: stop.signal, onProgress })).rejects.toMatchObject({ code: 'ABORTED' });
    expect(await unfinished()).toBe(1);
    expect(await keys()).toEqual([]);
    requests.length = 0;
    const { digest } = await store.put(path);
    expect(requests.filter((name) => name === 'UploadPart')).toHaveLength(2);
    expect(requests).not.toContain('CreateMultipartUpload');
    expect(requests).toContain('ListParts');
    expect(await unfinished()).toBe(0);
    expect(Buffer.compare(await store.read({ digest }), bytes)).toBe(0);
  });

  it('leaves nothing of a stream that failed or had another size', async () => {
    await fresh();
    const failing = async function* (): AsyncGenerator<Uint8Array> {
      yield* inPieces(bytesOf(12 * mebibyte));
      throw new Error('the line went dead');
    };
    await expect(store.put(failing())).rejects.toThrow('the line went dead');
    await expect(store.put(inPieces(bytesOf(12 * mebibyte)), { size: mebibyte })).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
    });
    await expect(store.put(bytesOf(100), { size: 99 })).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect(await unfinished()).toBe(0);
    expect(await keys()).toEqual([]);
  });

  it('takes the same content from several at once', async () => {
    await fresh();
    const bytes = bytesOf(11 * mebibyte);
    const blobs = await Promise.all([store.put(bytes), store.put(bytes), store.put(inPieces(bytes))]);
    const digest = await sha256Hex(bytes);
    for (const blob of blobs) expect(blob).toEqual({ digest, size: bytes.byteLength });
    expect(await keys()).toEqual([`runs/kept/${digest}`]);
  });

  it('lists with ages, removes, and finds what was changed in the bucket', async () => {
    await fresh();
    const blob = await store.put(bytesOf(100));
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: 'runs/kept/readme.txt', Body: 'other' }));
    const found = [];
    for await (const one of store.digests?.() ?? []) found.push(one);
    expect(found).toEqual([{ ...blob, storedAt: expect.any(Number) }]);
    const Key = `runs/kept/${blob.digest}`;
    await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: bytesOf(100, 5) }));
    await expect(store.read(blob)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: bytesOf(50) }));
    await expect(store.read(blob)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    await store.remove?.(blob.digest);
    await store.remove?.(blob.digest);
    await expect(store.read(blob)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('says what the server refuses', async () => {
    const lost = s3Artifacts({ client, bucket: 'no-such-bucket' });
    await expect(lost.put(bytesOf(10))).rejects.toMatchObject({
      code: 'STORE_FAILED',
      details: { error: 'NoSuchBucket', status: 404 },
    });
  });

  it('serves a tracker', async () => {
    await fresh();
    const tracker = await openTracker({ dir: join(folder, 'store'), artifacts: store });
    const id = await tracker.withRun({}, async (run) => {
      await run.logArtifact('model.bin', bytesOf(1000));
      return run.id;
    });
    const record = await tracker.getRun(id);
    expect(Buffer.compare(await record.artifact('model.bin').read(), bytesOf(1000))).toBe(0);
    expect(await keys()).toEqual([`runs/kept/${await sha256Hex(bytesOf(1000))}`]);
    const { version } = await tracker.registry.registerVersion('model', { artifact: bytesOf(2000) });
    expect((await tracker.registry.model(`model/${version}`).resolve({})).bytes).toHaveLength(2000);
    await tracker.close();
  });
});
