import { type CallOptions, FairleadError, throwIfAborted } from '@fairlead/core';
import type { Files, OpenFile } from '../files/files';
import type { PointColumns } from '../store/run-store';
import { partsOf } from './batch-codec';
import { PointTrail, pointsFrom } from './point-trail';
import { copyPoints, decodePoints } from './points-codec';
import { frameTypes } from './segment-format';
import { type ScanStart, scanSegment } from './segment-reader';

/** Points that are read before the reader gets them: about as many as one read of a segment brings. */
const pointsAtOnce = 65_536;

async function* pointsOf(file: OpenFile, call: CallOptions): AsyncGenerator<PointColumns> {
  for (let from: ScanStart | undefined; ; ) {
    throwIfAborted(call.signal, 'Reading the points');
    const batch: PointColumns[] = [];
    let count = 0;
    from = await scanSegment(file, from, (whole) => {
      for (const frame of partsOf(whole)) {
        const points = frame.type === frameTypes.points ? decodePoints(frame.payload) : undefined;
        if (points === undefined) continue;
        batch.push(copyPoints(points));
        count += points.count;
      }
      return count < pointsAtOnce;
    });
    yield* batch;
    if (count < pointsAtOnce) return;
  }
}

/** Whether a file went although it was open: a server of files keeps none that another machine removed. */
function isStale(error: unknown): boolean {
  return FairleadError.isInstance(error) && error.details?.errno === 'ESTALE';
}

/** Every point of some files, a piece at a time. It ends early, without a call of `onComplete`, when one of them went. */
async function* pointsOfAll(
  files: Files,
  paths: readonly string[],
  call: CallOptions,
  onComplete: () => void,
): AsyncGenerator<PointColumns> {
  for (const path of paths) {
    const file = await files.open(path, 'read');
    if (file === undefined) return;
    try {
      yield* pointsOf(file, call);
    } catch (error) {
      if (isStale(error)) return;
      throw error;
    } finally {
      await file.close();
    }
  }
  onComplete();
}

/** What is streamed. */
export interface PointStream {
  readonly files: Files;
  /** The segments that count now, in order. Asked again when one of them went meanwhile, as they do in a compaction. */
  readonly paths: () => Promise<readonly string[]>;
  /** The error for segments that go faster than they can be read, or that hold other points than those that were given. */
  readonly restless: () => FairleadError;
}

/** How often the segments may go without a piece that could be given meanwhile. */
const attempts = 5;

/**
 * Every point in some segments, in the order of the files and, within each, in which they were logged. However many there
 * are, a batch at a time lies in memory. Damaged places are stepped over.
 *
 * What a compaction makes of segments holds their points in the same order, so where a segment goes meanwhile, those that
 * were given are stepped over in what replaced it, and checked to be the same on the way. To hold all segments open instead
 * would take a handle each, would not do on a network file system, whose server forgets a file that another machine removed,
 * and on Windows would keep the folder from being removed.
 */
export async function* streamPoints(stream: PointStream, call: CallOptions): AsyncGenerator<PointColumns> {
  const given = new PointTrail();
  for (let attempt = 0; attempt < attempts; attempt++) {
    const before = given.count;
    const mark = given.mark;
    const passed = new PointTrail();
    let complete = false;
    const onComplete = (): void => {
      complete = true;
    };
    for await (const piece of pointsOfAll(stream.files, await stream.paths(), call, onComplete)) {
      const known = Math.min(piece.count, before - passed.count);
      if (known > 0) {
        passed.add(piece, 0, known);
        if (passed.count === before && passed.mark !== mark) throw stream.restless();
      }
      if (known === piece.count) continue;
      given.add(piece, known, piece.count);
      yield pointsFrom(piece, known);
      attempt = 0;
    }
    if (complete && passed.count === before) return;
    if (complete) throw stream.restless();
  }
  throw stream.restless();
}
