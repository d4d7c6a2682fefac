import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { renderRunReport } from '../ui/render-run-report';
import { type Command, UsageError } from './command';
import { openStore, storeOption, storeUsage } from './open-store';
import { parseArguments } from './parse-arguments';

/** `fairlead-tracking report`. */
export const reportCommand: Command = {
  name: 'report',
  summary: 'writes one run, or several side by side, into one HTML file',
  usage: `<run id…> [--dir <folder>] [--out <file>] [--title <text>]

${storeUsage}
  --out <file>     the file to write (default: report.html)
  --title <text>   heading of the page (default: the name of the run)
`,
  async run(args, io) {
    const { values, positionals } = parseArguments(
      args,
      { ...storeOption, out: { type: 'string', default: 'report.html' }, title: { type: 'string' } },
      ['run id…'],
    );
    if (positionals.length === 0) {
      throw new UsageError(
        'The id of a run is missing. `fairlead-tracking ui` shows the ids, and so does tracker.runs().',
      );
    }
    const tracker = await openStore(values.dir, io);
    try {
      const page = await renderRunReport(
        tracker,
        positionals,
        values.title === undefined ? {} : { title: values.title },
      );
      const file = resolve(io.cwd, values.out);
      await writeFile(file, page);
      io.stdout.write(`Wrote ${file}\n`);
    } finally {
      await tracker.close();
    }
    return 0;
  },
};
