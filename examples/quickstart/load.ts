import type { ModelRunner } from '@fairlead/core';
import * as ort from 'onnxruntime-node';
import { type Digits, pixelCount } from './digits';

/** What a load came to. */
export interface LoadReport {
  readonly requests: number;
  readonly rowsPerSecond: number;
  /** Share of the answers that name the right digit. */
  readonly accuracy: number;
  /** Answers of each model version. */
  readonly byVersion: ReadonlyMap<string, number>;
  /** Latencies in milliseconds at 50, 95 and 99 %. */
  readonly latencyMs: readonly [number, number, number];
  readonly failures: number;
}

/** Answers one row: which digit, and which model said so. */
type Ask = (pixels: Float32Array) => Promise<{ readonly digit: number; readonly version: string }>;

/** How a load is driven. */
export interface LoadOptions {
  readonly callers: number;
  /** How many times every row is sent. */
  readonly passes: number;
  readonly onProgress?: (share: number) => void;
}

/** Sends every row `passes` times, so many callers at once, each with one row at a time. */
export async function drive(ask: Ask, digits: Digits, options: LoadOptions): Promise<LoadReport> {
  const { rows, labels } = digits;
  const total = rows.length * options.passes;
  const latencies = new Float64Array(total);
  const byVersion = new Map<string, number>();
  let [next, right, failures] = [0, 0, 0];
  const caller = async (): Promise<void> => {
    while (next < total) {
      const index = next++;
      const row = index % rows.length;
      const startedAt = performance.now();
      try {
        const { digit, version } = await ask(rows[row] as Float32Array);
        if (digit === labels[row]) right++;
        byVersion.set(version, (byVersion.get(version) ?? 0) + 1);
      } catch {
        failures++;
      }
      latencies[index] = performance.now() - startedAt;
      if (index % 512 === 0) options.onProgress?.(index / total);
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: options.callers }, caller));
  const seconds = (performance.now() - startedAt) / 1000;
  latencies.sort();
  const at = (share: number): number => latencies[Math.floor(share * (total - 1))] as number;
  return {
    requests: total,
    rowsPerSecond: total / seconds,
    accuracy: right / total,
    byVersion,
    latencyMs: [at(0.5), at(0.95), at(0.99)],
    failures,
  };
}

/** Asks a runner. */
export function throughRunner(runner: ModelRunner): Ask {
  return async (pixels) => {
    const { outputs, model } = await runner.run({ pixels });
    return { digit: Number(outputs.label?.data[0]), version: model.version };
  };
}

/** Asks the bare runtime, with the same number of threads. Close it with what comes back second. */
export async function throughBareSession(file: string): Promise<[Ask, () => Promise<void>]> {
  const session = await ort.InferenceSession.create(file, { intraOpNumThreads: 1 });
  const ask: Ask = async (pixels) => {
    const { label } = await session.run({ pixels: new ort.Tensor('float32', pixels, [1, pixelCount]) });
    return { digit: Number(label?.data[0]), version: 'bare' };
  };
  return [ask, () => session.release()];
}
