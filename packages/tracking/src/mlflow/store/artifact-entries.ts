import type { RunEvent } from '../../store/run-store';
import type { StoredArtifact } from '../../store/stored-run';
import type { MlflowFile } from '../artifacts';
import { hashedTag, hashOf, ownKinds, parsedTags } from './own-tags';

/* The bytes of an artifact lie under its name among the run's; what MLflow does not know of it stands in a tag. */

/**
 * Where an artifact lies among those of a run. The server decodes paths again and again, and refuses some characters, so a
 * name with one of these goes by another.
 */
export function serverPath(name: string): string {
  if (!/[#%?;]/.test(name)) return name;
  const cut = name.lastIndexOf('/') + 1;
  const plain = name.replace(/[#%?;]/g, '_');
  return `${plain.slice(0, cut)}${hashOf(name).slice(0, 8)}-${plain.slice(cut)}`;
}

/** The tag of an artifact. */
export function artifactTag(event: Extract<RunEvent, { type: 'artifact' }>): readonly [key: string, value: string] {
  const { type: _, name, ...facts } = event;
  return [hashedTag('artifact', name), JSON.stringify({ name, ...facts })];
}

/** The artifacts that the tags of a run tell of, oldest first. */
export function taggedArtifacts(tags: Readonly<Record<string, string>>): readonly StoredArtifact[] {
  const entries = parsedTags(tags, ownKinds.artifact).map(({ value }) => {
    const { at, ...facts } = value as unknown as Omit<StoredArtifact, 'loggedAt'> & { at: number };
    return { ...facts, loggedAt: at };
  });
  return entries.sort((a, b) => a.loggedAt - b.loggedAt);
}

/**
 * The artifacts of a run by its tags and by what lies there. What is gone is left out, and of what somebody else has
 * written over, which shows by its size, nothing is known but that.
 */
export function joinArtifacts(
  tagged: readonly StoredArtifact[],
  files: readonly MlflowFile[],
  startedAt: number,
): readonly StoredArtifact[] {
  const sizes = new Map(files.filter(({ isFolder }) => !isFolder).map(({ path, size = 0 }) => [path, size]));
  const mine = tagged.filter(({ name, size }) => sizes.get(serverPath(name)) === size);
  for (const { name } of mine) sizes.delete(serverPath(name));
  const foreign = [...sizes].map(([name, size]): StoredArtifact => ({ name, size, loggedAt: startedAt }));
  return [...mine, ...foreign];
}
