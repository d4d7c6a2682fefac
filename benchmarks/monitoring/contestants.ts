import { createAdwin, createDdm, createEDetector, createHddmW, createPageHinkley } from '@fairlead/core/monitoring';
import type { Law, Scenario } from './scenarios';

/** Watches one stream. After an alarm it begins anew by itself. */
export interface Watcher {
  /** Observes a value. @returns whether it alarms */
  update(value: number): boolean;
}

/** A detector with all its parameters but the one that says how often it alarms. */
export interface Contestant {
  /** Its parameters, in words. */
  readonly parameters: string;
  /** Where the search for the threshold begins on a law. */
  firstThreshold(law: Law): number;
  /**
   * @param threshold the higher, the rarer are alarms; always above 0
   * @param reference draws this stream's 10,000 rows of reference, for detectors that have one
   */
  create(law: Law, threshold: number, reference: () => Float64Array): Watcher;
}

/** One kind of detector and the grid of parameters that is searched for its best. */
export interface Family {
  readonly name: string;
  readonly grid: readonly Contestant[];
}

/**
 * ADWIN, which watches both directions, by its δ. Its bound is for values of a range of about 1, as errors are. Gaussian values
 * have no such unit, so that their σ is searched too: a large one leaves the part of the bound that is normal.
 */
const adwin: Family = {
  name: 'ADWIN',
  grid: [
    { clock: 32, minWindowLength: 5, sigma: 1 },
    { clock: 4, minWindowLength: 2, sigma: 1 },
    { clock: 4, minWindowLength: 5, sigma: 1 },
    { clock: 4, minWindowLength: 20, sigma: 1 },
    { clock: 4, minWindowLength: 5, sigma: 4 },
    { clock: 1, minWindowLength: 5, sigma: 4 },
  ].map(({ clock, minWindowLength, sigma }) => ({
    parameters: `clock ${clock}, windows of ${minWindowLength}, Gaussian values with σ = ${sigma}`,
    firstThreshold: () => 2,
    create(law, threshold) {
      const detector = createAdwin({ delta: Math.exp(-threshold), clock, minWindowLength });
      const factor = law.errors ? 1 : sigma;
      return { update: (value) => detector.update(value * factor) === 'drift' };
    },
  })),
};

/** Page–Hinkley by its threshold, on values in standard deviations from the mean; first with the defaults that River has. */
const pageHinkley = (mode: 'both' | 'up'): readonly Contestant[] =>
  [
    { delta: 0.005, alpha: 0.9999 },
    { delta: 0.1, alpha: 0.9999 },
    ...[0.05, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3, 0.5].map((delta) => ({ delta, alpha: 1 })),
  ].map(({ delta, alpha }) => ({
    parameters: `delta ${delta} σ, alpha ${alpha}`,
    firstThreshold: () => 20,
    create(law, threshold) {
      const detector = createPageHinkley({ delta, alpha, threshold, mode });
      const { mean, deviation } = law;
      return { update: (value) => detector.update((value - mean) / deviation) === 'drift' };
    },
  }));

/**
 * DDM by its drift threshold; it sees rises alone. It takes errors: of Gaussian values it gets whether they lie above the
 * quantile that a fifth, or a half, of the quiet ones pass, known exactly.
 */
const ddm: Family = {
  name: 'DDM',
  grid: [30, 60, 100, 200].flatMap((warmStart) =>
    [
      { share: '.2', quantile: 0.8416212335729143 },
      { share: '.5', quantile: 0 },
    ].map(({ share, quantile }) => ({
      parameters: `warm start ${warmStart}, Gaussian values that ${share} pass`,
      firstThreshold: () => 2,
      create(law: Law, threshold: number) {
        const detector = createDdm({ warmStart, warningThreshold: threshold, driftThreshold: threshold });
        const cut = law.errors ? 0.5 : quantile;
        return { update: (value: number) => detector.update(value > cut) === 'drift' };
      },
    })),
  ),
};

/** HDDM_W by its confidence. Gaussian values within ± 4 σ are scaled into [0, 1], and cut off beyond. */
const hddmW = (twoSided: boolean): readonly Contestant[] =>
  [0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1].map((lambda) => ({
    parameters: `lambda ${lambda}`,
    firstThreshold: (law) => (law.errors ? 6 : 0.6),
    create(law, threshold) {
      const confidence = Math.exp(-threshold);
      const detector = createHddmW({
        lambda,
        twoSided,
        driftConfidence: confidence,
        warningConfidence: confidence,
      });
      if (law.errors) return { update: (value) => detector.update(value) === 'drift' };
      return { update: (value) => detector.update(Math.min(1, Math.max(0, (value + 4) / 8))) === 'drift' };
    },
  }));

/** The default alarm, made of a reference that is fitted for every stream anew. It has nothing to be set but the time. */
const eDetector: Family = {
  name: 'e-detector',
  grid: [
    {
      parameters: 'as it comes',
      firstThreshold: () => 8000,
      create(_law, threshold, reference) {
        const detector = createEDetector({ reference: reference(), meanTimeBetweenFalseAlarms: threshold });
        return { update: (value) => detector.update(value) === 'drift' };
      },
    },
  ],
};

/** All that compete. Beside two that watch both directions, as they must where nobody knows it, stand the same told that it is up. */
export const families: readonly Family[] = [
  eDetector,
  adwin,
  { name: 'Page–Hinkley', grid: pageHinkley('both') },
  { name: 'Page–Hinkley told the direction', grid: pageHinkley('up') },
  ddm,
  { name: 'HDDM_W', grid: hddmW(true) },
  { name: 'HDDM_W told the direction', grid: hddmW(false) },
];

/** The limit: a one-sided CUSUM of the exact log-likelihood ratios, which knows both laws. None is faster (Moustakides, 1986). */
export function limitOf({ logLikelihoodRatio }: Scenario): Contestant {
  return {
    parameters: 'knows the law and the shift',
    firstThreshold: () => 6,
    create(_law, threshold) {
      let sum = 0;
      return {
        update(value) {
          sum = Math.max(0, sum) + logLikelihoodRatio(value);
          if (sum < threshold) return false;
          sum = 0;
          return true;
        },
      };
    },
  };
}
