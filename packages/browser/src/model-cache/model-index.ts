import * as z from 'zod/mini';

/** Bytes in the storage, in segments that each were written at once: `file-3-0`, `file-3-1` and so on. */
export interface FileRecord {
  readonly id: number;
  /** Bytes of each segment. */
  readonly segments: readonly number[];
}

/** A file that lies beside a model. */
export interface SidecarRecord {
  readonly file: FileRecord;
  readonly digest: string;
}

/** A version of a model. */
export interface ModelRecord {
  readonly file: FileRecord;
  readonly bytes: number;
  readonly name: string;
  /** URLs that it came from, without their secrets. */
  readonly urls: readonly string[];
  /** Milliseconds since 1970. */
  readonly storedAt: number;
  readonly usedAt: number;
  /** What lies beside it; null where somebody looked and there was nothing. */
  readonly sidecars: Readonly<Record<string, SidecarRecord | null>>;
}

/** What a server said of a version of a file. */
export interface Validators {
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
  /** Bytes of the file. */
  readonly total?: number | undefined;
}

/** What a URL led to when it was last asked. */
export interface AddressRecord extends Validators {
  readonly digest: string;
  readonly checkedAt: number;
}

/** A download that is under way, or was broken off. */
export interface PartRecord extends Validators {
  readonly file: FileRecord;
  /** SHA-256 of what is stored so far, by which a flipped bit is found. */
  readonly digest: string;
  /** The URL, hashed. */
  readonly address: string;
  readonly usedAt: number;
}

/** How fast a variant was on a device. */
export interface SpeedRecord {
  readonly milliseconds: number;
  readonly measuredAt: number;
}

/**
 * What is in the storage. Keys are digests, or hashes of URLs, since URLs may carry secrets.
 */
export interface ModelIndex {
  readonly format: 1;
  nextFile: number;
  readonly models: Record<string, ModelRecord>;
  readonly addresses: Record<string, AddressRecord>;
  readonly parts: Record<string, PartRecord>;
  readonly speeds: Record<string, SpeedRecord>;
}

/** The key of the index in the storage. */
export const indexKey = 'index';

const count = z.int().check(z.minimum(0));
const file = z.object({ id: count, segments: z.array(count) });
const validators = { etag: z.optional(z.string()), lastModified: z.optional(z.string()), total: z.optional(count) };
const sidecar = z.nullable(z.object({ file, digest: z.string() }));
const schema = z.object({
  format: z.literal(1),
  nextFile: count,
  models: z.record(
    z.string(),
    z.object({
      file,
      bytes: count,
      name: z.string(),
      urls: z.array(z.string()),
      storedAt: z.number(),
      usedAt: z.number(),
      sidecars: z.record(z.string(), sidecar),
    }),
  ),
  addresses: z.record(z.string(), z.object({ ...validators, digest: z.string(), checkedAt: z.number() })),
  parts: z.record(
    z.string(),
    z.object({ ...validators, file, digest: z.string(), address: z.string(), usedAt: z.number() }),
  ),
  speeds: z.record(z.string(), z.object({ milliseconds: z.number(), measuredAt: z.number() })),
});

/** An index of nothing. */
export function emptyIndex(): ModelIndex {
  return { format: 1, nextFile: 1, models: {}, addresses: {}, parts: {}, speeds: {} };
}

/** Reads an index; undefined where the bytes are none. */
export function parseIndex(bytes: Uint8Array): ModelIndex | undefined {
  try {
    const { success, data } = schema.safeParse(JSON.parse(new TextDecoder().decode(bytes)));
    return success ? data : undefined;
  } catch {
    return undefined; // The caller says so, and starts with an empty one.
  }
}

/** Writes an index as JSON. */
export function serializeIndex(index: ModelIndex): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(index));
}

/** Bytes of a file. */
export function bytesOf({ segments }: FileRecord): number {
  return segments.reduce((sum, bytes) => sum + bytes, 0);
}

/** All files of a version, its own first. */
export function filesOf({ file: own, sidecars }: ModelRecord): FileRecord[] {
  return [own, ...Object.values(sidecars).flatMap((record) => (record === null ? [] : [record.file]))];
}

/** Bytes of everything in the storage but the index itself. */
export function usedBytes({ models, parts }: ModelIndex): number {
  const files = [...Object.values(models).flatMap(filesOf), ...Object.values(parts).map((part) => part.file)];
  return files.reduce((sum, record) => sum + bytesOf(record), 0);
}
