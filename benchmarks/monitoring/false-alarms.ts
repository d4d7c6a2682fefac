import type { Contestant } from './contestants';
import { drawReference, type Law, type NormalStreams } from './scenarios';

/** How often a contestant alarmed while nothing changed. */
export interface FalseAlarms {
  readonly alarms: number;
  readonly observations: number;
  /** Observations between alarms; `Infinity` where there was none. */
  readonly meanTime: number;
  /** 95 % confidence interval of the mean time, by the spread over the streams. */
  readonly from: number;
  readonly to: number;
}

/** The threshold at which false alarms are as far apart as was asked, and how far apart they then were. */
export interface Calibration {
  readonly threshold: number;
  readonly falseAlarms: FalseAlarms;
}

export interface CalibrateOptions {
  readonly contestant: Contestant;
  readonly law: Law;
  /** The streams on which false alarms are counted. */
  readonly streams: NormalStreams;
  /** The mean number of observations between false alarms that is sought. */
  readonly meanTime: number;
  /** How far off the measured one may be, as a part of it. */
  readonly tolerance: number;
  /** Where to begin. @default what the contestant says */
  readonly firstThreshold?: number;
}

/** Runs a contestant over quiet streams, with a new one for each, and counts its alarms. */
export function countFalseAlarms(
  { contestant, law, streams, meanTime }: Omit<CalibrateOptions, 'tolerance'>,
  threshold: number,
): FalseAlarms {
  const { count, length, normals, seedOf } = streams;
  const look = Math.ceil(count / 5);
  let alarms = 0;
  let squares = 0;
  let done = 0;
  for (let stream = 0; stream < count; stream++) {
    const watcher = contestant.create(law, threshold, () => drawReference(law, seedOf(stream)));
    const start = stream * length;
    let own = 0;
    for (let index = start; index < start + length; index++) {
      if (watcher.update(law.quiet(normals[index] as number))) own++;
    }
    alarms += own;
    squares += own * own;
    done++;
    // Far off: the rest of the streams would not say anything new.
    const soFar = (done * length) / alarms;
    if (done === look && (soFar > 2 * meanTime || soFar < meanTime / 2)) break;
  }
  const observations = done * length;
  const perStream = alarms / done;
  const error = 1.96 * Math.sqrt(Math.max(0, squares / done - perStream * perStream) / done);
  return {
    alarms,
    observations,
    meanTime: observations / alarms,
    from: length / (perStream + error),
    to: perStream > error ? length / (perStream - error) : Number.POSITIVE_INFINITY,
  };
}

/**
 * Finds the threshold, by false position on the logarithm of the mean time, which is nearly linear in it.
 * @returns nothing where no threshold gives the time, as for a contestant whose alarms come in steps
 */
export function calibrate(options: CalibrateOptions): Calibration | undefined {
  const { contestant, law, meanTime, tolerance, firstThreshold = contestant.firstThreshold(law) } = options;
  let threshold = firstThreshold;
  let low: Point | undefined;
  let high: Point | undefined;
  for (let step = 0; step < 24; step++) {
    const falseAlarms = countFalseAlarms(options, threshold);
    if (Math.abs(falseAlarms.meanTime / meanTime - 1) <= tolerance) return { threshold, falseAlarms };
    const point = { threshold, excess: Math.log(falseAlarms.meanTime / meanTime) };
    if (point.excess < 0) low = point;
    else high = point;
    if (low === undefined || high === undefined) threshold = beyond(point);
    else threshold = between(low, high, step);
    if (threshold > 1e9 || threshold < 1e-9) return undefined;
  }
  return undefined;
}

interface Point {
  readonly threshold: number;
  /** Logarithm of the measured mean time by the one that is sought. */
  readonly excess: number;
}

/** A step towards the other side: the farther off, the longer. */
function beyond({ threshold, excess }: Point): number {
  const factor = Math.min(1.6, 1.03 + Math.abs(excess) / 4);
  return excess < 0 ? threshold * factor : threshold / factor;
}

/** The threshold between two at which a straight line meets the goal; now and then the middle, so that neither end stays. */
function between(low: Point, high: Point, step: number): number {
  if (step % 4 === 3 || !Number.isFinite(high.excess)) return (low.threshold + high.threshold) / 2;
  const part = -low.excess / (high.excess - low.excess);
  return low.threshold + Math.min(0.95, Math.max(0.05, part)) * (high.threshold - low.threshold);
}
