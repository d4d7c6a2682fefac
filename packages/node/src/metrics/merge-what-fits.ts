import { FairleadError } from '@fairlead/core';
import { mergeSnapshots, type RegistrySnapshot } from '@fairlead/core/metrics';

/**
 * Merges snapshots family by family where they do not fit as a whole; of two definitions the first counts.
 * @param onConflict told once for each snapshot that does not fit in all of its families
 */
export function mergeWhatFits(
  snapshots: readonly RegistrySnapshot[],
  onConflict: (error: FairleadError) => void,
): RegistrySnapshot {
  try {
    return mergeSnapshots(snapshots);
  } catch (error) {
    if (!FairleadError.isInstance(error, 'CONFLICT')) throw error;
  }
  let merged: RegistrySnapshot = { version: 1, families: [] };
  for (const snapshot of snapshots) {
    let conflict: FairleadError | undefined;
    for (const family of snapshot.families) {
      try {
        merged = mergeSnapshots([merged, { version: 1, families: [family] }]);
      } catch (error) {
        if (!FairleadError.isInstance(error, 'CONFLICT')) throw error;
        conflict ??= error;
      }
    }
    if (conflict !== undefined) onConflict(conflict);
  }
  return merged;
}

/** What stays true of a process that is gone or silent: what it counted. The window of a summary is empty then. */
export function cumulativeOf({ families }: RegistrySnapshot): RegistrySnapshot {
  const counting = families.filter(({ type }) => type === 'counter' || type === 'histogram' || type === 'summary');
  return {
    version: 1,
    families: counting.map((family) =>
      family.type !== 'summary'
        ? family
        : { ...family, series: family.series.map((each) => (each.bins === undefined ? each : { ...each, bins: [] })) },
    ),
  };
}
