import type { Durability } from '../store/run-store';

/** A batch that waits to be sent. */
export interface QueuedBatch {
  readonly writer: string;
  readonly seq: number;
  /** The id of its run. */
  readonly run: string;
  /** The batch, as `batch-codec.ts` describes it. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Ids of uploads that must be sent before it. */
  readonly uploads: readonly string[];
}

/** A batch by its name. */
export type BatchKey = readonly [writer: string, seq: number];

/** The bytes of an artifact that wait to be sent. */
export interface QueuedUpload {
  /** Twelve hexadecimal digits of the time, and chance. */
  readonly id: string;
  readonly run: string;
  readonly name: string;
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

/** What a page keeps until its server has it. Every method rejects with `STORE_FAILED` when the browser refuses. */
export interface PageQueue {
  /** What it promises of what was put. */
  readonly durabilities: readonly Durability[];
  /**
   * Puts batches, all or none; those that are there already are replaced by the same. Where the queue is open, it begins
   * before the call returns, so that a page which is being closed can still rely on it.
   * @param strict whether they, and all that was put before, are on the disk when the promise resolves
   */
  put(batches: readonly QueuedBatch[], strict: boolean): Promise<void>;
  /** The names of all batches, those of one writer in their order. */
  keys(): Promise<readonly BatchKey[]>;
  get(key: BatchKey): Promise<QueuedBatch | undefined>;
  /** Removes a batch and the uploads that it names. */
  remove(batch: QueuedBatch): Promise<void>;
  putPiece(upload: string, index: number, bytes: Uint8Array): Promise<void>;
  putUpload(upload: QueuedUpload): Promise<void>;
  upload(id: string): Promise<QueuedUpload | undefined>;
  /** The bytes of an upload. */
  pieces(id: string): Promise<Blob>;
  removeUpload(id: string): Promise<void>;
  /** Removes uploads that began before a time, epoch milliseconds, and that no batch names. */
  sweep(before: number): Promise<void>;
  close(): void;
}

/** Whether an upload began before a time. */
export function isOlder(upload: string, before: number): boolean {
  return Number.parseInt(upload.slice(0, 12), 16) < before;
}
