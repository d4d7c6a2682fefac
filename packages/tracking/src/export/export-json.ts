import { throwIfAborted } from '@fairlead/core';
import * as z from 'zod/mini';
import { toText } from '../embedded/event-codec';
import type { PointColumns } from '../store/run-store';
import type { RunRecord, Tracker } from '../tracker';
import { type ExportSelection, parseExport, selectionFields, selectRuns } from './selection';

/** Options of {@link exportJson} and {@link exportJsonLines}. */
export interface JsonExportOptions extends ExportSelection {
  /** Whether every point comes too, or only each metric in short. @default true */
  readonly points?: boolean;
}

const schema = z.strictObject({ ...selectionFields, points: z._default(z.boolean(), true) });

/** Raised when a reader of the version before could misread what is written. */
const version = 1;

/** Points of one metric that were logged one after the other. */
interface PointPiece {
  readonly metric: string;
  readonly steps: number[];
  readonly timestamps: number[];
  readonly values: number[];
}

/** Points by metric, each in the order in which they were logged. */
function piecesOf({ count, keys, keyIds, steps, timestamps, values }: PointColumns): PointPiece[] {
  const pieces = keys.map((metric): PointPiece => ({ metric, steps: [], timestamps: [], values: [] }));
  for (let i = 0; i < count; i++) {
    const piece = pieces[keyIds[i] as number] as PointPiece;
    piece.steps.push(steps[i] as number);
    piece.timestamps.push(timestamps[i] as number);
    piece.values.push(values[i] as number);
  }
  return pieces.filter((piece) => piece.steps.length > 0);
}

async function* pieces(run: RunRecord, signal: AbortSignal | undefined): AsyncGenerator<PointPiece> {
  for await (const points of run.points(signal === undefined ? {} : { signal })) {
    throwIfAborted(signal, 'The export');
    yield* piecesOf(points);
  }
}

/**
 * Runs as one JSON document, a piece of text at a time: `{ format, version, runs: [{ id, …, points: [{ metric, steps,
 * timestamps, values }] }] }`; a metric may have several such pieces, in the order in which they were logged. Nothing is
 * lost: numbers that JSON lacks are written as `{ "$number": "NaN" }`, `"Infinity"`, `"-Infinity"` or `"-0"`. The bytes of
 * artifacts stay out, their digests are in.
 *
 * @throws FairleadError `INVALID_OPTION`, `INVALID_ARGUMENT` at once; `NOT_FOUND`, `ABORTED` while it is read
 */
export function exportJson(tracker: Tracker, options: JsonExportOptions = {}): AsyncIterable<string> {
  const { points, ...rest } = parseExport(schema, options, 'exportJson');
  return documentOf(tracker, rest as ExportSelection, points);
}

async function* documentOf(tracker: Tracker, selection: ExportSelection, withPoints: boolean): AsyncGenerator<string> {
  yield `{"format":"fairlead-runs","version":${version},"runs":[`;
  let between = '\n';
  for await (const run of selectRuns(tracker, selection)) {
    // Functions are no JSON, so this is what was recorded.
    const text = toText(run);
    yield withPoints ? `${between}${text.slice(0, -1)},"points":[` : `${between}${text}`;
    between = ',\n';
    if (!withPoints) continue;
    let separator = '';
    for await (const piece of pieces(run, selection.signal)) {
      yield separator + toText(piece);
      separator = ',';
    }
    yield ']}';
  }
  yield '\n]}\n';
}

/**
 * The same as lines of JSON: first `{ "type": "format", … }`, then for each run `{ "type": "run", … }` and its points as
 * `{ "type": "points", "run": id, "metric", "steps", "timestamps", "values" }`.
 *
 * @throws FairleadError `INVALID_OPTION`, `INVALID_ARGUMENT` at once; `NOT_FOUND`, `ABORTED` while it is read
 */
export function exportJsonLines(tracker: Tracker, options: JsonExportOptions = {}): AsyncIterable<string> {
  const { points, ...rest } = parseExport(schema, options, 'exportJsonLines');
  return linesOf(tracker, rest as ExportSelection, points);
}

async function* linesOf(tracker: Tracker, selection: ExportSelection, withPoints: boolean): AsyncGenerator<string> {
  yield `${toText({ type: 'format', format: 'fairlead-runs', version })}\n`;
  for await (const run of selectRuns(tracker, selection)) {
    yield `${toText({ type: 'run', ...run })}\n`;
    if (!withPoints) continue;
    for await (const piece of pieces(run, selection.signal)) {
      yield `${toText({ type: 'points', run: run.id, ...piece })}\n`;
    }
  }
}
