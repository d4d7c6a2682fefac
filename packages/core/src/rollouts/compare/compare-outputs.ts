import * as z from 'zod/mini';
import { describeValue } from '../../config';
import { FairleadError } from '../../errors';
import { agree, elementOf, toleranceOf } from '../../golden/compare';
import type { DType } from '../../tensor/dtype';
import { formatShape, type Tensor, type Tensors } from '../../tensor/tensor';
import { kendallTau, spearmanRho } from './rank-correlation';

/** How outputs are compared. */
export interface CompareOutputsOptions {
  /** How far from `absolute + relative * |reference|` an element may be; for each of the two the usual of its dtype. */
  readonly tolerance?: { readonly absolute?: number; readonly relative?: number };
  /**
   * Output that holds scores, classes along its last axis: their first place and their order are compared. `false`: none.
   * @default the only output of floats with two axes or more, where there is just one
   */
  readonly scores?: string | false;
}

const toleranceField = z.optional(z.number().check(z.gte(0)));

/** The option `compare` of what compares; an option that is none would let everything pass, or nothing. */
export const compareField = z.prefault(
  z.strictObject({
    tolerance: z.optional(z.strictObject({ absolute: toleranceField, relative: toleranceField })),
    scores: z.optional(
      z.custom<string | false>(
        (value) => value === false || typeof value === 'string',
        'the name of an output, or false',
      ),
    ),
  }),
  {},
);

/** Two answers to the same inputs, compared row by row. A plain object. */
export interface OutputComparison {
  readonly rows: number;
  /** Rows whose elements are all within the tolerance, in every output. */
  readonly withinTolerance: number;
  /** The largest difference of two finite numbers. */
  readonly largestDifference: number;
  /** Rows whose highest score is in the same place; of several that are highest the first counts. Absent without scores. */
  readonly sameTop?: number;
  /**
   * How alike the orders are, as means over the rows that have one: Kendall's τ-b and Spearman's ρ over the classes of a row; where a row has one
   * score, over the rows. Absent without scores, or where no row has an order.
   */
  readonly rankAgreement?: { readonly kendall: number; readonly spearman: number };
}

const floats: ReadonlySet<DType> = new Set(['float16', 'float32', 'float64']);

/**
 * Compares two answers to the same inputs.
 *
 * @param reference what the champion answered: outputs by name, rows along the first axis
 * @param other what was answered by the challenger, or by the champion once more
 * @throws FairleadError `INVALID_ARGUMENT` where names, dtypes, shapes or rows differ, or there is no such output for scores
 */
export function compareOutputs(
  reference: Tensors,
  other: Tensors,
  options: CompareOutputsOptions = {},
): OutputComparison {
  for (const [given, field] of [[reference, 'reference'] as const, [other, 'other'] as const]) {
    if (typeof given !== 'object' || given === null) throw different(field, 'outputs by name', describeValue(given));
  }
  const names = Object.keys(reference);
  const rows = reference[names[0] ?? '']?.shape[0] ?? 0;
  for (const name of new Set([...names, ...Object.keys(other)])) checkOutput(name, reference[name], other[name], rows);
  const outside = new Uint8Array(rows);
  let largestDifference = 0;
  for (const name of names) {
    const [one, two] = [reference[name] as Tensor, other[name] as Tensor];
    const tolerance = toleranceOf(one.dtype, options.tolerance);
    const width = one.data.length / Math.max(1, rows);
    for (let index = 0; index < one.data.length; index++) {
      const [expected, given] = [elementOf(one, index), elementOf(two, index)];
      if (!agree(expected, given, tolerance)) outside[Math.floor(index / width)] = 1;
      if (typeof expected === 'string') continue;
      const difference = Math.abs(Number(given) - Number(expected));
      if (Number.isFinite(difference)) largestDifference = Math.max(largestDifference, difference);
    }
  }
  const withinTolerance = outside.reduce((count, isOutside) => count - isOutside, rows);
  const scores = scoresOf(reference, options.scores);
  return {
    rows,
    withinTolerance,
    largestDifference,
    ...(scores === undefined || rows === 0
      ? {}
      : compareScores(numbersOf(reference[scores]), numbersOf(other[scores]), rows)),
  };
}

function compareScores(
  reference: Float64Array,
  other: Float64Array,
  rows: number,
): Pick<OutputComparison, 'sameTop' | 'rankAgreement'> {
  const classes = reference.length / rows;
  if (classes <= 1) return rankAgreementOf([[reference, other]]);
  const pairs = Array.from({ length: rows }, (_, row): [Float64Array, Float64Array] => [
    reference.subarray(row * classes, (row + 1) * classes),
    other.subarray(row * classes, (row + 1) * classes),
  ]);
  const sameTop = pairs.filter(([one, two]) => topOf(one) === topOf(two)).length;
  return { sameTop, ...rankAgreementOf(pairs) };
}

function rankAgreementOf(
  pairs: readonly (readonly [Float64Array, Float64Array])[],
): Pick<OutputComparison, 'rankAgreement'> {
  let ordered = 0;
  let kendall = 0;
  let spearman = 0;
  for (const [one, two] of pairs) {
    const tau = kendallTau(one, two);
    const rho = spearmanRho(one, two);
    if (tau === undefined || rho === undefined) continue;
    ordered++;
    kendall += tau;
    spearman += rho;
  }
  return ordered === 0 ? {} : { rankAgreement: { kendall: kendall / ordered, spearman: spearman / ordered } };
}

/** The place of the highest score; that of a NaN where there is one, so that a broken row never looks like a sound one. */
function topOf(scores: Float64Array): number {
  let top = 0;
  for (let index = 0; index < scores.length; index++) {
    if (Number.isNaN(scores[index])) return -1 - index;
    if ((scores[index] as number) > (scores[top] as number)) top = index;
  }
  return top;
}

function numbersOf(tensor: Tensor | undefined): Float64Array {
  if (tensor === undefined) return new Float64Array(0);
  return Float64Array.from({ length: tensor.data.length }, (_, index) => Number(elementOf(tensor, index)));
}

function scoresOf(outputs: Tensors, given: string | false | undefined): string | undefined {
  if (given === false) return undefined;
  const candidates = Object.keys(outputs).filter((name) => {
    const { dtype, shape } = outputs[name] as Tensor;
    return floats.has(dtype) && shape.length >= 2;
  });
  if (given === undefined) return candidates.length === 1 ? candidates[0] : undefined;
  const tensor = outputs[given];
  if (tensor !== undefined && tensor.dtype !== 'string') return given;
  throw different('scores', `an output of numbers: ${Object.keys(outputs).join(', ')}`, given);
}

function checkOutput(name: string, reference: Tensor | undefined, other: Tensor | undefined, rows: number): void {
  if (!isTensor(reference)) throw different(name, 'an output of both', 'of the second alone');
  if (!isTensor(other)) throw different(name, 'an output of both', 'of the first alone');
  if (reference.dtype !== other.dtype) throw different(name, reference.dtype, other.dtype);
  const [expected, given] = [formatShape(reference.shape), formatShape(other.shape)];
  if (expected !== given) throw different(name, `shape ${expected}`, `shape ${given}`);
  if (reference.shape[0] !== rows) throw different(name, `${rows} rows`, `shape ${expected}`);
}

function isTensor(value: Tensor | undefined): value is Tensor {
  return typeof value === 'object' && value !== null;
}

function different(field: string, expected: string, given: string): FairleadError {
  return new FairleadError(
    'INVALID_ARGUMENT',
    `compareOutputs: "${field}" cannot be compared: expected ${expected}, given ${given}. Compare answers of models with one signature to the same inputs.`,
    { details: { field, expected, given } },
  );
}
