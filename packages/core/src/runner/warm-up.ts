import type { Session } from '../backend';
import type { Clock } from '../clock';
import { throwIfAborted } from '../errors';
import type { CallOptions } from '../lifecycle';
import { allocateData } from '../tensor/dtype';
import { elementCount, type Tensor, type Tensors } from '../tensor/tensor';

/** How long a batch of a size took while the model was warmed up. */
export interface WarmUpTime {
  readonly rows: number;
  /** Milliseconds; the median of the timed runs. */
  readonly computeMs: number;
}

/** Runs of each size: the first pays for allocation and is not counted. */
const timedRuns = 3;
/** A size that takes longer than this is run once only, and larger ones are left out. */
const slowMs = 200;

/**
 * Runs a session on zeros at batch sizes 1, 2, 4 … `maxBatchRows`, so that no caller pays for first-time allocation,
 * and times it.
 *
 * @returns the times by size; empty when a dimension other than the batch is symbolic, since then no size is known
 */
export async function warmUp(
  session: Session,
  maxBatchRows: number,
  clock: Clock,
  options: CallOptions,
): Promise<WarmUpTime[]> {
  const times: WarmUpTime[] = [];
  for (const rows of session.batchAxis === null ? [1] : sizesUpTo(maxBatchRows)) {
    const inputs = zeros(session, rows);
    if (inputs === undefined) return times;
    const measured: number[] = [];
    for (let run = 0; run <= timedRuns; run++) {
      throwIfAborted(options.signal, 'Warming up');
      const startedAt = clock.now();
      await session.doRun(inputs, options);
      const took = clock.now() - startedAt;
      if (run > 0 || took > slowMs) measured.push(took);
      if (took > slowMs) break;
    }
    measured.sort((a, b) => a - b);
    const computeMs = measured[measured.length >> 1] as number;
    times.push({ rows, computeMs });
    if (computeMs > slowMs) break;
  }
  return times;
}

function sizesUpTo(maxRows: number): number[] {
  const sizes: number[] = [];
  for (let rows = 1; rows < maxRows; rows *= 2) sizes.push(rows);
  sizes.push(maxRows);
  return sizes;
}

function zeros(session: Session, rows: number): Tensors | undefined {
  const inputs: Record<string, Tensor> = {};
  for (const { name, dtype, shape } of session.inputs) {
    const sizes = shape.map((size, axis) => (axis === session.batchAxis ? rows : size));
    if (!sizes.every((size) => typeof size === 'number')) return undefined;
    inputs[name] = { dtype, shape: sizes as number[], data: allocateData(dtype, elementCount(sizes as number[])) };
  }
  return inputs;
}
