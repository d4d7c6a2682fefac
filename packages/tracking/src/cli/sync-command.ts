import { openTracker } from '../open-tracker';
import { type Command, UsageError } from './command';
import { createCopyProgress, reportLines } from './copy-progress';
import { storeFolder } from './open-store';
import { parseArguments } from './parse-arguments';
import { serverAddress } from './server-address';

/** `fairlead-tracking sync`. */
export const syncCommand: Command = {
  name: 'sync',
  summary: 'sends the runs of a store to an MLflow server: what is not there yet',
  usage: `[<folder>] [--to <url>] [--experiment <name>]… [--run <id>]… [--verify]

  <folder>             folder of the store (default: .fairlead)
  --to <url>           the server (default: MLFLOW_TRACKING_URI); who asks is said
                       by MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD,
                       or by MLFLOW_TRACKING_TOKEN
  --experiment <name>  only runs of this experiment; may be given several times
  --run <id>           only this run; may be given several times
  --verify             compares every run with the server, those too that were
                       sent as a whole
`,
  async run(args, io) {
    const { values, positionals } = parseArguments(
      args,
      {
        to: { type: 'string' },
        experiment: { type: 'string', multiple: true },
        run: { type: 'string', multiple: true },
        verify: { type: 'boolean', default: false },
      },
      ['folder'],
    );
    const { to, experiment: experiments, run: runs, verify } = values;
    if (experiments !== undefined && runs !== undefined) {
      throw new UsageError('--run names the runs, so --experiment is not for use beside it.');
    }
    const server = serverAddress('--to', to, io);
    const dir = await storeFolder(positionals[0] ?? '.fairlead', io);
    const tracker = await openTracker({ dir, mlflow: server });
    const progress = createCopyProgress(io, Date.now);
    try {
      const report = await tracker
        .sync({
          verify,
          signal: io.signal,
          onProgress: progress.show,
          ...(experiments === undefined ? {} : { experiments }),
          ...(runs === undefined ? {} : { runs }),
        })
        .finally(progress.end);
      io.stdout.write(reportLines(report, 'sent'));
      return report.failed.length === 0 ? 0 : 1;
    } finally {
      await tracker.close();
    }
  },
};
