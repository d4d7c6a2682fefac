import { describeValue, FairleadError } from '@fairlead/core';
import { createRollingSink, type PredictionSink, type RollingSinkOptions } from '@fairlead/core/monitoring';
import { platformFiles } from '#files';
import { createSegmentStore } from './segment-store';

/** Options of {@link createSegmentSink}. */
export interface SegmentSinkOptions extends RollingSinkOptions {
  /** The folder; made where it is missing. It may lie in the data directory of a tracker. One sink at a time uses it. */
  readonly dir: string;
}

/**
 * Keeps predictions in segments, the checksummed files that runs are kept in too: a record that a crash or the disk spoiled is known by its
 * checksum, left out and counted, and reading goes on behind it. FORMAT.md describes the files.
 *
 * ```ts
 * const log = await createPredictionLog({ sink: createSegmentSink({ dir: './predictions' }) });
 * ```
 *
 * @throws FairleadError `INVALID_OPTION`; opening rejects with `CONFLICT` when another sink took the folder and did not give it free,
 * and with `STORE_FAILED`
 */
export function createSegmentSink(options: SegmentSinkOptions): PredictionSink {
  const { dir, ...rolling } = options ?? {};
  if (typeof dir !== 'string' || dir === '') {
    const given = describeValue(dir);
    throw new FairleadError(
      'INVALID_OPTION',
      `createSegmentSink: option "dir" is wrong: expected the path of a folder, given ${given}.`,
      { details: { field: 'dir', expected: 'the path of a folder', given } },
    );
  }
  return createRollingSink(createSegmentStore(platformFiles, dir), rolling, 'createSegmentSink');
}
