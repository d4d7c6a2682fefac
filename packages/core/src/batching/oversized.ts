import type { Admitted } from '../runner/door';
import type { RunResult } from '../runner/runner';
import type { ModelSignature } from '../signature';
import type { Batcher, SubmitOptions } from './batcher';
import { joinRows, viewRows } from './split';

/**
 * Runs a request of more rows than a batch may have: in parts that queue like any other request, joined again in order.
 * When one part fails, the others are taken back and the request fails with that error.
 */
export async function runOversized(
  batcher: Batcher,
  signature: ModelSignature,
  admitted: Admitted,
  maxRows: number,
  options: SubmitOptions,
): Promise<RunResult> {
  // A signal for each part: platforms take many listeners on one for a leak, and warn of it.
  const controllers = Array.from({ length: Math.ceil(admitted.rows / maxRows) }, () => new AbortController());
  const takeBack = (reason: unknown): void => {
    for (const controller of controllers) controller.abort(reason);
  };
  const forward = (): void => takeBack(options.signal?.reason);
  options.signal?.addEventListener('abort', forward, { once: true });
  try {
    const parts = splitRequest(admitted, maxRows);
    const results = await Promise.all(
      parts.map((part, index) =>
        batcher.submit(part, { ...options, signal: controllers[index]?.signal, isPart: true }),
      ),
    );
    const result = joinResults(results as [RunResult, ...RunResult[]], signature);
    batcher.endWhole(admitted.rows);
    return result;
  } catch (error) {
    takeBack(error);
    batcher.endWhole(admitted.rows, error);
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', forward);
  }
}

/** The rows of a request in parts of at most `maxRows`, in order; views where that is possible. */
export function splitRequest(admitted: Admitted, maxRows: number): Admitted[] {
  const parts: Admitted[] = [];
  for (let start = 0; start < admitted.rows; start += maxRows) {
    const rows = Math.min(maxRows, admitted.rows - start);
    const tensors = admitted.tensors.map((tensor) => viewRows(tensor, start, rows));
    parts.push({ ...admitted, rows, tensors });
  }
  return parts;
}

function joinResults(results: readonly [RunResult, ...RunResult[]], signature: ModelSignature): RunResult {
  const queueMs = Math.min(...results.map(({ timing }) => timing.queueMs));
  const endedMs = Math.max(...results.map(({ timing }) => timing.queueMs + timing.computeMs));
  return {
    outputs: joinRows(
      results.map((result) => result.outputs),
      signature.outputs,
    ),
    model: results[0].model,
    timing: { queueMs, computeMs: endedMs - queueMs, batches: results.flatMap(({ timing }) => timing.batches ?? []) },
    batchSize: Math.max(...results.map((result) => result.batchSize)),
  };
}
