/** What a run of a model of some depth took. */
export interface DepthTime {
  /** Layers. */
  readonly depth: number;
  readonly ms: number;
}

const mostDepth = 400;

/**
 * How many layers make a run last `targetMs`, by the straight line through two measurements: what a run costs before its
 * first layer, and what each layer adds. At least one, and at most 400.
 *
 * @throws RangeError when both measurements are of one depth
 */
export function depthFor(targetMs: number, one: DepthTime, other: DepthTime): number {
  if (one.depth === other.depth) {
    throw new RangeError(`Two depths are needed to tell what a layer costs, given ${one.depth} twice.`);
  }
  const perLayer = (other.ms - one.ms) / (other.depth - one.depth);
  // Where something else takes the machine, the deeper model may seem the faster. Then all that is known is one model's mean.
  const depth = perLayer > 0 ? one.depth + (targetMs - one.ms) / perLayer : (targetMs * other.depth) / other.ms;
  return Math.min(mostDepth, Math.max(1, Math.round(depth)));
}

/** How far from the target a run may be. */
const tolerance = 0.15;
const mostTrials = 6;

/**
 * Finds a depth whose runs take about `targetMs`: two trials, and then one after the other where the line through the last
 * two leads, until one is within 15 %. Where none is after six, the nearest counts.
 *
 * @param timeOf measures a run of a model of so many layers, in milliseconds
 * @param depths of the first two trials
 */
export async function findDepth(
  targetMs: number,
  timeOf: (depth: number) => Promise<number>,
  depths: readonly [number, number] = [2, 8],
): Promise<DepthTime> {
  const trials: DepthTime[] = [];
  const offBy = ({ ms }: DepthTime): number => Math.abs(ms - targetMs) / targetMs;
  for (let depth = depths[0]; trials.length < mostTrials; ) {
    if (trials.some((trial) => trial.depth === depth)) break; // Where a layer more or less misses by as much.
    const trial = { depth, ms: await timeOf(depth) };
    trials.push(trial);
    if (offBy(trial) <= tolerance) return trial;
    const before = trials.at(-2);
    depth = before === undefined ? depths[1] : depthFor(targetMs, before, trial);
  }
  return trials.reduce((nearest, trial) => (offBy(trial) < offBy(nearest) ? trial : nearest));
}
