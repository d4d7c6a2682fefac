import type { CallOptions } from '@fairlead/core';

/** Where the bytes of an artifact come from: themselves, the path of a file, or a stream. */
export type ArtifactSource = Uint8Array | string | AsyncIterable<Uint8Array>;

/** Bytes that are kept by their digest. */
export interface BlobInfo {
  /** SHA-256, lower-case hex. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

/** Content-addressed bytes: the same content is kept once. */
export interface ArtifactStore {
  /** Keeps bytes durably. @throws FairleadError `NOT_FOUND` for a path that leads nowhere, `STORE_FAILED`, `ABORTED` */
  put(source: ArtifactSource, options?: CallOptions): Promise<BlobInfo>;
  /** What is known of a digest; `undefined` when its bytes are not here. */
  stat(digest: string): Promise<BlobInfo | undefined>;
  /** The bytes, checked. @throws FairleadError `NOT_FOUND`, `DIGEST_MISMATCH` */
  read(digest: string, options?: CallOptions): Promise<Uint8Array>;
}
