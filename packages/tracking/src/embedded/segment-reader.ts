import { FairleadError } from '@fairlead/core';
import type { OpenFile } from '../files/files';
import type { StoreDamage } from '../store/run-store';
import {
  decodeFrameHeader,
  decodeHeader,
  frameHeaderLength,
  headerLength,
  isIntact,
  maxPayloadLength,
  segmentVersion,
} from './segment-format';

/** A frame that passed its checksum. */
export interface Frame {
  readonly type: number;
  readonly sequence: number;
  /** Part of what was read; it stays as it is. */
  readonly payload: Uint8Array;
  /** Where the frame begins in the file, in bytes. */
  readonly offset: number;
}

/** Where a scan begins: at the start of a segment, or where an earlier scan ended. */
export interface ScanStart {
  readonly offset: number;
  readonly sequence: number;
  readonly marker: number;
}

/** What a scan found out. */
export interface ScanEnd extends ScanStart {
  /** Damaged places, in order; the tail is not among them. */
  readonly damage: readonly Omit<StoreDamage, 'file'>[];
  /** Bytes behind the last intact frame: a write that goes on, or one that never finished. */
  readonly tail: Omit<StoreDamage, 'file'> | undefined;
}

const windowLength = 1 << 20;

/** A window on a file of fixed size. */
class Window {
  readonly size: number;
  readonly #file: OpenFile;
  #bytes = new Uint8Array(0);
  #start = 0;

  constructor(file: OpenFile, size: number) {
    this.#file = file;
    this.size = size;
  }

  /** The bytes from `offset`: `length` of them, fewer only at the end of the file. */
  async at(offset: number, length: number): Promise<Uint8Array> {
    const wanted = Math.min(length, this.size - offset);
    if (offset < this.#start || offset + wanted > this.#start + this.#bytes.byteLength) {
      const bytes = new Uint8Array(Math.min(Math.max(wanted, windowLength), this.size - offset));
      const read = await this.#file.read(bytes, offset);
      this.#bytes = bytes.subarray(0, read);
      this.#start = offset;
    }
    const from = offset - this.#start;
    return this.#bytes.subarray(from, from + wanted);
  }
}

async function frameAt(window: Window, offset: number, marker: number, after: number): Promise<Frame | undefined> {
  const head = await window.at(offset, frameHeaderLength);
  if (head.byteLength < frameHeaderLength) return undefined;
  const header = decodeFrameHeader(head);
  if (header.marker !== marker || header.sequence <= after) return undefined;
  // Both are checked before anything of that length is allocated.
  const length = frameHeaderLength + header.payloadLength;
  if (header.payloadLength > maxPayloadLength || offset + length > window.size) return undefined;
  const whole = await window.at(offset, length);
  if (whole.byteLength < length || !isIntact(whole, header)) return undefined;
  return { type: header.type, sequence: header.sequence, payload: whole.subarray(frameHeaderLength), offset };
}

/** The next place from `from` on where the marker stands. */
async function findMarker(window: Window, from: number, marker: number): Promise<number | undefined> {
  const first = marker & 0xff;
  for (let offset = from; offset + frameHeaderLength <= window.size; ) {
    const bytes = await window.at(offset, windowLength);
    if (bytes.byteLength < 4) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = bytes.indexOf(first); i >= 0 && i + 4 <= bytes.byteLength; i = bytes.indexOf(first, i + 1)) {
      if (view.getUint32(i, true) === marker) return offset + i;
    }
    offset += bytes.byteLength - 3;
  }
  return undefined;
}

async function nextIntact(window: Window, from: number, marker: number, after: number): Promise<Frame | undefined> {
  for (let offset = from; ; offset++) {
    const found = await findMarker(window, offset, marker);
    if (found === undefined) return undefined;
    const frame = await frameAt(window, found, marker, after);
    if (frame !== undefined) return frame;
    offset = found;
  }
}

/** The marker of a segment, and whether its header is whole; where it is not, the first frame tells the marker. */
async function openHeader(window: Window): Promise<{ marker: number; damaged: boolean }> {
  const header = decodeHeader(await window.at(0, headerLength));
  if (header.state === 'damaged') {
    const first = await window.at(headerLength, 4);
    const marker = first.byteLength < 4 ? 0 : new DataView(first.buffer, first.byteOffset).getUint32(0, true);
    return { marker, damaged: true };
  }
  if (header.version !== segmentVersion) {
    throw new FairleadError(
      'UNSUPPORTED',
      `A segment has format ${header.version}, and this release reads ${segmentVersion}. Upgrade @fairlead/tracking.`,
      { details: { field: 'segment', expected: `format ${segmentVersion}`, given: `format ${header.version}` } },
    );
  }
  return { marker: header.marker, damaged: false };
}

/**
 * Reads every intact frame of a segment. Damaged bytes are stepped over to the next frame that passes its checksum.
 *
 * @param from where an earlier scan ended; absent, the segment is read from its start
 * @param onFrame may return `false` to end the scan behind the frame; another one goes on there
 */
export async function scanSegment(
  file: OpenFile,
  from: ScanStart | undefined,
  onFrame: (frame: Frame) => unknown,
): Promise<ScanEnd> {
  const window = new Window(file, await file.size());
  const damage: Omit<StoreDamage, 'file'>[] = [];
  let { offset, sequence, marker } = from ?? { offset: headerLength, sequence: 0, marker: 0 };
  if (from === undefined) {
    const header = await openHeader(window);
    marker = header.marker;
    if (header.damaged) {
      const length = Math.min(headerLength, window.size);
      // A file shorter than its header was made by a process that died at once.
      if (window.size <= headerLength) {
        return { offset: 0, sequence, marker, damage, tail: { offset: 0, length, kind: 'torn-tail' } };
      }
      damage.push({ offset: 0, length, kind: 'corrupt' });
    }
  }
  while (offset < window.size) {
    const here = await frameAt(window, offset, marker, sequence);
    const frame = here ?? (await nextIntact(window, offset + 1, marker, sequence));
    if (frame === undefined) {
      const head = await window.at(offset, frameHeaderLength);
      const whole =
        head.byteLength === frameHeaderLength &&
        offset + frameHeaderLength + decodeFrameHeader(head).payloadLength <= window.size;
      const tail = { offset, length: window.size - offset, kind: whole ? 'corrupt' : 'torn-tail' } as const;
      return { offset, sequence, marker, damage, tail };
    }
    if (frame.offset > offset) damage.push({ offset, length: frame.offset - offset, kind: 'corrupt' });
    else if (frame.sequence > sequence + 1) damage.push({ offset, length: 0, kind: 'missing' });
    const goesOn = onFrame(frame) !== false;
    sequence = frame.sequence;
    offset = frame.offset + frameHeaderLength + frame.payload.byteLength;
    if (!goesOn) break;
  }
  return { offset, sequence, marker, damage, tail: undefined };
}
