import type { PointColumns } from '../store/run-store';
import { frameHeaderLength, newFrame } from './segment-format';

/*
 * The payload of a frame of points. It names its own metrics, so that no frame depends on another.
 *
 *    0  4  number of points n
 *    4  2  number of names k
 *    6  1  how steps are kept: 0 float64, 1 uint32 added to the base
 *    7  1  how timestamps are kept: the same
 *    8  8  base of the steps, float64
 *   16  8  base of the timestamps, float64, epoch milliseconds
 *   24  …  k names: length in bytes as uint16, then UTF-8
 *    …  2n index of each point's name, uint16
 *    …  4n or 8n steps, then 4n or 8n timestamps, then 8n values as float64
 */

const fixedLength = 24;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Whether whole numbers fit into 32 bits above their minimum, and that minimum. */
function baseOf(column: Float64Array, count: number): { base: number; width: 4 | 8 } {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < count; i++) {
    const value = column[i] as number;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return high - low <= 0xffffffff ? { base: low, width: 4 } : { base: 0, width: 8 };
}

function writeColumn(
  view: DataView,
  at: number,
  column: Float64Array,
  count: number,
  base: number,
  width: 4 | 8,
): number {
  if (width === 4) for (let i = 0; i < count; i++) view.setUint32(at + i * 4, (column[i] as number) - base, true);
  else for (let i = 0; i < count; i++) view.setFloat64(at + i * 8, column[i] as number, true);
  return at + count * width;
}

/** A frame, not yet sealed, that holds these points. Steps and timestamps are whole numbers; `count` is at least 1. */
export function encodePoints(points: PointColumns): Uint8Array {
  const { count } = points;
  const names = points.keys.map((key) => encoder.encode(key));
  const namesLength = names.reduce((sum, name) => sum + 2 + name.byteLength, 0);
  const steps = baseOf(points.steps, count);
  const times = baseOf(points.timestamps, count);
  const frame = newFrame(fixedLength + namesLength + count * (2 + steps.width + times.width + 8));
  const view = new DataView(frame.buffer, frameHeaderLength);
  view.setUint32(0, count, true);
  view.setUint16(4, names.length, true);
  view.setUint8(6, steps.width === 4 ? 1 : 0);
  view.setUint8(7, times.width === 4 ? 1 : 0);
  view.setFloat64(8, steps.base, true);
  view.setFloat64(16, times.base, true);
  let at = fixedLength;
  for (const name of names) {
    view.setUint16(at, name.byteLength, true);
    frame.set(name, frameHeaderLength + at + 2);
    at += 2 + name.byteLength;
  }
  for (let i = 0; i < count; i++) view.setUint16(at + i * 2, points.keyIds[i] as number, true);
  at = writeColumn(view, at + count * 2, points.steps, count, steps.base, steps.width);
  at = writeColumn(view, at, points.timestamps, count, times.base, times.width);
  writeColumn(view, at, points.values, count, 0, 8);
  return frame;
}

/** The points of a frame, read where they are asked for. */
export interface PointsFrame {
  readonly count: number;
  readonly keys: readonly string[];
  keyId(index: number): number;
  step(index: number): number;
  timestamp(index: number): number;
  value(index: number): number;
}

/** Reads a payload; `undefined` when its parts do not add up. */
export function decodePoints(payload: Uint8Array): PointsFrame | undefined {
  if (payload.byteLength < fixedLength) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const count = view.getUint32(0, true);
  const keyCount = view.getUint16(4, true);
  const stepWidth = view.getUint8(6) === 1 ? 4 : 8;
  const timeWidth = view.getUint8(7) === 1 ? 4 : 8;
  const stepBase = view.getFloat64(8, true);
  const timeBase = view.getFloat64(16, true);
  const keys: string[] = [];
  let at = fixedLength;
  for (let k = 0; k < keyCount; k++) {
    if (at + 2 > payload.byteLength) return undefined;
    const length = view.getUint16(at, true);
    if (at + 2 + length > payload.byteLength) return undefined;
    keys.push(decoder.decode(payload.subarray(at + 2, at + 2 + length)));
    at += 2 + length;
  }
  const idsAt = at;
  const stepsAt = idsAt + count * 2;
  const timesAt = stepsAt + count * stepWidth;
  const valuesAt = timesAt + count * timeWidth;
  if (valuesAt + count * 8 !== payload.byteLength) return undefined;
  for (let i = 0; i < count; i++) if (view.getUint16(idsAt + i * 2, true) >= keyCount) return undefined;
  const whole = (from: number, width: number, base: number, index: number): number =>
    width === 4 ? base + view.getUint32(from + index * 4, true) : view.getFloat64(from + index * 8, true);
  return {
    count,
    keys,
    keyId: (index) => view.getUint16(idsAt + index * 2, true),
    step: (index) => whole(stepsAt, stepWidth, stepBase, index),
    timestamp: (index) => whole(timesAt, timeWidth, timeBase, index),
    value: (index) => view.getFloat64(valuesAt + index * 8, true),
  };
}

/** A frame's points for keeps: its bytes are valid only for the moment. */
export function copyPoints(frame: PointsFrame): PointColumns {
  const { count, keys } = frame;
  const columns = {
    count,
    keys,
    keyIds: new Uint16Array(count),
    steps: new Float64Array(count),
    timestamps: new Float64Array(count),
    values: new Float64Array(count),
  };
  for (let i = 0; i < count; i++) {
    columns.keyIds[i] = frame.keyId(i);
    columns.steps[i] = frame.step(i);
    columns.timestamps[i] = frame.timestamp(i);
    columns.values[i] = frame.value(i);
  }
  return columns;
}
