import type { ParamValue, RunError } from '../store/stored-run';
import type { RunSummary, Tracker } from '../tracker';
import { type ExportSelection, selectSummaries } from './selection';

/** One column of the table of runs. */
export interface RunColumn {
  /** As a query names it, such as `metrics.loss`. */
  readonly name: string;
  readonly type: 'text' | 'number' | 'time' | 'mixed';
  of(run: RunSummary): ParamValue | undefined;
}

/** An error in the form in which Node prints one. */
function textOfError(error: RunError | undefined): string | undefined {
  if (error === undefined) return undefined;
  return `${error.name}${error.code === undefined ? '' : ` [${error.code}]`}: ${error.message}`;
}

const fixed: readonly RunColumn[] = [
  { name: 'id', type: 'text', of: (run) => run.id },
  { name: 'name', type: 'text', of: (run) => run.name },
  { name: 'experiment', type: 'text', of: (run) => run.experiment },
  { name: 'parent', type: 'text', of: (run) => run.parent },
  { name: 'status', type: 'text', of: (run) => run.status },
  { name: 'start_time', type: 'time', of: (run) => run.startedAt },
  { name: 'end_time', type: 'time', of: (run) => run.endedAt },
  { name: 'deleted_time', type: 'time', of: (run) => run.deletedAt },
  { name: 'error', type: 'text', of: (run) => textOfError(run.error) },
];

/** A table has a column for everything that one of its runs has, so its runs are looked at once before it is written. */
export interface RunTable {
  readonly columns: readonly RunColumn[];
  /** The runs of the table, read again, a page at a time. */
  rows(): AsyncIterable<RunSummary>;
}

/** Finds out which columns the table of some runs has. */
export async function openRunTable(tracker: Tracker, selection: ExportSelection): Promise<RunTable> {
  const params = new Set<string>();
  const metrics = new Set<string>();
  const tags = new Set<string>();
  const ids = new Set<string>();
  for await (const run of selectSummaries(tracker, selection)) {
    ids.add(run.id);
    for (const key of Object.keys(run.params)) params.add(key);
    for (const key of Object.keys(run.metrics)) metrics.add(key);
    for (const key of Object.keys(run.tags)) tags.add(key);
  }
  const columns: RunColumn[] = [
    ...fixed,
    ...[...params]
      .sort()
      .map((key): RunColumn => ({ name: `params.${key}`, type: 'mixed', of: (run) => run.params[key] })),
    ...[...metrics]
      .sort()
      .map((key): RunColumn => ({ name: `metrics.${key}`, type: 'number', of: (run) => run.metrics[key]?.last })),
    ...[...tags].sort().map((key): RunColumn => ({ name: `tags.${key}`, type: 'text', of: (run) => run.tags[key] })),
  ];
  return {
    columns,
    async *rows() {
      // A run that came meanwhile may have what no column is there for.
      for await (const run of selectSummaries(tracker, selection)) if (ids.has(run.id)) yield run;
    },
  };
}
