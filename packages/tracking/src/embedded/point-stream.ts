import { type CallOptions, throwIfAborted } from '@fairlead/core';
import type { Files, OpenFile } from '../files/files';
import type { PointColumns } from '../store/run-store';
import { partsOf } from './batch-codec';
import { decodePoints, type PointsFrame } from './points-codec';
import { frameTypes } from './segment-format';
import { type ScanStart, scanSegment } from './segment-reader';

/** Points that are read before the reader gets them: about as many as one read of a segment brings. */
const pointsAtOnce = 65_536;

/** A frame's points for keeps: its bytes are valid only for the moment. */
function copyOf(frame: PointsFrame): PointColumns {
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

async function* pointsOf(file: OpenFile, call: CallOptions): AsyncGenerator<PointColumns> {
  for (let from: ScanStart | undefined; ; ) {
    throwIfAborted(call.signal, 'Reading the points');
    const batch: PointColumns[] = [];
    let count = 0;
    from = await scanSegment(file, from, (whole) => {
      for (const frame of partsOf(whole)) {
        const points = frame.type === frameTypes.points ? decodePoints(frame.payload) : undefined;
        if (points === undefined) continue;
        batch.push(copyOf(points));
        count += points.count;
      }
      return count < pointsAtOnce;
    });
    yield* batch;
    if (count < pointsAtOnce) return;
  }
}

/**
 * Every point in some segments, in the order of the files and, within each, in which they were logged. However many there
 * are, a batch at a time lies in memory. Damaged places are stepped over.
 */
export async function* streamPoints(
  files: Files,
  paths: readonly string[],
  call: CallOptions,
): AsyncGenerator<PointColumns> {
  for (const path of paths) {
    const file = await files.open(path, 'read');
    if (file === undefined) continue;
    try {
      yield* pointsOf(file, call);
    } finally {
      await file.close();
    }
  }
}
