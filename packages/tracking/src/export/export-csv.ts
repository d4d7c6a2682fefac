import { throwIfAborted } from '@fairlead/core';
import * as z from 'zod/mini';
import { textOf } from '../search/value-order';
import type { ParamValue } from '../store/stored-run';
import type { Tracker } from '../tracker';
import { openRunTable } from './run-columns';
import { type ExportContent, type ExportSelection, parseExport, selectionFields, selectRuns } from './selection';

/** Options of {@link exportCsv}. */
export interface CsvExportOptions extends ExportSelection {
  /**
   * `runs`: a row a run, with a column for every parameter, metric (its last value) and tag. `points`: a row a point.
   * @default 'runs'
   */
  readonly content?: ExportContent;
  /**
   * Puts an apostrophe before text that a spreadsheet would take for a formula: that begins with `=`, `+`, `-`, `@`, a tab or
   * a carriage return and is no number. Set it where people open the file who did not log the runs. @default false
   */
  readonly defuseFormulas?: boolean;
}

const schema = z.strictObject({
  ...selectionFields,
  content: z._default(z.enum(['runs', 'points']), 'runs'),
  defuseFormulas: z._default(z.boolean(), false),
});

const endOfLine = '\r\n';

/** Writes values as RFC 4180 has them. Empty text is in quotes, and so differs from what is missing. */
function createCell(defuseFormulas: boolean): (value: ParamValue | undefined) => string {
  return (value) => {
    if (value === undefined) return '';
    if (typeof value !== 'string') return textOf(value);
    const isFormula =
      defuseFormulas &&
      /^[=+\-@\t\r\uFF1D\uFF0B\uFF0D\uFF20]/.test(value) &&
      !/^[+-]?[\d.]+(?:e[+-]?\d+)?$/i.test(value);
    const text = isFormula ? `'${value}` : value;
    return text === '' || /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
}

async function* runLines(
  tracker: Tracker,
  selection: ExportSelection,
  cell: (value: ParamValue | undefined) => string,
) {
  const table = await openRunTable(tracker, selection);
  yield table.columns.map(({ name }) => cell(name)).join(',') + endOfLine;
  for await (const run of table.rows()) {
    yield table.columns.map((column) => cell(column.of(run))).join(',') + endOfLine;
  }
}

async function* pointLines(
  tracker: Tracker,
  selection: ExportSelection,
  cell: (value: ParamValue | undefined) => string,
) {
  const { signal } = selection;
  yield `run,metric,step,timestamp,value${endOfLine}`;
  for await (const run of selectRuns(tracker, selection)) {
    for await (const points of run.points(signal === undefined ? {} : { signal })) {
      throwIfAborted(signal, 'The export');
      const heads = points.keys.map((key) => `${run.id},${cell(key)},`);
      let lines = '';
      for (let i = 0; i < points.count; i++) {
        const value = textOf(points.values[i] as number);
        lines += `${heads[points.keyIds[i] as number]}${points.steps[i]},${points.timestamps[i]},${value}${endOfLine}`;
      }
      yield lines;
    }
  }
}

/**
 * Runs or points as CSV (RFC 4180, UTF-8, lines that end in CRLF), a piece of text at a time. Times are epoch milliseconds.
 * Numbers are written so that they can be read back exactly; NaN and the infinities as `NaN`, `Infinity` and `-Infinity`.
 *
 * @example
 * await writeExport('points.csv', exportCsv(tracker, { content: 'points', experiments: ['digits'] }));
 *
 * @throws FairleadError `INVALID_OPTION`, `INVALID_ARGUMENT` at once; `NOT_FOUND`, `ABORTED` while it is read
 */
export function exportCsv(tracker: Tracker, options: CsvExportOptions = {}): AsyncIterable<string> {
  const { content, defuseFormulas, ...rest } = parseExport(schema, options, 'exportCsv');
  const selection = rest as ExportSelection;
  const cell = createCell(defuseFormulas);
  return content === 'runs' ? runLines(tracker, selection, cell) : pointLines(tracker, selection, cell);
}
