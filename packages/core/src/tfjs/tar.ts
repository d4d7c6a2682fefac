import { FairleadError } from '../errors';

/*
 * Tar archives in memory (POSIX.1-1988 "ustar"), for models that are several files. Written without times, owners and
 * rights, so that equal files make equal archives and so equal digests.
 */

/** A file in an archive. */
export interface ArchivedFile {
  /** Relative, with `/` between folders. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

const blockBytes = 512;
const maxNameBytes = 100;
const field = { size: 124, checksum: 148, type: 156, magic: 257, prefix: 345 } as const;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Makes an archive of files, in the order in which they are given. */
export function packTar(files: readonly ArchivedFile[]): Uint8Array {
  const entries = files.flatMap(({ path, bytes }) => {
    const name = encoder.encode(path);
    const file = { name: name.subarray(0, maxNameBytes), type: '0', bytes };
    // A longer name goes before its file, as POSIX.1-2001 has it.
    return name.byteLength <= maxNameBytes
      ? [file]
      : [{ name: encoder.encode('path'), type: 'x', bytes: paxRecord('path', path) }, file];
  });
  const total = entries.reduce((sum, { bytes }) => sum + blockBytes + roundUp(bytes.byteLength), 2 * blockBytes);
  const archive = new Uint8Array(total);
  let offset = 0;
  for (const { name, type, bytes } of entries) {
    writeHeader(archive.subarray(offset, offset + blockBytes), name, type, bytes.byteLength);
    archive.set(bytes, offset + blockBytes);
    offset += blockBytes + roundUp(bytes.byteLength);
  }
  return archive;
}

/** Whether bytes begin like a tar archive. */
export function isTar(bytes: Uint8Array): boolean {
  return bytes.byteLength >= blockBytes && checksumHolds(bytes.subarray(0, blockBytes));
}

/**
 * The files of an archive by their path, without a leading `./`; of two with one path the later one, as when it is
 * unpacked. They are views of the archive. Folders and links are left out, and nothing is written anywhere.
 * @throws FairleadError `MODEL_INVALID` when it is damaged or cut off
 */
export function unpackTar(archive: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  let longName: string | undefined;
  for (let offset = 0; offset + blockBytes <= archive.byteLength; ) {
    const header = archive.subarray(offset, offset + blockBytes);
    if (header.every((byte) => byte === 0)) return files;
    if (!checksumHolds(header)) throw damaged(`the header at byte ${offset} is damaged`);
    const size = sizeOf(header);
    const start = offset + blockBytes;
    if (!(start + size <= archive.byteLength)) {
      throw damaged(`it is cut off: ${archive.byteLength} bytes of ${start + size} or more`);
    }
    const bytes = archive.subarray(start, start + size);
    const type = String.fromCharCode(header[field.type] as number);
    if (type === 'x') longName = paxPath(bytes) ?? longName;
    else if (type === 'L') longName = text(bytes);
    else if (type !== 'g' && type !== 'K') {
      if (type === '0' || type === '\0' || type === '7') files.set(tidied(longName ?? nameOf(header)), bytes);
      longName = undefined;
    }
    offset = start + roundUp(size);
  }
  throw damaged('it is cut off: the blocks of zeros at its end are missing');
}

function writeHeader(header: Uint8Array, name: Uint8Array, type: string, size: number): void {
  const put = (at: number, value: string): void => header.set(encoder.encode(value), at);
  header.set(name);
  put(maxNameBytes, '0000644\0');
  put(108, '0000000\0');
  put(116, '0000000\0');
  put(field.size, `${size.toString(8).padStart(11, '0')}\0`);
  put(136, '00000000000\0');
  put(field.type, type);
  put(field.magic, 'ustar\0');
  put(field.magic + 6, '00');
  put(field.checksum, `${checksumOf(header).toString(8).padStart(6, '0')}\0 `);
}

/** The sum of a header's bytes, with those of the sum itself taken as spaces. */
function checksumOf(header: Uint8Array): number {
  let sum = 0;
  for (let index = 0; index < blockBytes; index++) {
    const isChecksum = index >= field.checksum && index < field.checksum + 8;
    sum += isChecksum ? 0x20 : (header[index] as number);
  }
  return sum;
}

function checksumHolds(header: Uint8Array): boolean {
  return octal(header.subarray(field.checksum, field.checksum + 8)) === checksumOf(header);
}

function nameOf(header: Uint8Array): string {
  const name = text(header.subarray(0, maxNameBytes));
  // GNU's older format keeps times in the place of the prefix, and says so by a space in the place of the zero.
  const isPosix = text(header.subarray(field.magic, field.magic + 6)) === 'ustar';
  const prefix = isPosix ? text(header.subarray(field.prefix, field.prefix + 155)) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** NaN, or a number past the archive's end, when it cannot be read: what needs base 256 does not fit into memory. */
function sizeOf(header: Uint8Array): number {
  return octal(header.subarray(field.size, field.size + 12));
}

function octal(bytes: Uint8Array): number {
  const digits = text(bytes).trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}

/** Bytes up to the first zero. */
function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decoder.decode(end === -1 ? bytes : bytes.subarray(0, end));
}

function tidied(path: string): string {
  return path.replace(/^(\.\/+)+/, '');
}

/** A record counts its own length, digits included. */
function paxRecord(key: string, value: string): Uint8Array {
  const rest = encoder.encode(` ${key}=${value}\n`).byteLength;
  let length = rest + String(rest).length;
  if (rest + String(length).length !== length) length++;
  return encoder.encode(`${length} ${key}=${value}\n`);
}

function paxPath(bytes: Uint8Array): string | undefined {
  for (let offset = 0; offset < bytes.byteLength; ) {
    const space = bytes.indexOf(0x20, offset);
    const length = Number(decoder.decode(bytes.subarray(offset, Math.max(offset, space))));
    if (!(Number.isInteger(length) && length > 0)) return undefined;
    const [, key, value] =
      /^([^=]*)=([\s\S]*)\n$/.exec(decoder.decode(bytes.subarray(space + 1, offset + length))) ?? [];
    if (key === 'path') return value;
    offset += length;
  }
  return undefined;
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / blockBytes) * blockBytes;
}

function damaged(reason: string): FairleadError {
  return new FairleadError('MODEL_INVALID', `The tar archive cannot be read: ${reason}.`, {
    details: { field: 'model', expected: 'a whole tar archive', given: reason },
  });
}
