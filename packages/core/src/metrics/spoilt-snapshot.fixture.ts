import fc from 'fast-check';
import { FairleadError } from '../errors';
import { hostileRegistry } from './hostile-registry.fixture';
import { restoreSnapshot } from './merge-snapshots';
import { toOpenMetrics } from './openmetrics';
import type { RegistrySnapshot } from './snapshot';

/** A place in plain data, and what stands there. */
interface Leaf {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

/** Every value that is no object, and every list. */
function leavesOf(value: unknown, found: Leaf[] = []): Leaf[] {
  if (typeof value !== 'object' || value === null) return found;
  const holder = value as Record<string, unknown>;
  for (const [key, inner] of Object.entries(holder)) {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) found.push({ holder, key });
    leavesOf(inner, found);
  }
  return found;
}

const wrongValues = [
  -1,
  0,
  0.5,
  1e300,
  -1e300,
  'NaN',
  '+Inf',
  '-Inf',
  '',
  'le',
  'quantile',
  '__x',
  'a b',
  'a\n# EOF',
  'counter',
  'gauge',
  'histogram',
  'gaugehistogram',
  'summary',
  'info',
  'stateset',
  'seconds',
  null,
  [],
  [1],
  [2, 1],
  ['le'],
  ['a', 'a'],
];

/** A snapshot as it comes from elsewhere, of which one value is another than it was. */
export const spoiltSnapshot: fc.Arbitrary<RegistrySnapshot> = fc
  .tuple(hostileRegistry, fc.nat(), fc.constantFrom(...wrongValues))
  .map(([{ registry }, place, wrong]) => {
    const snapshot: RegistrySnapshot = JSON.parse(JSON.stringify(registry.snapshot()));
    const leaves = leavesOf(snapshot.families);
    const leaf = leaves[place % leaves.length];
    if (leaf) leaf.holder[leaf.key] = wrong;
    return snapshot;
  });

/** What a snapshot is written as; `undefined` where it is refused as it should be. */
export function writtenOrRefused(snapshot: RegistrySnapshot): string | undefined {
  try {
    return toOpenMetrics(restoreSnapshot(snapshot));
  } catch (error) {
    if (FairleadError.isInstance(error, 'INVALID_ARGUMENT')) return undefined;
    throw error;
  }
}
