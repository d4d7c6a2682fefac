import type { Contestant } from './contestants';
import { type Detection, measureDetection } from './detection';
import { type Calibration, calibrate } from './false-alarms';
import type { Law, NormalStreams, Scenario } from './scenarios';

export interface TrialOptions {
  /** Streams without a change, on which thresholds are set. */
  readonly quiet: NormalStreams;
  /** Streams that change, on which delays are measured. */
  readonly changing: NormalStreams;
  /** Observations between false alarms that every contestant is brought to. */
  readonly meanTime: number;
  /** How far off the measured ones may be, as a part of it. */
  readonly tolerance: number;
  /** A coarser trial, whose thresholds say where to begin. */
  readonly coarse?: Trial;
}

/** A contestant's outcome in a scenario. */
export interface Outcome {
  readonly contestant: Contestant;
  readonly calibration: Calibration;
  readonly detection: Detection;
}

/** Calibrates contestants and measures their delays, each once. */
export interface Trial {
  /** Nothing where no threshold brings the contestant to the mean time. */
  calibrate(contestant: Contestant, law: Law): Calibration | undefined;
  measure(contestant: Contestant, scenario: Scenario): Outcome | undefined;
}

export function createTrial({ quiet, changing, meanTime, tolerance, coarse }: TrialOptions): Trial {
  const calibrationOf = remember((contestant: Contestant, law: Law) => {
    const hint = coarse?.calibrate(contestant, law)?.threshold;
    const start = hint === undefined ? {} : { firstThreshold: hint };
    return calibrate({ contestant, law, streams: quiet, meanTime, tolerance, ...start });
  });
  const outcomeOf = remember((contestant: Contestant, scenario: Scenario): Outcome | undefined => {
    const calibration = calibrationOf(contestant, scenario.law);
    if (calibration === undefined) return undefined;
    const detection = measureDetection(contestant, scenario, calibration.threshold, changing);
    return { contestant, calibration, detection };
  });
  return { calibrate: calibrationOf, measure: outcomeOf };
}

/** The same function, which computes each answer once. */
function remember<A extends object, B, R>(compute: (a: A, b: B) => R): (a: A, b: B) => R {
  const known = new Map<A, Map<B, R>>();
  return (a, b) => {
    const answers = known.get(a) ?? new Map<B, R>();
    known.set(a, answers);
    if (!answers.has(b)) answers.set(b, compute(a, b));
    return answers.get(b) as R;
  };
}
