import { resolve } from 'node:path';
import { type ImportReport, importFromMlflow } from '../mlflow/import/import-from-mlflow';
import { openTracker } from '../open-tracker';
import { type Command, UsageError } from './command';
import { createCopyProgress, reportLines } from './copy-progress';
import { countOf } from './format-bytes';
import { parseArguments } from './parse-arguments';
import { serverAddress } from './server-address';

const choices = ['new', 'all', 'none'] as const;

function modelLines({ models }: ImportReport): string {
  if (models === undefined) return '';
  const skipped = models.skipped.map(({ name, version, reason }) => {
    const what = version === undefined ? name : `${name}/${version}`;
    return `${what} was left out: ${reason}.\n`.replace(/\.\.\n$/, '.\n');
  });
  return `${skipped.join('')}${countOf(models.versions, 'version')} of models fetched, ${models.aliases} aliases set.\n`;
}

/** `fairlead-tracking import`. */
export const importCommand: Command = {
  name: 'import',
  summary: 'fetches runs, and models where asked for, from an MLflow server',
  usage: `[<folder>] [--from <url>] [--experiment <name>]… [--artifacts <which>]
       [--models] [--verify]

  <folder>             folder of the store, made where it is missing
                       (default: .fairlead)
  --from <url>         the server (default: MLFLOW_TRACKING_URI); who asks is said
                       by MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD,
                       or by MLFLOW_TRACKING_TOKEN
  --experiment <name>  only runs of this experiment; may be given several times
  --artifacts <which>  new: those that are not here (default); all; none
  --models             registered models too, with versions and aliases
  --verify             compares every run, those too that look the same
`,
  async run(args, io) {
    const { values, positionals } = parseArguments(
      args,
      {
        from: { type: 'string' },
        experiment: { type: 'string', multiple: true },
        artifacts: { type: 'string', default: 'new' },
        models: { type: 'boolean', default: false },
        verify: { type: 'boolean', default: false },
      },
      ['folder'],
    );
    const { from, experiment: experiments, models, verify } = values;
    const artifacts = choices.find((choice) => choice === values.artifacts);
    if (artifacts === undefined) {
      throw new UsageError(`--artifacts must be one of ${choices.join(', ')}; given "${values.artifacts}".`);
    }
    const server = serverAddress('--from', from, io);
    const tracker = await openTracker({ dir: resolve(io.cwd, positionals[0] ?? '.fairlead') });
    const progress = createCopyProgress(io, Date.now);
    try {
      const report = await importFromMlflow(tracker, {
        artifacts,
        models,
        verify,
        signal: io.signal,
        onProgress: progress.show,
        ...server,
        ...(experiments === undefined ? {} : { experiments }),
      }).finally(progress.end);
      io.stdout.write(reportLines(report, 'fetched') + modelLines(report));
      return report.failed.length === 0 ? 0 : 1;
    } finally {
      await tracker.close();
    }
  },
};
