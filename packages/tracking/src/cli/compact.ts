import type { CompactOptions } from '../store/maintenance';
import type { Tracker } from '../tracker';
import { countOf, formatBytes } from './format-bytes';

/**
 * Compacts the store of a tracker and says what it did.
 * @returns the exit status
 * @throws FairleadError as `tracker.compact`
 */
export async function compactCommand(
  tracker: Pick<Tracker, 'compact'>,
  options: CompactOptions,
  write: (text: string) => void,
): Promise<number> {
  const { runs, segments, bytes, skipped } = await tracker.compact(options);
  for (const { run, reason } of skipped) write(`${run} was left alone: ${reason}.\n`);
  const done = options.dryRun === true ? 'would be' : 'were';
  const size = options.dryRun === true ? `at most ${formatBytes(bytes.after)}` : formatBytes(bytes.after);
  write(
    `${countOf(runs, 'run')} ${done} compacted: ${countOf(segments.before, 'segment')} to ${segments.after}, ` +
      `${formatBytes(bytes.before)} to ${size}.\n`,
  );
  return 0;
}
