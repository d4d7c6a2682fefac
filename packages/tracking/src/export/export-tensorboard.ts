import { join } from 'node:path';
import { throwIfAborted } from '@fairlead/core';
import * as z from 'zod/mini';
import type { RunRecord, Tracker } from '../tracker';
import { EventFile, type EventPrecision } from './event-file';
import { type ExportSelection, parseExport, selectionFields, selectRuns } from './selection';
import { writeExport } from './write-file';

/** Options of {@link exportTensorBoard}. */
export interface TensorBoardExportOptions extends ExportSelection {
  /** The folder that `tensorboard --logdir` gets. Each run is a folder `<experiment>/<name>-<end of its id>` in it. */
  readonly dir: string;
  /**
   * `single`: 32-bit floats, which every reader knows. `double`: every digit, as tensors of one number, which TensorBoard
   * shows as scalars all the same, but not every other reader does. @default 'single'
   */
  readonly precision?: EventPrecision;
}

/** What was exported. */
export interface TensorBoardExport {
  /** The files, one a run, in the order of the runs. */
  readonly files: readonly string[];
  readonly points: number;
}

const schema = z.strictObject({
  ...selectionFields,
  dir: z.string().check(z.minLength(1)),
  precision: z._default(z.enum(['single', 'double']), 'single'),
});

/** A name as one folder, on every file system. */
function folderName(name: string): string {
  const safe = name
    .normalize('NFC')
    .replace(/[^\p{L}\p{N}_.\- ]/gu, '_')
    .slice(0, 60);
  // What begins or ends with a dot or space is hidden here, refused there, or leads elsewhere.
  return safe.replace(/^[. ]+|[. ]+$/g, '_') || '_';
}

const enough = 1 << 18;

/** The bytes of a run's file; counts the points as they go by. */
async function* eventsOf(
  run: RunRecord,
  precision: EventPrecision,
  signal: AbortSignal | undefined,
  onPoints: (count: number) => void,
): AsyncGenerator<Uint8Array> {
  const file = new EventFile(run.startedAt, precision);
  for await (const { count, keys, keyIds, steps, timestamps, values } of run.points(
    signal === undefined ? {} : { signal },
  )) {
    throwIfAborted(signal, 'The export');
    for (let i = 0; i < count; i++) {
      file.add(keys[keyIds[i] as number] as string, steps[i] as number, timestamps[i] as number, values[i] as number);
      if (file.length > enough) yield file.take();
    }
    onPoints(count);
  }
  yield file.take();
}

/**
 * Writes the metrics of runs as event files for TensorBoard: every point with its step and the time at which it was logged.
 * To export again replaces the files of the same runs. Parameters, tags and artifacts stay out.
 *
 * @example
 * await exportTensorBoard(tracker, { dir: 'tensorboard', experiments: ['digits'] });
 *
 * @throws FairleadError `INVALID_OPTION`, `INVALID_ARGUMENT`, `NOT_FOUND`, `STORE_FAILED`, `ABORTED`
 */
export async function exportTensorBoard(
  tracker: Tracker,
  options: TensorBoardExportOptions,
): Promise<TensorBoardExport> {
  const { dir, precision, ...selection } = parseExport(schema, options, 'exportTensorBoard');
  const files: string[] = [];
  let points = 0;
  for await (const run of selectRuns(tracker, selection as ExportSelection)) {
    const seconds = String(Math.max(0, Math.floor(run.startedAt / 1000))).padStart(10, '0');
    const folder = join(dir, folderName(run.experiment), `${folderName(run.name)}-${run.id.slice(-8)}`);
    const path = join(folder, `events.out.tfevents.${seconds}.fairlead.${run.id}`);
    await writeExport(
      path,
      eventsOf(run, precision, selection.signal, (count) => {
        points += count;
      }),
    );
    files.push(path);
  }
  return { files, points };
}
