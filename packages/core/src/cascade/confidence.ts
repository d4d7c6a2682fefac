import { FairleadError, messageOf } from '../errors';
import type { ModelSignature, TensorSpec } from '../signature';
import type { DType } from '../tensor/dtype';
import { halfToNumber } from '../tensor/float16';
import { formatShape, type Tensor, type Tensors } from '../tensor/tensor';
import { viewRow } from './rows';

/**
 * How sure a model is of a row, from its scores p over K classes, sorted downwards; all lie in 0 to 1, and 1 is sure:
 *
 * - `max-probability`: p₁
 * - `margin`: p₁ − p₂
 * - `entropy`: 1 − H(p) / ln K with H(p) = −Σ p ln p
 */
export type ConfidenceMeasure = 'max-probability' | 'margin' | 'entropy';

/** A function of the user's: the outputs of one row (tensors with one row each) to a number, larger for surer. */
export type RowConfidence = (row: Tensors) => number;

/** What scores are. */
export type ScoreKind = 'probabilities' | 'logits';

/** Escalates a row when the model on the device is less sure of it than `threshold`. */
export interface ConfidenceRule {
  /** Rows whose confidence is below it are escalated, and so is a row whose confidence is NaN. */
  readonly threshold: number;
  /** @default 'max-probability' */
  readonly measure?: ConfidenceMeasure | RowConfidence;
  /** Output that holds the scores, classes along its last axis. @default the only output of floats with two axes or more */
  readonly output?: string;
  /** Whether the scores add up to 1 or are what a softmax makes such of. @default 'probabilities' */
  readonly scores?: ScoreKind;
  /** Temperature T of the calibrated softmax(z / T), more than 0; `calibrate()` finds it. @default 1 */
  readonly temperature?: number;
}

/** Scores of rows, as a model gives them. */
export interface RowScores {
  /** Rows × vectors × classes, row-major. */
  readonly values: ArrayLike<number>;
  /** Score vectors of a row, more than one where a row is a sequence. */
  readonly vectors: number;
  readonly classes: number;
}

const floats: ReadonlySet<DType> = new Set(['float32', 'float64', 'float16']);
/** What the sum of a softmax may be off by; half floats over many classes need this much. */
const sumTolerance = 0.02;

/**
 * The output that scores are read from.
 * @throws FairleadError `INVALID_OPTION`
 */
export function scoreOutput(signature: ModelSignature, name: string | undefined, owner: string): TensorSpec {
  const candidates = signature.outputs.filter(({ dtype, shape }) => floats.has(dtype) && shape.length >= 2);
  const found = name === undefined ? candidates : candidates.filter((spec) => spec.name === name);
  if (found.length === 1) return found[0] as TensorSpec;
  const names = candidates.map((spec) => `"${spec.name}"`).join(', ');
  const expected =
    candidates.length === 0
      ? 'a model with an output of floats [batch, classes]; give "measure" a function of your own'
      : `one of ${names}`;
  const given = name === undefined ? `${candidates.length} of them` : `"${name}"`;
  throw new FairleadError(
    'INVALID_OPTION',
    `${owner}: option "output" is wrong: expected ${expected}, given ${given}.`,
    {
      details: { field: 'output', expected, given },
    },
  );
}

/**
 * Reads the scores of an answer.
 * @throws FairleadError `OUTPUT_INVALID`
 */
export function readScores(outputs: Tensors, name: string, rows: number): RowScores {
  const tensor = outputs[name];
  const classes = tensor?.shape.at(-1) ?? 0;
  if (
    tensor === undefined ||
    Array.isArray(tensor.data) ||
    classes < 2 ||
    tensor.data.length % (rows * classes) !== 0
  ) {
    const given = tensor === undefined ? 'nothing' : `shape ${formatShape(tensor.shape)}`;
    const expected = `scores of 2 classes or more for each of ${rows} rows`;
    throw new FairleadError('OUTPUT_INVALID', `Output ${name}: expected ${expected}, given ${given}.`, {
      details: { field: name, expected, given },
    });
  }
  const { data } = tensor as Tensor<'float32'>;
  const values = (tensor as Tensor).dtype === 'float16' ? Float64Array.from(data, halfToNumber) : data;
  return { values, vectors: data.length / (rows * classes), classes };
}

/**
 * The logarithms of one vector of scores up to a constant: logits as they are, probabilities as ln p.
 * @throws FairleadError `OUTPUT_INVALID` for probabilities that are none
 */
export function toLogits(scores: RowScores, kind: ScoreKind, vector: number, into: Float64Array): Float64Array {
  const { values, classes } = scores;
  const start = vector * classes;
  let sum = 0;
  let least = 0;
  for (let index = 0; index < classes; index++) {
    const value = values[start + index] as number;
    into[index] = kind === 'logits' ? value : Math.log(Math.max(0, value));
    sum += value;
    least = Math.min(least, value);
  }
  const isNone = Number.isFinite(sum) && (least < -sumTolerance || Math.abs(sum - 1) > sumTolerance);
  if (kind === 'probabilities' && isNone) {
    const expected = 'probabilities that add up to 1';
    const given = `a least value of ${least} and a sum of ${sum}`;
    throw new FairleadError(
      'OUTPUT_INVALID',
      `The scores of the model on the device: expected ${expected}, given ${given}. If they are logits, set scores: 'logits'.`,
      { details: { field: 'scores', expected, given } },
    );
  }
  return into;
}

/** softmax(z / T), in place. Source: Guo et al., arXiv 1706.04599, section 4.2. NaN anywhere makes all of it NaN. */
export function softmax(logits: Float64Array, temperature: number): Float64Array {
  let most = Number.NEGATIVE_INFINITY;
  for (const value of logits) most = value > most ? value : most;
  let sum = 0;
  for (let index = 0; index < logits.length; index++) {
    // The largest is 0 by definition, also where it is infinite.
    const value = logits[index] as number;
    const power = value === most ? 1 : Math.exp((value - most) / temperature);
    logits[index] = power;
    sum += power;
  }
  for (let index = 0; index < logits.length; index++) logits[index] = (logits[index] as number) / sum;
  return logits;
}

/** What a measure says of one vector of probabilities. */
export function measureOf(probabilities: Float64Array, measure: ConfidenceMeasure): number {
  let first = Number.NEGATIVE_INFINITY;
  let second = Number.NEGATIVE_INFINITY;
  let entropy = 0;
  for (const value of probabilities) {
    if (Number.isNaN(value)) return Number.NaN;
    if (value > first) {
      second = first;
      first = value;
    } else if (value > second) second = value;
    if (value > 0) entropy -= value * Math.log(value);
  }
  if (measure === 'margin') return first - second;
  return measure === 'entropy' ? Math.max(0, 1 - entropy / Math.log(probabilities.length)) : first;
}

/** The confidence of every row: of a row of several vectors, that of the least sure one. */
export function rowConfidences(
  scores: RowScores,
  rows: number,
  { measure, kind, temperature }: { measure: ConfidenceMeasure; kind: ScoreKind; temperature: number },
): Float64Array {
  const confidences = new Float64Array(rows);
  const probabilities = new Float64Array(scores.classes);
  for (let row = 0; row < rows; row++) {
    let least = Number.POSITIVE_INFINITY;
    for (let vector = row * scores.vectors; vector < (row + 1) * scores.vectors; vector++) {
      const value = measureOf(softmax(toLogits(scores, kind, vector, probabilities), temperature), measure);
      least = value >= least ? least : value;
    }
    confidences[row] = least;
  }
  return confidences;
}

/** Judges the rows of an answer: how sure the model is of each. */
export type Judge = (outputs: Tensors, rows: number) => Float64Array;

/**
 * Compiles a rule for the models of a signature.
 * @returns a function that throws FairleadError `OUTPUT_INVALID` where there are no scores to judge by
 * @throws FairleadError `INVALID_OPTION`
 */
export function compileJudge(rule: Omit<ConfidenceRule, 'threshold'>, signature: ModelSignature, owner: string): Judge {
  const { measure = 'max-probability', scores: kind = 'probabilities', temperature = 1 } = rule;
  if (typeof measure === 'function') return judgeBy(measure, signature.batchAxis === 0);
  const { name } = scoreOutput(signature, rule.output, owner);
  return (outputs, rows) => rowConfidences(readScores(outputs, name, rows), rows, { measure, kind, temperature });
}

function judgeBy(measure: RowConfidence, hasRows: boolean): Judge {
  const one = (outputs: Tensors, row: number): number => {
    try {
      return measure(hasRows ? viewRow(outputs, row) : outputs);
    } catch (error) {
      throw new FairleadError('OUTPUT_INVALID', `The function "measure" threw on row ${row}: ${messageOf(error)}`, {
        cause: error,
        details: { field: 'measure' },
      });
    }
  };
  return (outputs, rows) => Float64Array.from({ length: rows }, (_, row) => one(outputs, row));
}
