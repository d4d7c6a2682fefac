import { type FileHandle, open, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { FairleadError, messageOf } from '@fairlead/core';
import { makeFolder } from '../make-folder';
import { lockFolder } from '../predictions/folder-lock';
import { chainStart, openLine, sha256 } from './chain';
import type { AuditFound, AuditHead, AuditSink } from './sink';

const newline = 10;
/** More than any line has. */
const longestLine = 256 * 1024;

/** Options of a file with an audit log. */
export interface AuditFileSettings {
  readonly file: string;
  readonly maxFileBytes: number;
  readonly sync: boolean;
  /** Told when the lines are safe and the head could not be written; the next append tries again. */
  readonly onHeadFailure: (error: unknown) => void;
}

/**
 * A log in a file, with those before it as `FILE.1`, `FILE.2`, …; where it ends stands in `FILE.head`, and `FILE.lock` names the process
 * that writes it.
 */
export function createAuditFile({ file, maxFileBytes, sync, onHeadFailure }: AuditFileSettings): AuditSink {
  const path = resolve(file);
  let unlock: (() => Promise<void>) | undefined;
  let handle: FileHandle | undefined;
  let size = 0;
  /** Whether more is in the file than `size`, from an append that failed. */
  let isDirty = false;
  /** Whether a newline is missing at the end. */
  let needsNewline = false;

  const openCurrent = async (): Promise<FileHandle> => {
    const opened = await open(path, 'a', 0o600);
    size = (await opened.stat()).size;
    return opened;
  };

  const rotate = async (): Promise<void> => {
    await handle?.close();
    handle = undefined;
    const number = ((await rotatedNumbers(path)).at(-1) ?? 0) + 1;
    await rename(path, `${path}.${number}`);
  };

  return {
    async open() {
      try {
        await makeFolder(dirname(path));
        unlock = await lockFolder(`${path}.lock`, 'writes this audit log');
        const found = await findEnd(path);
        needsNewline = found?.needsNewline ?? false;
        handle = await openCurrent();
        return await withLoss(path, found);
      } catch (error) {
        await unlock?.();
        throw storeError('opened', path, error);
      }
    },
    async append(lines, head) {
      try {
        if (isDirty) await handle?.truncate(size);
        isDirty = false;
        const bytes = Buffer.from(needsNewline ? `\n${lines}` : lines);
        if (size > 0 && size + bytes.length > maxFileBytes && !needsNewline) await rotate();
        handle ??= await openCurrent();
        isDirty = true;
        await handle.appendFile(bytes);
        if (sync) await handle.datasync();
        isDirty = false;
        needsNewline = false;
        size += bytes.length;
      } catch (error) {
        throw storeError('written', path, error);
      }
      // Later than the lines: a head that is behind says less, one that is ahead would say that lines are gone.
      await writeHead(path, head).catch(onHeadFailure);
    },
    async close() {
      try {
        await handle?.close();
      } finally {
        handle = undefined;
        await unlock?.();
        unlock = undefined;
      }
    },
  };
}

/** Numbers of the files before this one, in their order. */
async function rotatedNumbers(path: string): Promise<number[]> {
  const start = `${basename(path)}.`;
  const names = (await readdir(dirname(path))).filter((name) => name.startsWith(start));
  return names
    .map((name) => name.slice(start.length))
    .filter((rest) => /^[1-9]\d*$/.test(rest))
    .map(Number)
    .sort((one, other) => one - other);
}

/** Where the log ends: in this file, or, where that is empty or gone, in the one before. */
async function findEnd(path: string): Promise<(AuditFound & { needsNewline: boolean }) | undefined> {
  const here = await readTail(path);
  if (here.length > 0) return endOf(here, path);
  const number = (await rotatedNumbers(path)).at(-1);
  if (number === undefined) return undefined;
  const before = `${path}.${number}`;
  return { ...endOf(await readTail(before), before), needsNewline: false };
}

/** The last bytes of a file; none where there is no file. */
async function readTail(path: string): Promise<Buffer> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, 2 * longestLine);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

function endOf(tail: Buffer, path: string): AuditFound & { needsNewline: boolean } {
  const end = tail.lastIndexOf(newline);
  const rest = tail.subarray(end + 1);
  const needsNewline = rest.length > 0;
  const cut = openLine(rest);
  // Only its newline is missing.
  if (cut !== undefined) return { position: cut.position, needsNewline };
  const torn = needsNewline ? { torn: { bytes: rest.length, hash: sha256(rest) } } : {};
  if (end === -1) return { position: chainStart, ...torn, needsNewline };
  const last = openLine(tail.subarray(tail.lastIndexOf(newline, end - 1) + 1, end));
  if (last === undefined) {
    const message = `The last line of the audit log ${path} was changed. See what \`npx @fairlead/node verify-audit\` says, keep the file, and begin another.`;
    throw new FairleadError('STORE_CORRUPT', message, { details: { field: 'file', given: path } });
  }
  return { position: last.position, ...torn, needsNewline };
}

/** Adds what the head says of lines that are not there. */
async function withLoss(path: string, found: AuditFound | undefined): Promise<AuditFound | undefined> {
  const head = await readHead(path);
  const { position } = found ?? { position: chainStart };
  if (head === undefined || head.seq <= position.seq) return found;
  return { position, ...found, lost: { seq: head.seq, hash: head.hash } };
}

/** The head beside a log; undefined where there is none that can be read. */
export async function readHead(path: string): Promise<AuditHead | undefined> {
  try {
    const head = JSON.parse(await readFile(`${path}.head`, 'utf8')) as Partial<AuditHead> | null;
    return typeof head?.seq === 'number' && typeof head.hash === 'string' ? (head as AuditHead) : undefined;
  } catch {
    // It is missing or broken, which the verifier says.
    return undefined;
  }
}

async function writeHead(path: string, head: AuditHead): Promise<void> {
  const draft = `${path}.head.tmp`;
  try {
    await writeFile(draft, `${JSON.stringify(head)}\n`, { mode: 0o600 });
    await rename(draft, `${path}.head`);
  } catch (error) {
    throw storeError('written', `${path}.head`, error);
  }
}

/** The log that a file belongs to: `audit.jsonl` of `audit.jsonl.3`. */
export async function logOf(path: string): Promise<string> {
  const base = path.replace(/\.[1-9]\d*$/, '');
  if (base === path) return path;
  const isHere = await stat(`${base}.head`).then(
    () => true,
    () => false,
  );
  return isHere ? base : path;
}

function storeError(what: string, path: string, cause: unknown): FairleadError {
  if (FairleadError.isInstance(cause)) return cause;
  const message = `The audit log ${path} could not be ${what}: ${messageOf(cause)}`;
  return new FairleadError('STORE_FAILED', message, { cause, details: { field: 'file', given: path } });
}
