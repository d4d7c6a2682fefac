import type { DataOf } from '../tensor/dtype';

/** One element as its array holds it: a half as its bits, `true` as 1. */
export type Element = number | bigint | string;

/**
 * Where a tensor lies inside a larger one of the same rank, both row-major. Axes that need no distinction are taken
 * together: what comes before the first padded axis is repeated, and each padded axis runs up to the next one.
 */
export interface Region {
  /** How often the rest is repeated. */
  readonly repeats: number;
  /** Sizes of the padded axes, outermost first: of the smaller tensor, and of the larger one. */
  readonly real: readonly number[];
  readonly padded: readonly number[];
  /** Elements of one step along each of them. */
  readonly realSteps: readonly number[];
  readonly paddedSteps: readonly number[];
  /** Elements of one repetition. */
  readonly realElements: number;
  readonly paddedElements: number;
}

/** Finds the region of one shape inside another of the same rank, whose sizes are no smaller; undefined when equal. */
export function regionOf(realShape: readonly number[], paddedShape: readonly number[]): Region | undefined {
  const real: number[] = [];
  const padded: number[] = [];
  let repeats = 1;
  for (let axis = 0; axis < realShape.length; axis++) {
    const [size, paddedSize] = [realShape[axis] as number, paddedShape[axis] as number];
    if (size !== paddedSize) {
      real.push(size);
      padded.push(paddedSize);
    } else if (real.length === 0) {
      repeats *= size;
    } else {
      // Within the real size of the axis before, this one is whole: the two can be walked as one.
      real[real.length - 1] = (real.at(-1) as number) * size;
      padded[padded.length - 1] = (padded.at(-1) as number) * size;
    }
  }
  if (real.length === 0) return undefined;
  const realSteps = stepsOf(real);
  const paddedSteps = stepsOf(padded);
  return {
    repeats,
    real,
    padded,
    realSteps,
    paddedSteps,
    realElements: (realSteps[0] as number) * (real[0] as number),
    paddedElements: (paddedSteps[0] as number) * (padded[0] as number),
  };
}

function stepsOf(sizes: readonly number[]): number[] {
  const steps = new Array<number>(sizes.length).fill(1);
  for (let axis = sizes.length - 2; axis >= 0; axis--) {
    steps[axis] = (steps[axis + 1] as number) * (sizes[axis + 1] as number);
  }
  return steps;
}

/** Copies `times` tensors that lie side by side into their regions and writes `pad` around them. */
export function spread(
  target: DataOf,
  offset: number,
  source: DataOf,
  region: Region,
  times: number,
  pad: Element,
): void {
  const { repeats, realElements, paddedElements } = region;
  for (let part = 0; part < times * repeats; part++) {
    spreadAxis(target, offset + part * paddedElements, source, part * realElements, region, 0, pad);
  }
}

function spreadAxis(
  target: DataOf,
  to: number,
  source: DataOf,
  from: number,
  region: Region,
  axis: number,
  pad: Element,
): void {
  const real = region.real[axis] as number;
  const padded = region.padded[axis] as number;
  const paddedStep = region.paddedSteps[axis] as number;
  if (axis === region.real.length - 1) copyElements(target, to, source, from, real);
  else {
    const realStep = region.realSteps[axis] as number;
    for (let index = 0; index < real; index++) {
      spreadAxis(target, to + index * paddedStep, source, from + index * realStep, region, axis + 1, pad);
    }
  }
  // Slabs are used again, so what lies there is somebody else's.
  (target as Float32Array).fill(pad as number, to + real * paddedStep, to + padded * paddedStep);
}

/** The inverse of {@link spread}: copies what lies in the regions of `times` larger tensors, from `offset` on. */
export function gather(target: DataOf, source: DataOf, offset: number, region: Region, times: number): void {
  const { repeats, realElements, paddedElements } = region;
  for (let part = 0; part < times * repeats; part++) {
    gatherAxis(target, part * realElements, source, offset + part * paddedElements, region, 0);
  }
}

function gatherAxis(target: DataOf, to: number, source: DataOf, from: number, region: Region, axis: number): void {
  const real = region.real[axis] as number;
  if (axis === region.real.length - 1) {
    copyElements(target, to, source, from, real);
    return;
  }
  const realStep = region.realSteps[axis] as number;
  const paddedStep = region.paddedSteps[axis] as number;
  for (let index = 0; index < real; index++) {
    gatherAxis(target, to + index * realStep, source, from + index * paddedStep, region, axis + 1);
  }
}

/** Up to so many elements a loop beats the call of `set` into the engine. */
const fewElements = 24;

function copyElements(target: DataOf, to: number, source: DataOf, from: number, count: number): void {
  if (count > fewElements && !Array.isArray(source)) {
    // Both arrays are of one dtype.
    (target as Float32Array).set(source.subarray(from, from + count) as Float32Array, to);
    return;
  }
  for (let index = 0; index < count; index++) target[to + index] = source[from + index] as never;
}
