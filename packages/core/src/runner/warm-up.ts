import type { Session } from '../backend';
import type { Clock } from '../clock';
import type { CallOptions } from '../lifecycle';
import { allocateData } from '../tensor/dtype';
import { elementCount, type Tensor, type Tensors } from '../tensor/tensor';
import { symbolKey } from './door';
import { timeBatch } from './time-batch';

/** How long a batch of a size took while the model was warmed up. */
export interface WarmUpTime {
  readonly rows: number;
  /** Sizes of the dimensions that have buckets; absent where none has. */
  readonly sizes?: Readonly<Record<string, number>>;
  /** Milliseconds; the lower quartile of the runs. */
  readonly computeMs: number;
}

/** A size that takes longer than this is run once only, and larger ones are left out. */
const slowMs = 200;
/** Once the sizes together have taken longer than this, those that are left are run once each. */
const budgetMs = 1500;

/**
 * Runs a session on zeros at batch sizes 1, 2, 4 … `maxBatchRows`, so that no caller pays for first-time allocation,
 * and times it. Zeros are right in every dtype, as an index too; dense operators take as long on them as on other
 * numbers, and how long an operator takes whose work depends on the values, no made-up input can tell.
 *
 * It takes 2.3 s at most (1.5 s, and the size that is then under way) and one run of each size that is left; one of them,
 * the last, may take more than 0.2 s.
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
  let spentMs = 0;
  for (const assignment of assignments) {
    const sizes = assignment.size === 0 ? {} : { sizes: Object.fromEntries(assignment) };
    for (const rows of session.batchAxis === null ? [1] : sizesUpTo(maxBatchRows)) {
      const inputs = zeros(session, { rows, ...sizes });
      if (inputs === undefined) return times;
      let timing = await timeBatch(session, inputs, spentMs < budgetMs ? slowMs : 0, clock, options);
      // The very first run of all may pay for a device that wakes up or a kernel that is compiled.
      if (times.length === 0 && timing.computeMs > slowMs) {
        timing = await timeBatch(session, inputs, slowMs, clock, options);
      }
      spentMs += timing.spentMs;
      times.push({ rows, ...sizes, computeMs: timing.computeMs });
      if (timing.computeMs > slowMs) break;
    }
  }
  return times;
}

function sizesUpTo(maxRows: number): number[] {
  const sizes: number[] = [];
  for (let rows = 1; rows < maxRows; rows *= 2) sizes.push(rows);
  sizes.push(maxRows);
  return sizes;
}

/**
 * Inputs of so many rows, all zero or empty; undefined when a dimension other than the batch is symbolic and has no size.
 */
export function zeros(
  session: Session,
  { rows, sizes: known = {} }: Omit<WarmUpTime, 'computeMs'>,
): Tensors | undefined {
  const inputs: Record<string, Tensor> = {};
  for (const spec of session.inputs) {
    const { name, dtype, shape } = spec;
    const sizes = shape.map((size, axis) =>
      axis === session.batchAxis ? rows : typeof size === 'string' ? known[symbolKey(spec, axis, size)] : size,
    );
    if (!sizes.every((size) => size !== undefined)) return undefined;
    inputs[name] = { dtype, shape: sizes, data: allocateData(dtype, elementCount(sizes)) };
  }
  return inputs;
}
