import { createSha256 } from '#files';

/*
 * What MLflow has no place for lies in tags that begin with `fairlead.`. A tag of the user that would be taken for one of
 * ours, or for one that MLflow makes something else of, goes by another name.
 */

/** Tags that there is one of. */
export const ownTags = {
  /** Our id of the run. */
  id: 'fairlead.run_id',
  /** The whole name of a run whose name MLflow does not take whole. */
  name: 'fairlead.name',
  /** Our id of the run that this one is part of. */
  parent: 'fairlead.parent',
  /** Epoch milliseconds. */
  leaseUntil: 'fairlead.lease_until',
  /** What MLflow's status does not say of the end: JSON of {@link EndNote}. */
  end: 'fairlead.end',
  /** `true`: a metric has several points at its last step and time, of which MLflow takes another than we do. */
  ties: 'fairlead.ties',
  /** Epoch milliseconds. */
  deletedAt: 'fairlead.deleted_at',
  /** What a run is for that is none of the user's. */
  kind: 'fairlead.kind',
} as const;

/** The kind of the run that holds bytes which belong to no run. */
export const blobKind = 'blobs';

/** Tags that there may be several of, each behind its own start. */
export const ownKinds = {
  /** Names of parameters that are numbers or booleans, by writer and number. */
  types: 'fairlead.types.',
  /** What a writer knows of the metrics that it logged, by writer and number. */
  metrics: 'fairlead.metrics.',
  artifact: 'fairlead.artifact.',
  input: 'fairlead.input.',
  use: 'fairlead.use.',
  /** The user's own tags whose names are taken. */
  tag: 'fairlead.tag.',
} as const;

/** MLflow's own tags that say what a run's name and parent are. */
export const mlflowTags = { name: 'mlflow.runName', parent: 'mlflow.parentRunId' } as const;

const ownStart = 'fairlead.';
const taken: ReadonlySet<string> = new Set(Object.values(mlflowTags));

function isTaken(key: string): boolean {
  return key.startsWith(ownStart) || taken.has(key);
}

/** The name by which a tag of the user is kept. */
export function toServerTag(key: string): string {
  return isTaken(key) ? ownKinds.tag + key : key;
}

/** The user's tags among those of a run. */
export function userTags(tags: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(tags).flatMap(([key, value]): [string, string][] => {
      if (key.startsWith(ownKinds.tag)) return [[key.slice(ownKinds.tag.length), value]];
      return isTaken(key) ? [] : [[key, value]];
    }),
  );
}

/** SHA-256 of a text, lower-case hex. */
export function hashOf(text: string): string {
  const hash = createSha256();
  hash.update(new TextEncoder().encode(text));
  return hash.hex();
}

/** The tag of a kind for something with a long or odd name. */
export function hashedTag(kind: 'artifact' | 'input' | 'use', name: string): string {
  return ownKinds[kind] + hashOf(name).slice(0, 32);
}

/** The values of all tags of a kind that are JSON of an object; others, which somebody else wrote, are let be. */
export function parsedTags(
  tags: Readonly<Record<string, string>>,
  start: string,
  parse: (text: string) => unknown = JSON.parse,
): readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[] {
  return Object.entries(tags).flatMap(([key, text]) => {
    if (!key.startsWith(start)) return [];
    const value = parseObject(text, parse);
    return value === undefined ? [] : [{ key, value }];
  });
}

/** The object in a JSON text; `undefined` where there is none. */
export function parseObject(
  text: string | undefined,
  parse: (text: string) => unknown = JSON.parse,
): Readonly<Record<string, unknown>> | undefined {
  if (text === undefined) return undefined;
  try {
    const value = parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    // Somebody else wrote it: nothing of ours.
    return undefined;
  }
}
