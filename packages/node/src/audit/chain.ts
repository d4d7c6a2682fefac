import { createHash } from 'node:crypto';

/** A place in a chain of lines. */
export interface ChainPosition {
  /** Of the last line, counted from 1; 0 before the first. */
  readonly seq: number;
  /** SHA-256 of the last line, as 64 hexadecimal digits; zeros before the first. */
  readonly hash: string;
}

/** Before the first line. */
export const chainStart: ChainPosition = { seq: 0, hash: '0'.repeat(64) };

/** A line that was read. */
export interface ChainLine {
  readonly position: ChainPosition;
  /** Hash of the line before. */
  readonly previous: string;
  /** What it says, without `seq`, `previous` and `hash`. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Bytes between what is hashed and the hash. */
const seam = ',"hash":"';
const form = /^(\{"seq":\d+,"previous":"[0-9a-f]{64}".*),"hash":"([0-9a-f]{64})"\}$/s;

/**
 * Writes a line of JSON that has the hash of the line before and, last, its own: the SHA-256 of all bytes before `,"hash":"`.
 *
 * @returns the line without its newline, and where the chain then is
 */
export function sealLine(after: ChainPosition, fields: object): { line: string; position: ChainPosition } {
  const seq = after.seq + 1;
  const body = JSON.stringify({ seq, previous: after.hash, ...fields }).slice(0, -1);
  const hash = sha256(body);
  return { line: `${body}${seam}${hash}"}`, position: { seq, hash } };
}

/** Reads a line; undefined for what no {@link sealLine} wrote, in any byte. */
export function openLine(line: Uint8Array): ChainLine | undefined {
  const text = decode(line);
  const [, body, hash] = (text === undefined ? null : form.exec(text)) ?? [];
  if (body === undefined || hash === undefined || sha256(body) !== hash) return undefined;
  try {
    const { seq, previous, ...fields } = JSON.parse(`${body}}`) as { seq: number; previous: string };
    return { position: { seq, hash }, previous, fields };
  } catch {
    // A hash over what is no JSON was not made here.
    return undefined;
  }
}

/** SHA-256 in hexadecimal digits. */
export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decode(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}
