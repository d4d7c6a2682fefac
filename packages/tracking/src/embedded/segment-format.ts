import { crc32 } from '#files';

/*
 * A segment: the file that one writer appends to. FORMAT.md in the root of this package describes it for other readers;
 * a change here that an older reader cannot follow raises `segmentVersion`. All numbers are little-endian.
 *
 *   header   0  4  "FLSG"
 *            4  2  version of the format, 1
 *            6  2  length of the header, 32
 *            8  8  created, epoch milliseconds, float64
 *           16  4  marker, random, never 0
 *           20  8  zero
 *           28  4  CRC-32 of bytes 0 to 27
 *   frame    0  4  the segment's marker
 *            4  4  CRC-32 of everything from byte 8 to the frame's end
 *            8  4  length of the payload
 *           12  4  sequence number, 1, 2, …
 *           16  1  type: 1 event, 2 points, 3 prediction, 4 page of the index, 5 replaced segments,
 *                 6 batch of a page
 *           17  3  zero
 *           20  …  payload
 *
 * The marker is what a reader looks for behind damaged bytes. It is drawn for each segment, so that no content that a
 * user logs can pass for a frame; the sequence number tells how many frames the damage swallowed.
 */

/** The version that this code writes; it reads this one only. */
export const segmentVersion = 1;
/** Bytes of the header of a segment. */
export const headerLength = 32;
/** Bytes before a frame's payload. */
export const frameHeaderLength = 20;
/** A longer payload is never written, and never believed. */
export const maxPayloadLength = 16 * 1024 * 1024;

/** What the payload of a frame is: an event in JSON, points in columns, or, in segments of their own, a prediction in JSON or a page of the index; the names of segments that this one replaces; a batch that a page sent. */
export const frameTypes = { event: 1, points: 2, prediction: 3, page: 4, replaces: 5, batch: 6 } as const;

const magic = 0x47534c46; // "FLSG"

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The header of a new segment. */
export function encodeHeader(marker: number, createdAt: number): Uint8Array {
  const bytes = new Uint8Array(headerLength);
  const view = viewOf(bytes);
  view.setUint32(0, magic, true);
  view.setUint16(4, segmentVersion, true);
  view.setUint16(6, headerLength, true);
  view.setFloat64(8, createdAt, true);
  view.setUint32(16, marker, true);
  view.setUint32(28, crc32(bytes.subarray(0, 28)), true);
  return bytes;
}

/** What a header says. */
export type Header =
  | { readonly state: 'good'; readonly version: number; readonly marker: number }
  /** Too short, or its checksum fails. */
  | { readonly state: 'damaged' };

/** Reads the header of a segment. */
export function decodeHeader(bytes: Uint8Array): Header {
  if (bytes.byteLength < headerLength) return { state: 'damaged' };
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== magic || view.getUint32(28, true) !== crc32(bytes.subarray(0, 28))) {
    return { state: 'damaged' };
  }
  return { state: 'good', version: view.getUint16(4, true), marker: view.getUint32(16, true) };
}

/** A frame with room for its payload, which begins at {@link frameHeaderLength}. */
export function newFrame(payloadLength: number): Uint8Array {
  return new Uint8Array(frameHeaderLength + payloadLength);
}

/** Completes a frame whose payload is in place. */
export function sealFrame(frame: Uint8Array, marker: number, sequence: number, type: number): void {
  const view = viewOf(frame);
  view.setUint32(0, marker, true);
  view.setUint32(8, frame.byteLength - frameHeaderLength, true);
  view.setUint32(12, sequence, true);
  frame[16] = type;
  view.setUint32(4, crc32(frame.subarray(8)), true);
}

/** The first bytes of a frame; not yet checked. */
export interface FrameHeader {
  readonly marker: number;
  readonly crc: number;
  readonly payloadLength: number;
  readonly sequence: number;
  readonly type: number;
}

/** Reads the fixed part of a frame at the start of `bytes`, which are at least {@link frameHeaderLength}. */
export function decodeFrameHeader(bytes: Uint8Array): FrameHeader {
  const view = viewOf(bytes);
  return {
    marker: view.getUint32(0, true),
    crc: view.getUint32(4, true),
    payloadLength: view.getUint32(8, true),
    sequence: view.getUint32(12, true),
    type: view.getUint8(16),
  };
}

/** Whether a whole frame is what was written. */
export function isIntact(frame: Uint8Array, header: FrameHeader): boolean {
  return crc32(frame.subarray(8)) === header.crc;
}
