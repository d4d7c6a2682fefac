import { fillNormals } from './normals';

/**
 * What is observed while nothing changes. Every value is made of a standard normal number, so that all laws, scenarios and
 * contestants see the same draws.
 */
export interface Law {
  readonly name: string;
  readonly mean: number;
  readonly deviation: number;
  /** Whether its values are 0 and 1. */
  readonly errors: boolean;
  /** A value, of a standard normal number. */
  quiet(normal: number): number;
}

/** A sudden change of one law. */
export interface Scenario {
  readonly name: string;
  readonly law: Law;
  /** A value after the change, of a standard normal number. */
  changed(normal: number): number;
  /** Logarithm of how much likelier a value is after the change than before it. */
  logLikelihoodRatio(value: number): number;
}

/** Standard normal quantiles: beyond them lie .2 and .4. */
const beyondFifth = 0.8416212335729143;
const beyondTwoFifths = 0.2533471031357997;

const bernoulli: Law = {
  name: 'Bernoulli .2',
  mean: 0.2,
  deviation: 0.4,
  errors: true,
  quiet: (normal) => (normal > beyondFifth ? 1 : 0),
};

const gaussian: Law = { name: 'Gaussian', mean: 0, deviation: 1, errors: false, quiet: (normal) => normal };

function meanShift(shift: number): Scenario {
  return {
    name: `Gaussian + ${String(shift).replace(/^0/, '')} σ`,
    law: gaussian,
    changed: (normal) => normal + shift,
    logLikelihoodRatio: (value) => shift * (value - shift / 2),
  };
}

export const scenarios: readonly Scenario[] = [
  {
    name: 'Bernoulli .2 → .4',
    law: bernoulli,
    changed: (normal) => (normal > beyondTwoFifths ? 1 : 0),
    logLikelihoodRatio: (value) => (value === 1 ? Math.log(0.4 / 0.2) : Math.log(0.6 / 0.8)),
  },
  meanShift(0.25),
  meanShift(0.5),
  meanShift(1),
];

/** Streams of standard normal numbers, one after the other in one array. */
export interface NormalStreams {
  readonly count: number;
  readonly length: number;
  readonly normals: Float32Array;
  /** A seed of a stream's own, for its reference. */
  seedOf(stream: number): number;
}

export function drawStreams(count: number, length: number, seed: number): NormalStreams {
  const normals = fillNormals(new Float32Array(count * length), seed);
  return { count, length, normals, seedOf: (stream) => seed * 1_000_003 + stream };
}

/** Rows of a reference. */
export const referenceRows = 10_000;

/** The reference of a stream: values of its law that it does not hold itself. */
export function drawReference(law: Law, seed: number): Float64Array {
  return Float64Array.from(fillNormals(new Float32Array(referenceRows), seed), (normal) => law.quiet(normal));
}
