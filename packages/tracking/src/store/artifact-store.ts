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

/** Bytes that a store keeps, and since when. */
export interface KeptBlob extends BlobInfo {
  /** When they were stored last, epoch milliseconds. */
  readonly storedAt: number;
}

/** Where an artifact is logged. A content-addressed store ignores it; one that keeps files by name needs it. */
export interface ArtifactPlace {
  /** The id of the run. */
  readonly run: string;
  /** The artifact's name, such as `model/digits.onnx`. */
  readonly name: string;
}

/** Which bytes a reader wants, by all that he knows of them. */
export interface ArtifactRef {
  /** SHA-256, lower-case hex. A content-addressed store needs it; a foreign one may not have told it. */
  readonly digest?: string;
  /** Bytes; checked against what is found. */
  readonly size?: number;
  readonly place?: ArtifactPlace;
}

/** How far an upload has come. */
export interface UploadProgress {
  /** Bytes that are stored, those among them that an earlier attempt had stored. */
  readonly sentBytes: number;
  /** All of them, where that is known. */
  readonly totalBytes?: number;
}

/** How bytes are put into a store. */
export interface PutOptions extends CallOptions {
  readonly place?: ArtifactPlace;
  /** Bytes that the source must have; another number fails with `DIGEST_MISMATCH`, and nothing is kept. */
  readonly size?: number;
  /** Called in the order of the bytes, at most once a piece, and once at the end. */
  onProgress?(progress: UploadProgress): void;
}

/** Which part of an artifact is read. */
export interface ArtifactStreamOptions extends CallOptions {
  /** Bytes to leave out at the beginning, at most the artifact's size. @default 0 */
  readonly offset?: number;
}

/** Content-addressed bytes: the same content is kept once. */
export interface ArtifactStore {
  /**
   * Keeps bytes durably, streamed: memory does not grow with their size. An upload of bytes or of a file that was cut
   * short is taken up by the next `put` of the same source, where the store can.
   * @throws FairleadError `NOT_FOUND` for a path that leads nowhere, `DIGEST_MISMATCH` for another size than was said,
   * `STORE_FAILED`, `ABORTED`
   */
  put(source: ArtifactSource, options?: PutOptions): Promise<BlobInfo>;
  /** What is known of an artifact; `undefined` when its bytes are not here. */
  stat(ref: ArtifactRef, options?: CallOptions): Promise<BlobInfo | undefined>;
  /**
   * The bytes in pieces. They are checked at the end, so use nothing of them before the stream has ended well; from an
   * offset on only their number is checked.
   * @throws FairleadError `NOT_FOUND`, `DIGEST_MISMATCH`, `INVALID_ARGUMENT` for an offset past the end, `STORE_FAILED`,
   * `ABORTED`
   */
  stream(ref: ArtifactRef, options?: ArtifactStreamOptions): AsyncIterable<Uint8Array>;
  /** The bytes, checked. @throws FairleadError `NOT_FOUND`, `DIGEST_MISMATCH`, `STORE_FAILED`, `ABORTED` */
  read(ref: ArtifactRef, options?: CallOptions): Promise<Uint8Array>;
  /** Everything that is kept, in no order, for garbage collection. Absent where the store cannot tell. */
  digests?(options?: CallOptions): AsyncIterable<KeptBlob>;
  /** Removes bytes for good; what is not there is no error. For garbage collection. Absent where nothing is removed. */
  remove?(digest: string, options?: CallOptions): Promise<void>;
}
