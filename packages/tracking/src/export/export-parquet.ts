import { FairleadError, messageOf, throwIfAborted } from '@fairlead/core';
import type * as ParquetWriting from 'hyparquet-writer';
import * as z from 'zod/mini';
import { textOf } from '../search/value-order';
import type { RunSummary, Tracker } from '../tracker';
import { openRunTable, type RunColumn } from './run-columns';
import { type ExportContent, type ExportSelection, parseExport, selectionFields, selectRuns } from './selection';

/** Options of {@link exportParquet}. */
export interface ParquetExportOptions extends ExportSelection {
  /**
   * `runs`: a row a run, with a column for every parameter, metric (its last value) and tag. `points`: a row a point.
   * @default 'runs'
   */
  readonly content?: ExportContent;
  /** Rows that are compressed together, and lie in memory. 1 or more. @default 65536 */
  readonly rowGroupRows?: number;
}

const schema = z.strictObject({
  ...selectionFields,
  content: z._default(z.enum(['runs', 'points']), 'runs'),
  rowGroupRows: z._default(z.int().check(z.minimum(1), z.maximum(10_000_000)), 65_536),
});

/**
 * Imports the library that writes Parquet, an optional peer dependency, when it is first used.
 *
 * @param importModule for tests
 * @throws FairleadError `BACKEND_UNAVAILABLE` that says how to install it
 */
export async function loadWriter(
  importModule: () => Promise<typeof ParquetWriting> = () => import('hyparquet-writer'),
): Promise<typeof ParquetWriting> {
  try {
    return await importModule();
  } catch (cause) {
    throw new FairleadError(
      'BACKEND_UNAVAILABLE',
      `hyparquet-writer, which writes Parquet, does not load here: ${messageOf(cause)} Run \`npm install hyparquet-writer\`.`,
      { cause },
    );
  }
}

interface Column {
  readonly name: string;
  readonly type: 'STRING' | 'DOUBLE' | 'TIMESTAMP' | 'INT64';
  readonly nullable: boolean;
}

/** Rows of one group, a list a column. */
type Group = readonly unknown[][];

/** Writes groups of rows; the bytes of each are given on before the next one is asked for. */
async function* fileOf(columns: readonly Column[], groups: AsyncIterable<Group>): AsyncGenerator<Uint8Array> {
  const { ByteWriter, ParquetWriter, schemaFromColumnData } = await loadWriter();
  const bytes = new ByteWriter();
  const dataOf = (group: Group): ParquetWriting.ColumnSource[] =>
    columns.map((column, index) => ({ ...column, data: group[index] ?? [] }));
  const writer = new ParquetWriter({
    writer: bytes,
    schema: schemaFromColumnData({ columnData: dataOf([]) }),
    createdBy: 'fairlead',
  });
  const take = (): Uint8Array => {
    const taken = bytes.getBytes().slice();
    bytes.index = 0;
    return taken;
  };
  for await (const group of groups) {
    await writer.write({ columnData: dataOf(group), rowGroupSize: Math.max(1, group[0]?.length ?? 0) });
    yield take();
  }
  await writer.finish();
  yield take();
}

const typeOfColumn = { text: 'STRING', mixed: 'STRING', number: 'DOUBLE', time: 'DOUBLE' } as const;

async function* runGroups(
  columns: readonly RunColumn[],
  rows: AsyncIterable<RunSummary>,
  size: number,
): AsyncGenerator<Group> {
  const empty = (): unknown[][] => columns.map(() => []);
  let group = empty();
  for await (const run of rows) {
    columns.forEach(({ of, type }, index) => {
      const value = of(run);
      group[index]?.push(value === undefined || type !== 'mixed' ? value : textOf(value));
    });
    if (group[0]?.length !== size) continue;
    yield group;
    group = empty();
  }
  if (group[0]?.length !== 0) yield group;
}

async function* runFile(tracker: Tracker, selection: ExportSelection, size: number): AsyncGenerator<Uint8Array> {
  const { columns, rows } = await openRunTable(tracker, selection);
  const always = new Set(['id', 'name', 'experiment', 'status', 'start_time']);
  yield* fileOf(
    columns.map(({ name, type }) => ({ name, type: typeOfColumn[type], nullable: !always.has(name) })),
    runGroups(columns, rows(), size),
  );
}

const pointColumns: readonly Column[] = [
  { name: 'run', type: 'STRING', nullable: false },
  { name: 'metric', type: 'STRING', nullable: false },
  { name: 'step', type: 'INT64', nullable: false },
  { name: 'timestamp', type: 'DOUBLE', nullable: false },
  { name: 'value', type: 'DOUBLE', nullable: false },
];

async function* pointGroups(tracker: Tracker, selection: ExportSelection, size: number): AsyncGenerator<Group> {
  const { signal } = selection;
  const empty = (): [unknown[], unknown[], unknown[], unknown[], unknown[]] => [[], [], [], [], []];
  let group = empty();
  for await (const run of selectRuns(tracker, selection)) {
    for await (const { count, keys, keyIds, steps, timestamps, values } of run.points(
      signal === undefined ? {} : { signal },
    )) {
      throwIfAborted(signal, 'The export');
      for (let i = 0; i < count; i++) {
        group[0].push(run.id);
        group[1].push(keys[keyIds[i] as number]);
        group[2].push(BigInt(steps[i] as number));
        group[3].push(timestamps[i]);
        group[4].push(values[i]);
        if (group[0].length < size) continue;
        yield group;
        group = empty();
      }
    }
  }
  if (group[0].length > 0) yield group;
}

/**
 * Runs or points as a Parquet file, a row group at a time. Columns have the names that CSV has; parameters, which may be of
 * any type, are text; times are epoch milliseconds; NaN and the infinities are kept. Needs the package `hyparquet-writer`.
 *
 * @example
 * await writeExport('points.parquet', exportParquet(tracker, { content: 'points' }));
 *
 * @throws FairleadError `INVALID_OPTION`, `INVALID_ARGUMENT` at once; `BACKEND_UNAVAILABLE` without the package,
 * `NOT_FOUND`, `ABORTED` while it is read
 */
export function exportParquet(tracker: Tracker, options: ParquetExportOptions = {}): AsyncIterable<Uint8Array> {
  const { content, rowGroupRows, ...rest } = parseExport(schema, options, 'exportParquet');
  const selection = rest as ExportSelection;
  if (content === 'runs') return runFile(tracker, selection, rowGroupRows);
  return fileOf(pointColumns, pointGroups(tracker, selection, rowGroupRows));
}
