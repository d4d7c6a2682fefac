import type { S3Client } from '@aws-sdk/client-s3';
import { FairleadError } from '@fairlead/core';
import { isMissing, toStoreError } from './s3-errors';

/** A part that a bucket has. */
export interface StoredPart {
  readonly number: number;
  readonly size: number;
  readonly etag: string;
}

/** A part that an upload is made of. */
export interface SentPart {
  readonly number: number;
  readonly etag: string;
  /** SHA-256, base64. */
  readonly checksum: string;
}

let loading: Promise<typeof import('@aws-sdk/client-s3')> | undefined;

/** The package whose client it is: an optional one, so it is loaded when it is first needed. */
function sdk(): Promise<typeof import('@aws-sdk/client-s3')> {
  loading ??= import('@aws-sdk/client-s3').catch((cause: unknown) => {
    loading = undefined;
    throw new FairleadError('UNSUPPORTED', 'Artifacts in S3 need its client: npm install @aws-sdk/client-s3', {
      cause,
      details: { field: 'client', expected: 'the package @aws-sdk/client-s3', given: 'no such package' },
    });
  });
  return loading;
}

/** The requests to one bucket that the store makes, each failing with a `FairleadError`. */
export function createS3Requests(client: S3Client, Bucket: string) {
  async function attempt<T>(action: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw toStoreError(error, action, signal);
    }
  }
  const option = (signal: AbortSignal | undefined) => (signal === undefined ? {} : { abortSignal: signal });

  return {
    /** An object's size in bytes; `undefined` when there is none. */
    async head(Key: string, signal?: AbortSignal): Promise<number | undefined> {
      try {
        const { ContentLength } = await client.send(
          new (await sdk()).HeadObjectCommand({ Bucket, Key }),
          option(signal),
        );
        return ContentLength ?? 0;
      } catch (error) {
        // The answer to HEAD has no body, so a missing bucket looks like a missing object; what follows says which it is.
        if (isMissing(error)) return undefined;
        throw toStoreError(error, 'Looking for an artifact', signal);
      }
    },
    put: (Key: string, Body: Uint8Array, ChecksumSHA256: string, signal?: AbortSignal) =>
      attempt('Storing an artifact', signal, async () =>
        client.send(
          new (await sdk()).PutObjectCommand({ Bucket, Key, Body, ContentLength: Body.byteLength, ChecksumSHA256 }),
          option(signal),
        ),
      ),
    /** An object's bytes from an offset on. */
    async *get(Key: string, offset: number, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
      const range = offset === 0 ? {} : { Range: `bytes=${offset}-` };
      const body = await attempt('Reading an artifact', signal, async () => {
        const { Body } = await client.send(
          new (await sdk()).GetObjectCommand({ Bucket, Key, ...range }),
          option(signal),
        );
        return Body?.transformToWebStream() as ReadableStream<Uint8Array> | undefined;
      });
      if (body === undefined) return;
      const reader = body.getReader();
      let ended = false;
      try {
        for (;;) {
          const { done, value } = await attempt('Reading an artifact', signal, async () => reader.read());
          if (done) break;
          yield value;
        }
        ended = true;
      } finally {
        if (!ended) await reader.cancel().catch(() => undefined); // whoever left wants nothing more of it
      }
    },
    remove: (Key: string, signal?: AbortSignal) =>
      attempt('Removing an artifact', signal, async () =>
        client.send(new (await sdk()).DeleteObjectCommand({ Bucket, Key }), option(signal)),
      ),
    copy: (from: string, Key: string, signal?: AbortSignal) =>
      attempt('Storing an artifact', signal, async () => {
        const CopySource = [Bucket, ...from.split('/')].map(encodeURIComponent).join('/');
        return client.send(new (await sdk()).CopyObjectCommand({ Bucket, Key, CopySource }), option(signal));
      }),
    /** Objects under a prefix. */
    async *list(Prefix: string, signal?: AbortSignal) {
      for (let token: string | undefined; ; ) {
        const page = await attempt('Listing the artifacts', signal, async () => {
          const more = token === undefined ? {} : { ContinuationToken: token };
          return client.send(new (await sdk()).ListObjectsV2Command({ Bucket, Prefix, ...more }), option(signal));
        });
        for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
          yield { key: Key, size: Size, modifiedAt: LastModified?.getTime() ?? 0 };
        }
        token = page.NextContinuationToken;
        if (token === undefined) return;
      }
    },
    /** The id of the latest unfinished upload of a key; `undefined` when there is none. */
    findUpload: (key: string, signal?: AbortSignal) =>
      attempt('Looking for a begun upload', signal, async () => {
        const answer = await client.send(
          new (await sdk()).ListMultipartUploadsCommand({ Bucket, Prefix: key }),
          option(signal),
        );
        const mine = (answer.Uploads ?? []).filter(({ Key, UploadId }) => Key === key && UploadId !== undefined);
        mine.sort((a, b) => (a.Initiated?.getTime() ?? 0) - (b.Initiated?.getTime() ?? 0));
        return mine.at(-1)?.UploadId;
      }),
    beginUpload: (Key: string, signal?: AbortSignal) =>
      attempt('Beginning an upload', signal, async () => {
        const command = new (await sdk()).CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm: 'SHA256' });
        const { UploadId } = await client.send(command, option(signal));
        if (UploadId !== undefined) return UploadId;
        throw new FairleadError('PROTOCOL_ERROR', 'The server began an upload and gave no id for it.');
      }),
    /** The parts that an unfinished upload has; `undefined` when the upload is gone. */
    async parts(Key: string, UploadId: string, signal?: AbortSignal): Promise<Map<number, StoredPart> | undefined> {
      const found = new Map<number, StoredPart>();
      try {
        for (let marker: string | undefined; ; ) {
          const more = marker === undefined ? {} : { PartNumberMarker: marker };
          const page = await client.send(
            new (await sdk()).ListPartsCommand({ Bucket, Key, UploadId, ...more }),
            option(signal),
          );
          for (const { PartNumber = 0, Size = 0, ETag = '' } of page.Parts ?? []) {
            found.set(PartNumber, { number: PartNumber, size: Size, etag: ETag });
          }
          marker = page.IsTruncated === true ? page.NextPartNumberMarker : undefined;
          if (marker === undefined) return found;
        }
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw toStoreError(error, 'Listing the parts of an upload', signal);
      }
    },
    sendPart: (
      Key: string,
      UploadId: string,
      PartNumber: number,
      Body: Uint8Array,
      checksum: string,
      signal?: AbortSignal,
    ) =>
      attempt('Sending a part', signal, async () => {
        const command = new (await sdk()).UploadPartCommand({
          Bucket,
          Key,
          UploadId,
          PartNumber,
          Body,
          ContentLength: Body.byteLength,
          ChecksumSHA256: checksum,
        });
        const { ETag = '' } = await client.send(command, option(signal));
        return { number: PartNumber, etag: ETag, checksum } satisfies SentPart;
      }),
    endUpload: (Key: string, UploadId: string, parts: readonly SentPart[], signal?: AbortSignal) =>
      attempt('Ending an upload', signal, async () => {
        const Parts = parts.map(({ number, etag, checksum }) => ({
          PartNumber: number,
          ETag: etag,
          ChecksumSHA256: checksum,
        }));
        const command = new (await sdk()).CompleteMultipartUploadCommand({
          Bucket,
          Key,
          UploadId,
          MultipartUpload: { Parts },
        });
        return client.send(command, option(signal));
      }),
    async abortUpload(Key: string, UploadId: string): Promise<void> {
      try {
        await client.send(new (await sdk()).AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
      } catch {
        // Whatever made the upload fail is what the caller hears of; the bucket's rule for unfinished uploads removes the rest.
      }
    },
  };
}

export type S3Requests = ReturnType<typeof createS3Requests>;
