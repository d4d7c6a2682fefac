import type { CollectGarbageOptions } from '../store/maintenance';
import type { Tracker } from '../tracker';
import { countOf, formatBytes } from './format-bytes';

/**
 * Collects the garbage of a tracker's store and lists it.
 * @returns the exit status
 * @throws FairleadError as `tracker.collectGarbage`
 */
export async function garbageCommand(
  tracker: Pick<Tracker, 'collectGarbage'>,
  options: CollectGarbageOptions,
  write: (text: string) => void,
): Promise<number> {
  const { items, bytes, kept } = await tracker.collectGarbage(options);
  for (const item of items) write(`${item.kind.padEnd(8)}  ${item.name}  ${formatBytes(item.bytes)}\n`);
  for (const { name, reason } of kept) write(`kept      ${name}: ${reason}\n`);
  const done = options.dryRun === true ? 'would be' : 'were';
  write(`${countOf(items.length, 'thing')} of ${formatBytes(bytes)} ${done} removed.\n`);
  return 0;
}
