import { toText } from '../embedded/event-codec';
import type { DatasetInput, ModelUse, StoredArtifact, StoredRun } from '../store/run-store';

/** Keys of objects in one order, so that equal values have equal texts. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, part]) => part !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, part]) => [key, sorted(part)]));
}

/** A text that only equal values share, whatever the order of their keys. */
export function canonicalText(value: unknown): string {
  return toText(sorted(value));
}

/** What two inputs of one run have in common when the later replaces the earlier. */
export function inputKey({ name, digest, context }: DatasetInput): string {
  return JSON.stringify([name, digest, context ?? null]);
}

/** The same of models that a run used. */
export function useKey({ name, version }: ModelUse): string {
  return JSON.stringify([name, version]);
}

/** What an artifact is apart from its name and the time. */
export function artifactText({ digest, size, kind, mediaType, step }: StoredArtifact): string {
  return canonicalText({ digest, size, kind: kind ?? 'file', mediaType, step });
}

/** A text that changes whenever anything of a run does, as far as its store tells without reading points. */
export function stateText(run: StoredRun): string {
  const { damage: _, leaseUntil, ...rest } = run;
  const byText = (items: readonly unknown[]): readonly string[] => items.map(canonicalText).sort();
  return canonicalText({
    ...rest,
    artifacts: byText(run.artifacts),
    inputs: byText(run.inputs),
    uses: byText(run.uses),
    // A run that has ended has no lease any more.
    ...(run.end === undefined ? { leaseUntil } : {}),
  });
}
