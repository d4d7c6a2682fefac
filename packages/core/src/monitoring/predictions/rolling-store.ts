import type { Erasure } from './prediction-sink';

/** What a file yields: a record's bytes, or a place that cannot be read. */
export type StoredEntry =
  | { readonly kind: 'record'; readonly bytes: Uint8Array }
  /** The file's last entry, cut short by a crash. */
  | { readonly kind: 'torn' }
  /** Bytes that are no record; reading goes on behind them. */
  | { readonly kind: 'corrupt' };

/** A file that is written. */
export interface RollingFile {
  /**
   * Writes records at the file's end; resolves to the bytes that it takes from then on. One that rejected may be repeated: it
   * then takes the same place.
   */
  append(records: readonly Uint8Array[]): Promise<number>;
  /** Resolves once everything lies on the disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Files in a folder, by name: what `createRollingSink` keeps records in. Names sort in the order in which the files were made.
 * Every method rejects with `STORE_FAILED` where the file system refuses.
 */
export interface RollingStore {
  /** Prepares the folder and takes it for this store alone; rejects with `CONFLICT` when another one has it. */
  open(): Promise<void>;
  /** Names of the files, in order. */
  list(): Promise<readonly string[]>;
  /** Makes a file. */
  create(name: string): Promise<RollingFile>;
  /** Reads a file's first `size` bytes, entry by entry; nothing for a file that is gone. */
  read(name: string, size: number): AsyncIterable<StoredEntry>;
  /** A file's size in bytes; 0 for one that is gone. */
  size(name: string): Promise<number>;
  /** Puts a file with these records in the place of one, at once and durably; resolves to its bytes. */
  replace(name: string, records: readonly Uint8Array[]): Promise<number>;
  /** Removes a file; a missing one is no error. */
  remove(name: string): Promise<void>;
  /** Every erasure that was saved, in order. */
  erasures(): Promise<readonly Erasure[]>;
  /** Saves an erasure, durably. */
  saveErasure(erasure: Erasure): Promise<void>;
  /** Gives the folder free. */
  close(): Promise<void>;
}
