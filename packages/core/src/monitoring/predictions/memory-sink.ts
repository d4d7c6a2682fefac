import type { PredictionRecord } from './prediction-record';
import type { Erasure, PredictionSink, SinkContext, SinkUsage } from './prediction-sink';
import { decodeRecord } from './record-codec';

interface Kept {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/**
 * Keeps records in memory, as their bytes: a ring whose oldest records give way. What it held is gone with the process, the
 * keys that were erased included.
 */
export function createMemorySink(): PredictionSink {
  /** Oldest first from `first` on; what lies before is free. */
  let kept: Kept[] = [];
  let first = 0;
  let bytes = 0;
  let dropped = 0;
  let expired = 0;
  let context: SinkContext | undefined;
  const erasures = new Map<string, Erasure>();

  const shift = (): void => {
    bytes -= (kept[first] as Kept).bytes.byteLength;
    first++;
    // Moved to the front now and then, so that each record is moved less than once on average.
    if (first < 1024 || first * 2 < kept.length) return;
    kept = kept.slice(first);
    first = 0;
  };

  const enforce = (): void => {
    if (context === undefined) return;
    const { maxRecords, maxBytes, ttlMs } = context.limits;
    while (kept.length - first > maxRecords || bytes > maxBytes) {
      shift();
      dropped++;
    }
    const oldest = context.clock.epochMs() - ttlMs;
    for (let head = kept[first]; head !== undefined && head.at < oldest; head = kept[first]) {
      shift();
      expired++;
    }
  };

  return {
    specVersion: 'v1',
    async open(given) {
      context = given;
      return [...erasures.values()];
    },
    append({ at }, encoded) {
      kept.push({ at, bytes: encoded });
      bytes += encoded.byteLength;
      enforce();
      return true;
    },
    async *read() {
      for (const entry of kept.slice(first)) yield decodeRecord(entry.bytes);
    },
    async flush() {},
    async trim() {
      enforce();
    },
    async remove(isUnwanted) {
      const before = kept.length - first;
      kept = kept.slice(first).filter((entry) => !isUnwanted(decodeRecord(entry.bytes) satisfies PredictionRecord));
      first = 0;
      bytes = kept.reduce((sum, entry) => sum + entry.bytes.byteLength, 0);
      return before - kept.length;
    },
    async saveErasure(erasure) {
      erasures.set(erasure.keyHash, erasure);
    },
    usage: (): SinkUsage => ({
      records: kept.length - first,
      bytes,
      bufferedBytes: 0,
      dropped,
      expired,
      torn: 0,
      corrupt: 0,
      failures: 0,
    }),
    async close() {},
  };
}
