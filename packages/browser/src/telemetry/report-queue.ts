import type { TelemetryRest } from '@fairlead/core/telemetry';

/** A report that waits to be sent. */
export interface QueuedReport {
  /** Its place in the queue. */
  readonly key: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** When it was put, in milliseconds since 1970-01-01 UTC. */
  readonly atEpochMs: number;
}

/** What bounds a queue. */
export interface QueueBounds {
  /** Bytes of all reports. */
  readonly maxBytes: number;
  /** Milliseconds after which a report is dropped. */
  readonly maxAgeMs: number;
}

/** Reports that wait to be sent, oldest first. Every method rejects when the browser refuses. */
export interface ReportQueue {
  readonly storage: 'indexeddb' | 'memory';
  /**
   * Puts reports behind the others, and drops the oldest that are past the bounds.
   * @returns how many were dropped
   */
  put(reports: readonly Uint8Array<ArrayBuffer>[], nowEpochMs: number): Promise<number>;
  /** The oldest, as many as there is room for, and one at least. */
  first(maxBytes: number, maxReports: number): Promise<QueuedReport[]>;
  remove(keys: readonly number[]): Promise<void>;
  /** Keeps counts that are too small to be sent, for the next page. Only where the queue outlasts this one. */
  keepRest?(rest: TelemetryRest, nowEpochMs: number): Promise<void>;
  /** Takes out all that was kept under a key and is not too old, so that nobody else gets it. */
  takeRests?(key: string, nowEpochMs: number): Promise<TelemetryRest[]>;
  /** How many wait. */
  size(): Promise<number>;
  clear(): Promise<void>;
  close(): void;
}

/** Which of them are past the bounds, oldest first. */
export function pastBounds(
  all: readonly QueuedReport[],
  { maxBytes, maxAgeMs }: QueueBounds,
  nowEpochMs: number,
): number[] {
  let left = all.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
  const dropped: number[] = [];
  for (const { key, bytes, atEpochMs } of all) {
    if (left <= maxBytes && nowEpochMs - atEpochMs <= maxAgeMs) continue;
    dropped.push(key);
    left -= bytes.byteLength;
  }
  return dropped;
}

/** The first that fit. */
export function firstOf(all: Iterable<QueuedReport>, maxBytes: number, maxReports: number): QueuedReport[] {
  const first: QueuedReport[] = [];
  let size = 0;
  for (const report of all) {
    size += report.bytes.byteLength + bytesAround;
    if (first.length >= maxReports || (first.length > 0 && size > maxBytes)) break;
    first.push(report);
  }
  return first;
}

/** Bytes that a report takes in a body beside its own. */
const bytesAround = 4;

/** A queue that goes with its page, for where there is no database. */
export function createMemoryQueue(bounds: QueueBounds): ReportQueue {
  const reports = new Map<number, QueuedReport>();
  let next = 1;
  return {
    storage: 'memory',
    async put(added, nowEpochMs) {
      for (const bytes of added) reports.set(next, { key: next++, bytes, atEpochMs: nowEpochMs });
      const dropped = pastBounds([...reports.values()], bounds, nowEpochMs);
      for (const key of dropped) reports.delete(key);
      return dropped.length;
    },
    first: async (maxBytes, maxReports) => firstOf(reports.values(), maxBytes, maxReports),
    async remove(keys) {
      for (const key of keys) reports.delete(key);
    },
    size: async () => reports.size,
    clear: async () => reports.clear(),
    close() {},
  };
}
