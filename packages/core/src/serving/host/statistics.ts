import type { Clock } from '../../clock';
import type { ModelInfo, RunResult } from '../../runner/runner';

/*
 * Triton's statistics extension, out of what the requests of this service tell: runners that others use too, remote ones and
 * those around other runners are counted alike, and nothing has to listen to their batches. A request says how many rows
 * its batch had, so it is its rows' share of one execution, and the shares of a batch make one.
 */

/** What one request took, in milliseconds. */
export interface RequestTimes {
  readonly totalMs: number;
  /** Reading the tensors out of the body. */
  readonly inputMs: number;
  /** Writing the answer. */
  readonly outputMs: number;
}

/** The statistics of a served model, by version. */
export interface ModelStatistics {
  succeeded(result: RunResult, rows: number, times: RequestTimes): void;
  failed(model: ModelInfo, totalMs: number): void;
  /**
   * As the protocol writes them.
   * @param version one version; undefined for all that are kept, of which the present one is always there
   */
  write(name: string, current: ModelInfo, version: string | undefined): readonly object[];
}

/** Versions of a model that statistics are kept of; the one that has counted nothing for longest goes first. */
const maxVersions = 8;
/** Sizes of batches that are told apart; what is past them counts in the totals alone. */
const maxBatchSizes = 256;

interface Duration {
  count: number;
  ms: number;
}

interface BatchCounts {
  /** Executions, as sum of shares. */
  executions: number;
  inputMs: number;
  inferMs: number;
  outputMs: number;
}

interface VersionCounts {
  lastEpochMs: number;
  rows: number;
  executions: number;
  readonly success: Duration;
  readonly fail: Duration;
  readonly queue: Duration;
  readonly input: Duration;
  readonly infer: Duration;
  readonly output: Duration;
  readonly batches: Map<number, BatchCounts>;
}

/** @param clock for the time of the last request */
export function createStatistics(clock: Clock): ModelStatistics {
  const versions = new Map<string, VersionCounts>();

  const countsOf = (version: string): VersionCounts => {
    const found = versions.get(version);
    if (found !== undefined) return found;
    if (versions.size >= maxVersions) versions.delete(oldestOf(versions));
    const made = emptyCounts();
    versions.set(version, made);
    return made;
  };

  return {
    succeeded({ model, timing, batchSize }, rows, { totalMs, inputMs, outputMs }) {
      const counts = countsOf(model.version);
      counts.lastEpochMs = clock.epochMs();
      counts.rows += rows;
      // A request that was split travelled in several batches, and says the size of one.
      const share = batchSize > 0 ? rows / batchSize : 0;
      counts.executions += share;
      add(counts.success, totalMs);
      add(counts.queue, timing.queueMs);
      add(counts.input, inputMs);
      add(counts.infer, timing.computeMs);
      add(counts.output, outputMs);
      let batch = counts.batches.get(batchSize);
      if (batch === undefined && counts.batches.size < maxBatchSizes) {
        batch = { executions: 0, inputMs: 0, inferMs: 0, outputMs: 0 };
        counts.batches.set(batchSize, batch);
      }
      if (batch === undefined) return;
      batch.executions += share;
      batch.inputMs += inputMs;
      batch.inferMs += timing.computeMs * share;
      batch.outputMs += outputMs;
    },
    failed(model, totalMs) {
      const counts = countsOf(model.version);
      counts.lastEpochMs = clock.epochMs();
      add(counts.fail, totalMs);
    },
    write(name, current, version) {
      if (version !== undefined) {
        const counts = versions.get(version) ?? (version === current.version ? emptyCounts() : undefined);
        return counts === undefined ? [] : [writeCounts(name, version, counts)];
      }
      const all = new Map(versions);
      if (!all.has(current.version)) all.set(current.version, emptyCounts());
      return [...all].map(([each, counts]) => writeCounts(name, each, counts));
    },
  };
}

function emptyCounts(): VersionCounts {
  const none = (): Duration => ({ count: 0, ms: 0 });
  return {
    lastEpochMs: 0,
    rows: 0,
    executions: 0,
    success: none(),
    fail: none(),
    queue: none(),
    input: none(),
    infer: none(),
    output: none(),
    batches: new Map(),
  };
}

function oldestOf(versions: ReadonlyMap<string, VersionCounts>): string {
  let oldest = '';
  let epochMs = Number.POSITIVE_INFINITY;
  for (const [version, counts] of versions) {
    if (counts.lastEpochMs >= epochMs) continue;
    oldest = version;
    epochMs = counts.lastEpochMs;
  }
  return oldest;
}

function add(duration: Duration, ms: number): void {
  duration.count++;
  duration.ms += ms;
}

function writeCounts(name: string, version: string, counts: VersionCounts): object {
  const none = { count: 0, ns: 0 };
  return {
    name,
    version,
    last_inference: Math.round(counts.lastEpochMs),
    inference_count: counts.rows,
    execution_count: Math.round(counts.executions),
    inference_stats: {
      success: writeDuration(counts.success),
      fail: writeDuration(counts.fail),
      queue: writeDuration(counts.queue),
      compute_input: writeDuration(counts.input),
      compute_infer: writeDuration(counts.infer),
      compute_output: writeDuration(counts.output),
      cache_hit: none,
      cache_miss: none,
    },
    batch_stats: [...counts.batches]
      .sort(([left], [right]) => left - right)
      .map(([size, { executions, inputMs, inferMs, outputMs }]) => {
        const write = (ms: number) => writeDuration({ count: Math.round(executions), ms });
        return {
          batch_size: size,
          compute_input: write(inputMs),
          compute_infer: write(inferMs),
          compute_output: write(outputMs),
        };
      }),
    response_stats: {},
    memory_usage: [],
  };
}

function writeDuration({ count, ms }: Duration): { count: number; ns: number } {
  return { count, ns: Math.round(ms * 1e6) };
}
