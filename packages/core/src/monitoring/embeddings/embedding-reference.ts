import type { FairleadError } from '../../errors';
import { checkReference, type ReferenceFault } from '../check-reference';
import type { Reference } from '../reference';

/** How embeddings were distributed in the training rows, against which live ones are compared. */
export interface EmbeddingReference {
  /** Values of one embedding: the product of every axis but the batch axis. */
  readonly width: number;
  /** Rows that the mean and deviation were taken over: those of finite values alone. */
  readonly rows: number;
  /** Rows that were read and had a value that is NaN or infinite. */
  readonly nonFiniteRows: number;
  /** What the directions of the projections follow from. */
  readonly seed: number;
  /** How many projections there are. */
  readonly projectionCount: number;
  /** Mean of each dimension, over all finite rows. */
  readonly mean: Float64Array;
  /** Standard deviation of each dimension (ddof 0). */
  readonly deviation: Float64Array;
  /** How the projections and the distance from the mean were distributed: the reference of an ordinary drift monitor. */
  readonly projections: Reference;
  /** Rows of {@link sample}. */
  readonly sampleRows: number;
  /** A uniform sample of the rows, one after another, for the two-sample test. */
  readonly sample: Float32Array;
}

/** What limits an embedding reference, so that a broken or hostile file cannot make a monitor allocate without end. */
export const embeddingLimits = {
  /** Values of an embedding. */
  width: 65_536,
  projections: 256,
  /** Signs of all projections together: width times projections. */
  signs: 2 ** 22,
  sampleRows: 2048,
  /** Values of the sample: 64 MiB of them. */
  sampleValues: 2 ** 24,
  /** Bytes of the serialised form. */
  bytes: 80 * 2 ** 20,
} as const;

/** The one input of {@link EmbeddingReference.projections}. */
export const projectionInput = 'projection';

/** The names of what is watched of an embedding: its projections, then its distance from the mean. */
export function projectionNames(count: number): string[] {
  return [...Array.from({ length: count }, (_, index) => `${projectionInput}[${index}]`), 'distance'];
}

/**
 * Checks that an embedding reference does not contradict itself.
 *
 * @param fault makes the error to throw
 */
export function checkEmbeddingReference(value: unknown, fault: ReferenceFault): EmbeddingReference {
  if (typeof value !== 'object' || value === null) {
    throw fault('reference', 'what fitEmbeddingReference makes', String(value));
  }
  const reference = value as EmbeddingReference;
  checkEmbeddingSizes(reference, fault);
  const { width, mean, deviation, sample, sampleRows } = reference;
  const arrays = [
    ['mean', mean, Float64Array, width],
    ['deviation', deviation, Float64Array, width],
    ['sample', sample, Float32Array, width * sampleRows],
  ] as const;
  for (const [field, array, Kind, length] of arrays) {
    if (!(array instanceof Kind) || array.length !== length) {
      throw fault(`reference.${field}`, `a ${Kind.name} of ${length} values`, `${array?.length} values`);
    }
    if (!array.every(Number.isFinite)) throw fault(`reference.${field}`, 'finite values', 'others');
  }
  if (!deviation.every((value) => value >= 0)) throw fault('reference.deviation', 'values of 0 or more', 'others');
  const projections = checkReference(reference.projections, fault);
  const names = projectionNames(reference.projectionCount);
  const [input, second] = projections.inputs;
  const fits =
    second === undefined &&
    input?.name === projectionInput &&
    input.dtype === 'float64' &&
    projections.seasons === undefined &&
    projections.features.length === names.length &&
    names.every((name, index) => projections.features[index]?.name === name);
  if (!fits) throw fault('reference.projections', `one input "${projectionInput}" of ${names.length} values`, 'others');
  return { ...reference, projections };
}

type Sizes = Pick<EmbeddingReference, 'width' | 'rows' | 'nonFiniteRows' | 'seed' | 'projectionCount' | 'sampleRows'>;

/**
 * Checks the numbers that say how large the rest is, before anything is allocated by them.
 * @param fault makes the error to throw
 */
export function checkEmbeddingSizes(
  sizes: Sizes,
  fault: (field: string, expected: string, given: string) => FairleadError,
) {
  const { width, rows, nonFiniteRows, seed, projectionCount, sampleRows } = sizes;
  const most = Number.MAX_SAFE_INTEGER;
  const ranges = [
    ['width', width, 1, embeddingLimits.width],
    ['rows', rows, 2, most],
    ['nonFiniteRows', nonFiniteRows, 0, most],
    ['seed', seed, 0, 2 ** 32 - 1],
    ['projectionCount', projectionCount, 1, embeddingLimits.projections],
    ['sampleRows', sampleRows, 2, embeddingLimits.sampleRows],
  ] as const;
  for (const [field, value, least, greatest] of ranges) {
    if (Number.isSafeInteger(value) && value >= least && value <= greatest) continue;
    throw fault(`reference.${field}`, `a whole number from ${least} to ${greatest}`, String(value));
  }
  if (width * projectionCount > embeddingLimits.signs) {
    throw fault('reference.projectionCount', `at most ${embeddingLimits.signs} signs`, `${width} · ${projectionCount}`);
  }
  if (width * sampleRows > embeddingLimits.sampleValues) {
    throw fault('reference.sampleRows', `at most ${embeddingLimits.sampleValues} values`, `${width} · ${sampleRows}`);
  }
  if (sampleRows > rows) throw fault('reference.sampleRows', `at most the ${rows} rows`, String(sampleRows));
}
