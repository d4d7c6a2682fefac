/** What a run of a model of some depth took. */
export interface DepthTime {
  /** Layers. */
  readonly depth: number;
  readonly ms: number;
}

/**
 * How many layers make a run last `targetMs`, by the straight line through two measurements: what a run costs before its
 * first layer, and what each layer adds. At least one, and at most `mostDepth`.
 *
 * @throws RangeError when the measurements have the same depth
 */
export function depthFor(targetMs: number, one: DepthTime, other: DepthTime, mostDepth = 400): number {
  if (one.depth === other.depth) {
    throw new RangeError(`Two depths are needed to tell what a layer costs, given ${one.depth} twice.`);
  }
  const perLayer = (other.ms - one.ms) / (other.depth - one.depth);
  // On a machine that is busy, the deeper model may seem the faster: then the line tells nothing, and its mean time must do.
  const depth = perLayer > 0 ? one.depth + (targetMs - one.ms) / perLayer : (targetMs * other.depth) / other.ms;
  return Math.min(mostDepth, Math.max(1, Math.round(depth)));
}
