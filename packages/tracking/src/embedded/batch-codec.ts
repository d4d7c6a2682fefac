import type { PointColumns, RunBatch, RunEvent } from '../store/run-store';
import { encodeEvent } from './event-codec';
import { encodePoints } from './points-codec';
import { frameHeaderLength, frameTypes } from './segment-format';
import type { Frame } from './segment-reader';

/*
 * The payload of a frame that holds a whole batch of a page, together with its mark, so that either all of it is kept or
 * nothing. FORMAT.md describes it.
 *
 *    0 16  the page's writer
 *   16  4  number of the batch: 1, 2, …
 *   20  4  number of parts
 *   24  …  parts: type (1 event, 2 points), three zero bytes, length of the payload as uint32, payload
 */

/** Bytes before the parts of a batch. */
export const batchHeaderLength = 24;
/** Bytes before the payload of a part. */
export const partHeaderLength = 8;

/** A part of a batch as its bytes. */
export interface EncodedPart {
  readonly type: number;
  readonly payload: Uint8Array;
}

/** A batch whose parts are not decoded. */
export interface EncodedBatch {
  /** 32 lower-case hexadecimal digits. */
  readonly writer: string;
  readonly seq: number;
  readonly parts: readonly EncodedPart[];
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Whether a text is the name of a page's writer, or the id of a run: 32 lower-case hexadecimal digits. */
export function isHexName(text: unknown): text is string {
  return typeof text === 'string' && /^[0-9a-f]{32}$/.test(text);
}

/** Writes 32 hexadecimal digits as 16 bytes. */
export function writeHex(target: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < 16; i++) target[at + i] = Number.parseInt(text.slice(i * 2, i * 2 + 2), 16);
}

/** Reads 16 bytes as hexadecimal digits. */
export function readHex(bytes: Uint8Array, at: number): string {
  return Array.from(bytes.subarray(at, at + 16), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Whether a part of a batch holds points. */
export function isPoints(part: RunEvent | PointColumns): part is PointColumns {
  return 'keyIds' in part;
}

/** The bytes of a part. */
export function encodePart(part: RunEvent | PointColumns): EncodedPart {
  if (!isPoints(part)) return { type: frameTypes.event, payload: encodeEvent(part) };
  return { type: frameTypes.points, payload: encodePoints(part).subarray(frameHeaderLength) };
}

/** The payload of a batch whose parts are bytes already. */
export function joinBatch({ writer, seq, parts }: EncodedBatch): Uint8Array<ArrayBuffer> {
  const length = parts.reduce((sum, part) => sum + partHeaderLength + part.payload.byteLength, batchHeaderLength);
  const bytes = new Uint8Array(length);
  const view = viewOf(bytes);
  writeHex(bytes, 0, writer);
  view.setUint32(16, seq, true);
  view.setUint32(20, parts.length, true);
  let at = batchHeaderLength;
  for (const { type, payload } of parts) {
    bytes[at] = type;
    view.setUint32(at + 4, payload.byteLength, true);
    bytes.set(payload, at + partHeaderLength);
    at += partHeaderLength + payload.byteLength;
  }
  return bytes;
}

/** The payload of a batch. */
export function encodeBatch({ writer, seq, parts }: RunBatch): Uint8Array<ArrayBuffer> {
  return joinBatch({ writer, seq, parts: parts.map(encodePart) });
}

/** Reads a payload without looking into its parts; `undefined` when its lengths do not add up. */
export function decodeBatch(payload: Uint8Array): EncodedBatch | undefined {
  if (payload.byteLength < batchHeaderLength) return undefined;
  const view = viewOf(payload);
  const count = view.getUint32(20, true);
  // Before anything is made for so many.
  if (count > (payload.byteLength - batchHeaderLength) / partHeaderLength) return undefined;
  const parts: EncodedPart[] = [];
  let at = batchHeaderLength;
  for (let i = 0; i < count; i++) {
    if (at + partHeaderLength > payload.byteLength) return undefined;
    const end = at + partHeaderLength + view.getUint32(at + 4, true);
    if (end > payload.byteLength) return undefined;
    parts.push({ type: view.getUint8(at), payload: payload.subarray(at + partHeaderLength, end) });
    at = end;
  }
  if (at !== payload.byteLength) return undefined;
  return { writer: readHex(payload, 0), seq: view.getUint32(16, true), parts };
}

/** What a frame holds: itself, or the parts of the batch that it is. A batch that cannot be read is left as it is. */
export function partsOf(frame: Frame): readonly Frame[] {
  if (frame.type !== frameTypes.batch) return [frame];
  const batch = decodeBatch(frame.payload);
  return batch === undefined ? [frame] : batch.parts.map((part) => ({ ...frame, ...part }));
}
