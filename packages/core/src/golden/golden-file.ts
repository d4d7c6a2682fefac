import type { CallOptions } from '../lifecycle';
import type { DType } from '../tensor/dtype';

/*
 * Golden rows travel with a model: inputs, and the outputs that it gave for them where it was made. A runner computes
 * them again on every lane before a caller may, so that a file that was mixed up, a broken export or a device that
 * computes something else is found out then.
 */

/** What the file says that it is. */
export const goldenFormat = 'fairlead-golden';
/** The version that this release writes, and the only one that it reads. */
export const goldenVersion = 1;

/** Bounds of a file with golden rows: a few rows are enough, and nothing that was fetched is believed. */
export const goldenLimits = {
  /** Bytes of the file. */
  bytes: 64 * 2 ** 20,
  /** Requests in it. */
  cases: 1024,
} as const;

/**
 * How far an element may be from the expected one: `|given − expected| ≤ absolute + relative · |expected|`.
 *
 * What is left out keeps its default: float16 0.001 and 0.02; float32 0.0001 and 0.01; float64 1e-9 and 1e-6; every
 * other dtype 0 and 0, so its elements must be equal. NaN equals NaN, an infinity equals itself.
 */
export interface GoldenTolerance {
  /** 0 or more, in the unit of the output. */
  readonly absolute?: number;
  /** Share of the expected element's size, 0 or more. */
  readonly relative?: number;
}

/** A tensor in the file. */
export interface GoldenTensor {
  readonly dtype: DType;
  /** The size of each axis. */
  readonly shape: readonly number[];
  /**
   * Row-major, flat or nested like the shape. Floats, float16 too, are numbers or `"NaN"`, `"Infinity"`, `"-Infinity"`;
   * int64 and uint64 numbers or strings of digits; bool `true`, `false`, 1 or 0; strings strings.
   */
  readonly data: readonly unknown[];
}

/** One request of any number of rows, and its answer. */
export interface GoldenCase {
  /** A tensor for each input of the model. */
  readonly inputs: Readonly<Record<string, GoldenTensor>>;
  /** The outputs to compare, at least one; those that are left out are not. */
  readonly outputs: Readonly<Record<string, GoldenTensor>>;
}

/**
 * A file with golden rows: JSON in UTF-8, `digits.golden.json` beside `digits.onnx`, or the sidecar `golden` of a version
 * in a registry. `recordGolden` writes one; keys that are not named here are left alone.
 */
export interface GoldenFile {
  readonly format: typeof goldenFormat;
  readonly version: typeof goldenVersion;
  /** SHA-256 of the model that answered, lower-case hex; named when another one fails the check. */
  readonly sha256?: string;
  /** By the output's name. @default by its dtype, see {@link GoldenTolerance} */
  readonly tolerance?: Readonly<Record<string, GoldenTolerance>>;
  /** 1 to 1024 requests. */
  readonly cases: readonly GoldenCase[];
}

/** Options of `recordGolden`. */
export interface RecordGoldenOptions extends CallOptions {
  /** Names of the outputs to record. @default all of them */
  readonly outputs?: readonly string[];
  /** How far an element may be off, by the output's name. @default by its dtype, see {@link GoldenTolerance} */
  readonly tolerance?: Readonly<Record<string, GoldenTolerance>>;
}
