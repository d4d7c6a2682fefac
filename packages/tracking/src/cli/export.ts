import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { FairleadError, messageOf } from '@fairlead/core';
import { exportCsv } from '../export/export-csv';
import { exportJson, exportJsonLines } from '../export/export-json';
import { exportParquet } from '../export/export-parquet';
import { exportTensorBoard } from '../export/export-tensorboard';
import type { ExportContent, ExportSelection } from '../export/selection';
import { writeExport } from '../export/write-file';
import { openTracker } from '../open-tracker';
import type { Tracker } from '../tracker';

/** Where the command writes, and what ends it. */
export interface ExportIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  /** Folder that relative paths start from. */
  readonly cwd: string;
  readonly signal?: AbortSignal;
}

const formats = ['csv', 'json', 'jsonl', 'parquet', 'tensorboard'] as const;
type Format = (typeof formats)[number];

const usage = `--format <format> --out <path> [--dir <folder>] [--content <content>]
       [--filter <filter>] [--experiment <name>]… [--run <id>]…

  --format <format>    csv, json, jsonl, parquet or tensorboard
  --out <path>         file to write; for tensorboard the folder
  --dir <folder>       folder of the store (default: .fairlead)
  --content <content>  runs: a row a run (default); points: a row a point; with
                       json and jsonl the points of each run come beside it
  --filter <filter>    only these runs, such as "metrics.loss < 0.3"
  --experiment <name>  only runs of this experiment; may be given several times
  --run <id>           this run; may be given several times
  --defuse-formulas    csv: text that a spreadsheet would compute gets a '
  --double             tensorboard: every digit, for readers that know tensors
`;

const options = {
  format: { type: 'string' },
  out: { type: 'string' },
  dir: { type: 'string', default: '.fairlead' },
  content: { type: 'string' },
  filter: { type: 'string' },
  experiment: { type: 'string', multiple: true },
  run: { type: 'string', multiple: true },
  'defuse-formulas': { type: 'boolean', default: false },
  double: { type: 'boolean', default: false },
} as const;

interface Arguments extends ExportSelection {
  readonly format: Format;
  readonly out: string;
  readonly dir: string;
  readonly content?: ExportContent;
  readonly defuseFormulas: boolean;
  readonly double: boolean;
}

/** The arguments, or what is wrong with them. */
function parse(args: readonly string[], signal: AbortSignal | undefined): Arguments | string {
  let values: ReturnType<typeof parseArgs<{ options: typeof options }>>['values'];
  try {
    ({ values } = parseArgs({ args: [...args], options }));
  } catch (error) {
    // Of an option that does not exist, or whose value is missing or not wanted.
    return messageOf(error);
  }
  const { out, dir, content, filter, experiment, run, double } = values;
  const format = formats.find((one) => one === values.format);
  if (format === undefined)
    return `--format must be one of ${formats.join(', ')}; given ${values.format ?? 'nothing'}.`;
  if (out === undefined || out === '') return '--out is missing: where to write.';
  if (content !== undefined && content !== 'runs' && content !== 'points')
    return `--content must be runs or points; given ${content}.`;
  if (run !== undefined && (filter !== undefined || experiment !== undefined)) {
    return '--run names the runs, so --filter and --experiment are not for use beside it.';
  }
  const onlyFor = (option: string, only: Format): string => `${option} is for --format ${only}.`;
  if (values['defuse-formulas'] && format !== 'csv') return onlyFor('--defuse-formulas', 'csv');
  if (double && format !== 'tensorboard') return onlyFor('--double', 'tensorboard');
  if (content === 'runs' && format === 'tensorboard') return 'TensorBoard has points only: leave --content out.';
  return {
    format,
    out,
    dir,
    defuseFormulas: values['defuse-formulas'],
    double,
    ...(content === undefined ? {} : { content }),
    ...(filter === undefined ? {} : { filter }),
    ...(experiment === undefined ? {} : { experiments: experiment }),
    ...(run === undefined ? {} : { runs: run }),
    ...(signal === undefined ? {} : { signal }),
  };
}

/** What was written, in words. */
async function write(tracker: Tracker, given: Arguments, path: string): Promise<string> {
  const { format, out: _out, dir: _dir, content, defuseFormulas, double, ...selection } = given;
  const rows = content === undefined ? {} : { content };
  const withPoints = { ...selection, points: content === 'points' };
  switch (format) {
    case 'tensorboard': {
      const precision = double ? 'double' : 'single';
      const { files, points } = await exportTensorBoard(tracker, { ...selection, dir: path, precision });
      return `${points} points of ${files.length} runs to ${path}`;
    }
    case 'csv':
      return `${await writeExport(path, exportCsv(tracker, { ...selection, ...rows, defuseFormulas }))} bytes to ${path}`;
    case 'parquet':
      return `${await writeExport(path, exportParquet(tracker, { ...selection, ...rows }))} bytes to ${path}`;
    case 'json':
      return `${await writeExport(path, exportJson(tracker, withPoints))} bytes to ${path}`;
    case 'jsonl':
      return `${await writeExport(path, exportJsonLines(tracker, withPoints))} bytes to ${path}`;
  }
}

async function isStore(folder: string): Promise<boolean> {
  // Opening makes a store where there is none, and a mistyped folder would look like an empty one.
  return (await stat(join(folder, 'fairlead.json')).catch(() => undefined)) !== undefined;
}

/** `fairlead-tracking export`. */
export const exportCommand = {
  name: 'export',
  summary: 'writes runs and their points to CSV, JSON, Parquet or TensorBoard',
  usage,
  /**
   * Does it.
   * @param args the arguments after the command's name
   * @returns the exit status: 0 when everything was written, 1 when not, 2 for arguments that cannot be used
   */
  async run(args: readonly string[], io: ExportIo): Promise<number> {
    const given = parse(args, io.signal);
    if (typeof given === 'string') {
      io.stderr.write(`${given}\n\nUsage: fairlead-tracking export ${usage}`);
      return 2;
    }
    const folder = resolve(io.cwd, given.dir);
    if (!(await isStore(folder))) {
      io.stderr.write(
        `There is no store in ${folder}. Name the folder that openTracker({ dir }) was given: --dir <folder>.\n`,
      );
      return 2;
    }
    const tracker = await openTracker({ dir: folder });
    try {
      io.stdout.write(`Wrote ${await write(tracker, given, resolve(io.cwd, given.out))}\n`);
      return 0;
    } catch (error) {
      if (!FairleadError.isInstance(error)) throw error;
      io.stderr.write(`${error.message}\n`);
      return error.code === 'INVALID_ARGUMENT' ? 2 : 1;
    } finally {
      await tracker.close();
    }
  },
};
