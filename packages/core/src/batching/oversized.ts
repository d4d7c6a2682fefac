import type { Admitted } from '../runner/door';
import type { RunResult } from '../runner/runner';
import type { ModelSignature } from '../signature';
import type { DataOf } from '../tensor/dtype';
import type { Tensor } from '../tensor/tensor';
import type { Batcher, SubmitOptions } from './batcher';
import { joinRows } from './split';

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
  const controller = new AbortController();
  const forward = (): void => controller.abort(options.signal?.reason);
  options.signal?.addEventListener('abort', forward, { once: true });
  try {
    const parts = splitRequest(admitted, maxRows);
    const results = await Promise.all(
      parts.map((part) => batcher.submit(part, { ...options, signal: controller.signal, isPart: true })),
    );
    const result = joinResults(results as [RunResult, ...RunResult[]], signature);
    batcher.endWhole(admitted.rows);
    return result;
  } catch (error) {
    controller.abort(error);
    batcher.endWhole(admitted.rows, error);
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', forward);
  }
}

function splitRequest(admitted: Admitted, maxRows: number): Admitted[] {
  const parts: Admitted[] = [];
  for (let start = 0; start < admitted.rows; start += maxRows) {
    const rows = Math.min(maxRows, admitted.rows - start);
    const tensors = admitted.tensors.map((tensor) => rowsOf(tensor, start, rows, admitted.rows));
    parts.push({ ...admitted, rows, tensors });
  }
  return parts;
}

function rowsOf(tensor: Tensor, start: number, rows: number, total: number): Tensor {
  const { dtype, data, shape } = tensor;
  const rowElements = data.length / total;
  const [from, to] = [start * rowElements, (start + rows) * rowElements];
  const part = Array.isArray(data) ? data.slice(from, to) : data.subarray(from, to);
  return { dtype, shape: [rows, ...shape.slice(1)], data: part as DataOf };
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
    timing: { queueMs, computeMs: endedMs - queueMs },
    batchSize: Math.max(...results.map((result) => result.batchSize)),
  };
}
