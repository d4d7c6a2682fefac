import { createHash } from 'node:crypto';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type CallOptions, FairleadError, messageOf, throwIfAborted } from '@fairlead/core';

/**
 * How DVC hashes a file. `md5`: its bytes, since DVC 3. `md5-dos2unix`: DVC 2 and before, which read `\r\n` as `\n` in
 * what looked like a text.
 */
export type DvcHashName = 'md5' | 'md5-dos2unix';

/** How {@link hashDvc} hashes. */
export interface DvcHashOptions extends CallOptions {
  /** @default 'md5' */
  readonly hash?: DvcHashName;
  /**
   * Whether a file of a folder is left out, by its path in the folder with forward slashes: what `.dvcignore` says, which
   * is not read. @default none is
   */
  readonly ignores?: (path: string) => boolean;
}

/** A file of a folder. */
export interface DvcEntry {
  /** Its path in the folder, with forward slashes. */
  readonly path: string;
  readonly md5: string;
}

/** What DVC knows a file or a folder by. */
export interface DvcHash {
  /** 32 hexadecimal digits; those of a folder end in `.dir`. */
  readonly md5: string;
  /** Bytes, of all files together. */
  readonly size: number;
  /** How many files it holds; absent for a file. */
  readonly files?: number;
}

/** DVC reads pieces of this length, and looks at the first bytes of each for what it is. */
const pieceLength = 2 ** 20;
const lookLength = 512;

/** Whether DVC takes a piece for text: no zero byte, and at most 30 % of what is neither printable ASCII nor white space. */
function looksLikeText(piece: Buffer): boolean {
  const start = piece.subarray(0, lookLength);
  if (start.includes(0)) return false;
  let others = 0;
  for (const byte of start) {
    const isText = (byte >= 32 && byte < 127) || (byte >= 8 && byte <= 13 && byte !== 11);
    if (!isText) others++;
  }
  return others / start.length <= 0.3;
}

/** `\r\n` as `\n`. */
function withUnixLines(piece: Buffer): Buffer {
  const kept = Buffer.allocUnsafe(piece.length);
  let length = 0;
  for (let i = 0; i < piece.length; i++) {
    if (piece[i] === 13 && piece[i + 1] === 10) continue;
    kept[length++] = piece[i] as number;
  }
  return kept.subarray(0, length);
}

async function hashFile(path: string, name: DvcHashName, signal: AbortSignal | undefined): Promise<DvcHash> {
  const hash = createHash('md5');
  const file = await open(path);
  try {
    const buffer = Buffer.allocUnsafe(pieceLength);
    let size = 0;
    for (;;) {
      throwIfAborted(signal, 'Hashing for DVC');
      const piece = buffer.subarray(0, await fill(file, buffer));
      if (piece.length === 0) break;
      size += piece.length;
      hash.update(name === 'md5-dos2unix' && looksLikeText(piece) ? withUnixLines(piece) : piece);
    }
    return { md5: hash.digest('hex'), size };
  } finally {
    await file.close();
  }
}

/** Reads until the buffer is full or the file ends: where a piece ends changes what is text. */
async function fill(file: Awaited<ReturnType<typeof open>>, buffer: Buffer): Promise<number> {
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length;
}

/** The files of a folder, as DVC finds them: links to files are files, links to folders are passed over. */
async function filesOf(folder: string, prefix = ''): Promise<string[]> {
  const files: string[] = [];
  for (const entry of await readdir(join(folder, prefix), { withFileTypes: true })) {
    const path = `${prefix}${entry.name}`;
    if (entry.name === '.dvcignore') {
      throw new FairleadError(
        'UNSUPPORTED',
        `"${join(folder, path)}" lies in the folder itself, and DVC refuses such a folder. Put it beside the folder.`,
        { details: { field: 'path', expected: 'a folder without .dvcignore', given: path } },
      );
    }
    if (entry.isDirectory()) files.push(...(await filesOf(folder, `${path}/`)));
    else if (!entry.isSymbolicLink() || !(await stat(join(folder, path))).isDirectory()) files.push(path);
  }
  return files;
}

/**
 * Hashes a file or a folder as DVC does. A folder's hash is the MD5 of the list of its files, in JSON as Python writes
 * it, and ends in `.dir`.
 * @throws FairleadError `NOT_FOUND`, `STORE_FAILED` where something cannot be read, `ABORTED`
 */
export async function hashDvc(path: string, options: DvcHashOptions = {}): Promise<DvcHash> {
  const { hash: name = 'md5', ignores = () => false, signal } = options;
  throwIfAborted(signal, 'Hashing for DVC');
  try {
    if (!(await stat(path)).isDirectory()) return await hashFile(path, name, signal);
    const entries: DvcEntry[] = [];
    let size = 0;
    for (const file of await filesOf(path)) {
      if (ignores(file)) continue;
      const hashed = await hashFile(join(path, file), name, signal);
      entries.push({ path: file, md5: hashed.md5 });
      size += hashed.size;
    }
    return { md5: folderHash(entries), size, files: entries.length };
  } catch (cause) {
    if (FairleadError.isInstance(cause)) throw cause;
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const message = isMissing
      ? `There is no "${path}". Fetch it with "dvc pull", or mend the path.`
      : `"${path}" cannot be read: ${messageOf(cause)}`;
    throw new FairleadError(isMissing ? 'NOT_FOUND' : 'STORE_FAILED', message, {
      cause,
      details: { field: 'path', given: path },
    });
  }
}

/** The hash of a folder from its files: what DVC writes into its cache as a `.dir` file, hashed. */
export function folderHash(entries: readonly DvcEntry[]): string {
  return `${createHash('md5').update(folderList(entries)).digest('hex')}.dir`;
}

/** The text of a `.dir` file: Python's JSON of the files in the order of their paths by code point. */
export function folderList(entries: readonly DvcEntry[]): string {
  const sorted = [...entries].sort((a, b) => byCodePoint(a.path, b.path));
  return `[${sorted.map(({ md5, path }) => `{"md5": "${md5}", "relpath": ${asciiJson(path)}}`).join(', ')}]`;
}

/** Differs from JavaScript's order in characters beyond the basic plane, which come after all others. */
function byCodePoint(a: string, b: string): number {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return Buffer.compare(left, right);
}

/** A text in JSON that is ASCII alone, with small digits, as Python writes it. */
function asciiJson(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
