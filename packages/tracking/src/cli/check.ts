import type { CallOptions } from '@fairlead/core';
import type { Tracker } from '../tracker';
import { countOf, formatBytes } from './format-bytes';

/**
 * Checks the store of a tracker and says what is wrong with it.
 * @returns the exit status: 1 where something is wrong that does not mend itself
 * @throws FairleadError as `tracker.check`
 */
export async function checkCommand(
  tracker: Pick<Tracker, 'check'>,
  options: CallOptions,
  write: (text: string) => void,
): Promise<number> {
  const { runs, segments, artifacts, models, bytes, problems } = await tracker.check(options);
  for (const { kind, message } of problems) write(`${kind}: ${message}\n`);
  const things = [
    `${countOf(runs, 'run')} in ${countOf(segments, 'segment')}`,
    countOf(artifacts, 'artifact'),
    countOf(models, 'model'),
  ];
  const verdict = problems.length === 0 ? 'all is well' : countOf(problems.length, 'problem');
  write(`${things.join(', ')}, ${formatBytes(bytes)} read: ${verdict}.\n`);
  return problems.some(({ kind }) => kind !== 'rebuildable' && kind !== 'torn-tail') ? 1 : 0;
}
