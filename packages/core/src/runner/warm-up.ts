import type { Session } from '../backend';
import type { Clock } from '../clock';
import { throwIfAborted } from '../errors';
import type { CallOptions } from '../lifecycle';
import { allocateData } from '../tensor/dtype';
import { elementCount, type Tensor, type Tensors } from '../tensor/tensor';
import { symbolKey } from './door';

/** How long a batch of a size took while the model was warmed up. */
export interface WarmUpTime {
  readonly rows: number;
  /** Sizes of the dimensions that have buckets; absent where none has. */
  readonly sizes?: Readonly<Record<string, number>>;
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
 * @param assignments sizes of symbolic dimensions, each of which is warmed up; the last one counts as the largest
 * @returns the times by size; empty when a dimension other than the batch is symbolic and has no size
 */
export async function warmUp(
  session: Session,
  maxBatchRows: number,
  clock: Clock,
  options: CallOptions,
  assignments: readonly ReadonlyMap<string, number>[] = [new Map()],
): Promise<WarmUpTime[]> {
  const times: WarmUpTime[] = [];
  for (const assignment of assignments) {
    const sizes = assignment.size === 0 ? {} : { sizes: Object.fromEntries(assignment) };
    for (const rows of session.batchAxis === null ? [1] : sizesUpTo(maxBatchRows)) {
      const inputs = zeros(session, rows, assignment);
      if (inputs === undefined) return times;
      const computeMs = await timeRuns(session, inputs, clock, options);
      times.push({ rows, ...sizes, computeMs });
      if (computeMs > slowMs) break;
    }
  }
  return times;
}

async function timeRuns(session: Session, inputs: Tensors, clock: Clock, options: CallOptions): Promise<number> {
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
  return measured[measured.length >> 1] as number;
}

function sizesUpTo(maxRows: number): number[] {
  const sizes: number[] = [];
  for (let rows = 1; rows < maxRows; rows *= 2) sizes.push(rows);
  sizes.push(maxRows);
  return sizes;
}

function zeros(session: Session, rows: number, assignment: ReadonlyMap<string, number>): Tensors | undefined {
  const inputs: Record<string, Tensor> = {};
  for (const spec of session.inputs) {
    const { name, dtype, shape } = spec;
    const sizes = shape.map((size, axis) =>
      axis === session.batchAxis ? rows : typeof size === 'string' ? assignment.get(symbolKey(spec, axis, size)) : size,
    );
    if (!sizes.every((size) => size !== undefined)) return undefined;
    inputs[name] = { dtype, shape: sizes, data: allocateData(dtype, elementCount(sizes)) };
  }
  return inputs;
}
