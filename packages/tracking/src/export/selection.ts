import { type CallOptions, parseOptions, throwIfAborted } from '@fairlead/core';
import * as z from 'zod/mini';
import { invalidArgument } from '../names';
import type { FilterNode } from '../search/query';
import type { RunRecord, RunSummary, Tracker } from '../tracker';

/** Which runs are exported: those with these ids, or those that a search finds. */
export interface ExportSelection extends CallOptions {
  /** The ids of runs, in the order in which they are to come. @default those that the search finds, the oldest first */
  readonly runs?: readonly string[];
  /** As in `tracker.search`; not beside `runs`. @default every run */
  readonly filter?: string | FilterNode;
  /** Only runs of these experiments; not beside `runs`. @default all */
  readonly experiments?: readonly string[];
}

/** What makes an export of points or of runs. */
export type ExportContent = 'runs' | 'points';

/** The fields of a schema that every export has. */
export const selectionFields = {
  runs: z.optional(z.array(z.string())),
  filter: z.optional(
    z.union([z.string(), z.custom<FilterNode>((value) => typeof value === 'object' && value !== null, 'a filter')]),
  ),
  experiments: z.optional(z.array(z.string())),
  signal: z.optional(z.custom<AbortSignal>((value) => value instanceof AbortSignal, 'an AbortSignal')),
};

/** Checks the options of an export. @throws FairleadError `INVALID_OPTION`, `INVALID_ARGUMENT` */
export function parseExport<S extends z.ZodMiniType>(schema: S, options: unknown, owner: string): z.output<S> {
  const parsed = parseOptions(schema, options, owner);
  const { runs, filter, experiments } = parsed as ExportSelection;
  if (runs !== undefined && (filter !== undefined || experiments !== undefined)) {
    throw invalidArgument('runs', 'given without filter and experiments', runs);
  }
  return parsed;
}

/** As many runs are asked for at a time. */
const pageSize = 1000;

/** The ids of the runs, a page at a time lies in memory. */
export async function* selectSummaries(tracker: Tracker, selection: ExportSelection): AsyncGenerator<RunSummary> {
  const { runs, filter, experiments, signal } = selection;
  const call = signal === undefined ? {} : { signal };
  throwIfAborted(signal, 'The export');
  if (runs !== undefined) {
    for (const id of runs) yield await tracker.getRun(id, call);
    return;
  }
  const query = {
    ...(filter === undefined ? {} : { filter }),
    ...(experiments === undefined ? {} : { experiments }),
    orderBy: ['start_time ASC', 'id ASC'],
    limit: pageSize,
    ...call,
  };
  for (let pageToken: string | undefined; ; ) {
    const page = await tracker.search({ ...query, ...(pageToken === undefined ? {} : { pageToken }) });
    yield* page.runs;
    pageToken = page.nextPageToken;
    if (pageToken === undefined) return;
  }
}

/** The runs with everything in them, one at a time. */
export async function* selectRuns(tracker: Tracker, selection: ExportSelection): AsyncGenerator<RunRecord> {
  const { signal } = selection;
  const call = signal === undefined ? {} : { signal };
  for await (const { id } of selectSummaries(tracker, selection)) {
    throwIfAborted(signal, 'The export');
    yield await tracker.getRun(id, call);
  }
}
