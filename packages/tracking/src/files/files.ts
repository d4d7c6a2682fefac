/*
 * What the embedded store needs of a file system. Node's lies in `node-files.ts`; tests inject faults through the same
 * interface. Every method rejects with a `FairleadError` of code `STORE_FAILED` whose `details.errno` is the system's
 * code, such as `ENOSPC`.
 */

/** A file that is open. */
export interface OpenFile {
  /** Writes all chunks one after the other from `position`, in bytes, or rejects. */
  write(chunks: readonly Uint8Array[], position: number): Promise<void>;
  /** The same, blocking the caller. */
  writeSync(chunks: readonly Uint8Array[], position: number): void;
  /** Fills `target` from `position`; answers the bytes read, fewer only at the end of the file. */
  read(target: Uint8Array, position: number): Promise<number>;
  /** The file's size in bytes. */
  size(): Promise<number>;
  /** Resolves once everything written lies on the disk (`fdatasync`). */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** What a file system tells of a file or folder. */
export interface FileStat {
  /** Bytes. */
  readonly size: number;
  /** When it was changed last, epoch milliseconds with a fraction. */
  readonly mtimeMs: number;
}

/** What is known of a file without reading it. */
export interface FileFacts {
  /** Bytes. */
  readonly size: number;
  /** Epoch milliseconds. */
  readonly modifiedAt: number;
  /** The same for as long as a file is the same file and nobody has written to it. */
  readonly identity: string;
}

/** A file in a folder or in one below it. */
export interface FolderEntry {
  readonly path: string;
  /** Its path from the folder on, with forward slashes. */
  readonly name: string;
}

/** A file system. Paths are the platform's own. */
export interface Files {
  /** Joins parts to a path. */
  join(...parts: readonly string[]): string;
  /** Makes a folder and those above it; an existing one is left alone. */
  makeFolder(path: string): Promise<void>;
  /** The names in a folder, in no order; empty when there is no such folder. */
  list(path: string): Promise<readonly string[]>;
  /**
   * Opens a file to read, creates one that must not exist yet, or opens one that exists to read and write. `undefined` when
   * a file that must exist is missing.
   */
  open(path: string, mode: 'read' | 'create' | 'resume'): Promise<OpenFile | undefined>;
  /** The whole of a file; `undefined` when there is none. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** A file's bytes in order from `start`, in chunks. Rejects with `NOT_FOUND` when there is no such file. @default start 0 */
  stream(path: string, start?: number): AsyncIterable<Uint8Array>;
  /** A file's size in bytes; `undefined` when there is none. */
  size(path: string): Promise<number | undefined>;
  /** A file's size and time, or a folder's, blocking; `undefined` when there is none. Ten times as fast as `size`. */
  statSync(path: string): FileStat | undefined;
  /** What is known of a file; `undefined` when there is none. */
  facts(path: string): Promise<FileFacts | undefined>;
  /** Says that a file was modified now; `false` when there is none. */
  touch(path: string): Promise<boolean>;
  /**
   * Every file in a folder and below it, sorted by name. Symbolic links are followed where they stay within the folder.
   * Rejects with `NOT_FOUND` when there is no such folder, with `INVALID_ARGUMENT` for a link that leaves it or leads in a
   * circle, and for what is neither a file nor a folder.
   */
  walk(folder: string): Promise<readonly FolderEntry[]>;
  /**
   * Makes a file with these bytes, whole and durable, unless the name is taken: of several processes that claim one name
   * exactly one gets `true`.
   */
  claim(path: string, bytes: Uint8Array): Promise<boolean>;
  /** Moves a file within the file system, over whatever stands there, or a folder to a name that is free. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; a missing one is no error. */
  remove(path: string): Promise<void>;
  /** Removes a folder with all that is in it; a missing one is no error. */
  removeFolder(path: string): Promise<void>;
  /** Makes the names in a folder durable, where the platform can. */
  syncFolder(path: string): Promise<void>;
  /** Calls back when something in a folder changes. `undefined` where this folder cannot be watched. */
  watch(path: string, onChange: () => void): (() => void) | undefined;
}
