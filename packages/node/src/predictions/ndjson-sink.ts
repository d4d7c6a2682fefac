import { describeValue, FairleadError } from '@fairlead/core';
import { createRollingSink, type PredictionSink, type RollingSinkOptions } from '@fairlead/core/monitoring';
import { createNdjsonStore } from './ndjson-store';

/** Options of {@link createNdjsonSink}. */
export interface NdjsonSinkOptions extends RollingSinkOptions {
  /** The folder; made where it is missing. One process at a time uses it. */
  readonly dir: string;
}

/**
 * Keeps predictions in files of newline-delimited JSON, one record a line: `000000000001.ndjson`, …, which jq, DuckDB or pandas read as
 * they are. A line that a crash cut short is left out and counted as torn; a line that is no record, as corrupt. Keys that were erased are
 * remembered in `erased.jsonl`, by a hash. `writer.lock` names the process that has the folder; one that died is taken over from.
 *
 * ```ts
 * const log = await createPredictionLog({ sink: createNdjsonSink({ dir: './predictions' }) });
 * ```
 *
 * @throws FairleadError `INVALID_OPTION`; opening rejects with `CONFLICT` when another process has the folder, and with `STORE_FAILED`
 */
export function createNdjsonSink(options: NdjsonSinkOptions): PredictionSink {
  const { dir, ...rolling } = options ?? {};
  if (typeof dir !== 'string' || dir === '') {
    const given = describeValue(dir);
    throw new FairleadError(
      'INVALID_OPTION',
      `createNdjsonSink: option "dir" is wrong: expected the path of a folder, given ${given}.`,
      { details: { field: 'dir', expected: 'the path of a folder', given } },
    );
  }
  return createRollingSink(createNdjsonStore(dir), rolling, 'createNdjsonSink');
}
