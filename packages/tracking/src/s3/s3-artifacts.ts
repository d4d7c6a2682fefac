import type { S3Client } from '@aws-sdk/client-s3';
import { FairleadError, parseOptions, throwIfAborted } from '@fairlead/core';
import * as z from 'zod/mini';
import { createSha256, platformFiles } from '#files';
import { checkFound, digestOf, gather, streamChecked } from '../artifacts/checked-read';
import { artifactNotKept, checkSize, checkSource, piecesOf, wrongSize } from '../artifacts/pieces';
import { isDigest } from '../names';
import type { ArtifactSource, ArtifactStore, BlobInfo, KeptBlob, PutOptions } from '../store/artifact-store';
import { createS3Requests } from './s3-requests';
import { checksumOf, partLengthOf, partsOf, uploadInParts } from './s3-upload';

/** Options of {@link s3Artifacts}. */
export interface S3ArtifactOptions {
  /** Your client of `@aws-sdk/client-s3`, with its region, endpoint, credentials and retries. It stays yours to destroy. */
  readonly client: S3Client;
  /** The bucket; it must exist. */
  readonly bucket: string;
  /** What keys begin with; a slash is put behind it. @default 'artifacts' */
  readonly prefix?: string;
  /**
   * Bytes in a part, and the size from which on an artifact is sent in parts. It is held in memory once for every upload at
   * a time. 5,242,880 (what S3 asks for) to 5,368,709,120. @default 8388608 (8 MiB)
   */
  readonly partBytes?: number;
}

const mebibyte = 1024 * 1024;
/** The largest object that S3 copies in one request. */
const maxCopyBytes = 5 * 1024 * mebibyte;

const schema = z.strictObject({
  client: z.custom<S3Client>(
    (value) => typeof (value as { send?: unknown } | null)?.send === 'function',
    'a client of @aws-sdk/client-s3',
  ),
  bucket: z.string().check(z.minLength(3), z.maxLength(255)),
  prefix: z._default(z.string().check(z.maxLength(800), z.regex(/^([\w.-]+(\/[\w.-]+)*)?$/)), 'artifacts'),
  partBytes: z._default(z.int().check(z.minimum(5 * mebibyte), z.maximum(maxCopyBytes)), 8 * mebibyte),
});

/**
 * Keeps artifacts in a bucket of S3, or of a server that speaks its protocol, under `<prefix>/<sha256>`: the same content
 * once. Large ones go up in parts; where an upload of bytes or of a file fails, the parts stay in the bucket and the next
 * `put` of the same content goes on from them. Let a lifecycle rule of the bucket (`AbortIncompleteMultipartUpload`) remove
 * what nobody takes up. The server checks every part against its SHA-256, and every read checks the whole.
 *
 * @example
 * const artifacts = s3Artifacts({ client: new S3Client({ region: 'eu-central-1' }), bucket: 'experiments' });
 * const tracker = await openTracker({ dir: '.fairlead', artifacts });
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function s3Artifacts(options: S3ArtifactOptions): ArtifactStore {
  const { client, bucket, prefix, partBytes } = parseOptions(schema, options, 's3Artifacts');
  const requests = createS3Requests(client, bucket);
  const base = prefix === '' ? '' : `${prefix}/`;
  const keyOf = (digest: string): string => `${base}${digest}`;

  const stat: ArtifactStore['stat'] = async ({ digest }, { signal } = {}) => {
    if (digest === undefined || !isDigest(digest)) return undefined;
    const size = await requests.head(keyOf(digest), signal);
    return size === undefined ? undefined : { digest, size };
  };

  const stream: ArtifactStore['stream'] = async function* (ref, call = {}) {
    throwIfAborted(call.signal, 'Reading an artifact');
    const digest = digestOf(ref);
    const found = await stat({ digest }, call);
    if (found === undefined) throw artifactNotKept(digest);
    checkFound(ref, found);
    yield* streamChecked(found, call, (offset) =>
      offset === found.size ? nothing() : requests.get(keyOf(digest), offset, call.signal),
    );
  };

  /** What a source is that can be read twice. */
  const lookAt = async (source: Uint8Array | string, call: PutOptions): Promise<BlobInfo> => {
    const hash = createSha256();
    let size = 0;
    for await (const piece of piecesOf(source, platformFiles.stream)) {
      throwIfAborted(call.signal, 'Logging an artifact');
      hash.update(piece);
      size += piece.byteLength;
    }
    if (call.size !== undefined && call.size !== size) throw wrongSize(String(size), call.size);
    return { digest: hash.hex(), size };
  };

  const isKept = async (blob: BlobInfo, call: PutOptions): Promise<boolean> =>
    (await stat(blob, call))?.size === blob.size;

  const putWhole = async (bytes: Uint8Array, call: PutOptions): Promise<BlobInfo> => {
    const blob = await lookAt(bytes, call);
    if (!(await isKept(blob, call))) {
      await requests.put(keyOf(blob.digest), bytes, checksumOf(bytes), call.signal);
    }
    call.onProgress?.({ sentBytes: blob.size, totalBytes: blob.size });
    return blob;
  };

  const putParts = async (source: Uint8Array | string, expected: BlobInfo, call: PutOptions): Promise<BlobInfo> => {
    const key = keyOf(expected.digest);
    const partLength = partLengthOf(expected.size, partBytes);
    const attempt = (): Promise<BlobInfo> => {
      const parts = partsOf(source, platformFiles.stream, partLength);
      return uploadInParts({ requests, key, parts, partLength, call, expected });
    };
    try {
      return await attempt();
    } catch (error) {
      // Another put of the same content may have ended the upload that both took up.
      const isGone = FairleadError.isInstance(error, 'STORE_FAILED') && error.details.error === 'NoSuchUpload';
      if (!isGone) throw error;
      return (await isKept(expected, call)) ? expected : attempt();
    }
  };

  /** A stream has no digest before it has ended: it goes up under a passing name, and is copied within the bucket. */
  const putStream = async (source: AsyncIterable<Uint8Array>, call: PutOptions): Promise<BlobInfo> => {
    const parts = partsOf(source, platformFiles.stream, partBytes)[Symbol.asyncIterator]();
    const first = await parts.next();
    const second = first.done ? first : await parts.next();
    if (second.done) {
      return putWhole(first.done ? new Uint8Array() : (first.value as Uint8Array), call);
    }
    const all = async function* (): AsyncGenerator<Uint8Array> {
      yield first.value as Uint8Array;
      yield second.value as Uint8Array;
      yield* { [Symbol.asyncIterator]: () => parts };
    };
    const key = `${base}.uploads/${crypto.randomUUID()}`;
    const blob = await uploadInParts({ requests, key, parts: all(), partLength: partBytes, call });
    try {
      if (blob.size > maxCopyBytes) throw tooLargeToCopy(blob.size);
      if (!(await isKept(blob, call))) await requests.copy(key, keyOf(blob.digest), call.signal);
    } finally {
      await requests.remove(key);
    }
    return blob;
  };

  return {
    stat,
    stream,
    async put(source: ArtifactSource, call = {}) {
      checkSource(source);
      checkSize(call.size);
      throwIfAborted(call.signal, 'Logging an artifact');
      if (typeof source !== 'string' && !(source instanceof Uint8Array)) return putStream(source, call);
      const blob = await lookAt(source, call);
      if (await isKept(blob, call)) {
        call.onProgress?.({ sentBytes: blob.size, totalBytes: blob.size });
        return blob;
      }
      if (blob.size > partBytes) return putParts(source, blob, call);
      const bytes = await gather(blob.size, piecesOf(source, platformFiles.stream));
      return putWhole(bytes, { ...call, size: blob.size });
    },
    async read(ref, call = {}) {
      const digest = digestOf(ref);
      const found = await stat({ digest }, call);
      if (found === undefined) throw artifactNotKept(digest);
      return gather(found.size, stream(ref, call));
    },
    async *digests(call = {}): AsyncGenerator<KeptBlob, void, undefined> {
      for await (const { key, size, modifiedAt } of requests.list(base, call.signal)) {
        const digest = key.slice(base.length);
        if (isDigest(digest)) yield { digest, size, storedAt: modifiedAt };
      }
    },
    async remove(digest, call = {}) {
      if (isDigest(digest)) await requests.remove(keyOf(digest), call.signal);
    },
  };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

function tooLargeToCopy(size: number): FairleadError {
  return new FairleadError(
    'LIMIT_EXCEEDED',
    `A stream may have at most ${maxCopyBytes} bytes here; this one has ${size}. Write it to a file and log that.`,
    { details: { field: 'source', expected: `at most ${maxCopyBytes} bytes`, given: String(size) } },
  );
}
