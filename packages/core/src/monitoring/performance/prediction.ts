import { describeValue } from '../../config';
import { describeRow, invalidInput } from '../rows';
import type { PerformanceTask } from './metric-names';

/** The name of a class, as labels give it. */
export type ClassLabel = string | number | boolean;

/** What a model predicted for one row. */
export interface Prediction {
  /** `binary`: probability of the positive class, 0 to 1. */
  readonly score?: number;
  /** `multiclass`: a probability for each class, in their order; they add up to 1 within 0.01 and are made to exactly. */
  readonly probabilities?: ArrayLike<number>;
  /** `regression`: the predicted value, finite. */
  readonly value?: number;
  /**
   * The class that was decided on. @default the positive class where `score` reaches the threshold; the most probable one,
   * the first of equals
   */
  readonly predicted?: ClassLabel;
  /** The row's features, finite or NaN, for the loss model of a regression's reference. */
  readonly features?: ArrayLike<number>;
  /** Texts by name, of which slices are made. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Version of the model that predicted. */
  readonly version?: string;
  /** When, in milliseconds since 1970-01-01 UTC. @default now */
  readonly at?: number;
}

/** What is to be predicted. */
export interface TaskDefinition {
  readonly task: PerformanceTask;
  /**
   * Names of the classes, each once. `binary`: the negative, then the positive one; `multiclass`: 2 to 1000, in the order
   * of the probabilities. None for `regression`.
   */
  readonly classes: readonly ClassLabel[];
  /** `binary`: score from which on the positive class is predicted. */
  readonly threshold: number;
}

/** Reads predictions and labels of a task into columns. */
export interface RowReader extends TaskDefinition {
  /** Probabilities that a row has: 1 for `binary`, one a class for `multiclass`, none for `regression`. */
  readonly width: number;
  /**
   * Writes a row's probabilities into `target` from `offset` (NaN where it brought none), and answers the index of the
   * class that was predicted, or the value.
   * @throws FairleadError `INVALID_INPUT`
   */
  readPrediction(prediction: Prediction, target: Float64Array, offset: number): number;
  /**
   * The index of a label's class, or its value. For `binary` true and 1, false and 0 stand for the classes where these are
   * not named otherwise.
   * @throws FairleadError `INVALID_INPUT`
   */
  readLabel(label: unknown): number;
}

/** How far from 1 probabilities may add up to. */
const sumTolerance = 0.01;

/** Makes a reader of a task's rows. */
export function createRowReader(definition: TaskDefinition): RowReader {
  const { task, classes, threshold } = definition;
  const indices = new Map<unknown, number>(classes.map((label, index) => [label, index]));
  if (task === 'binary' && classes[0] === 0 && classes[1] === 1) indices.set(false, 0).set(true, 1);

  const classOf = (label: unknown, field: string): number => {
    const index = indices.get(label);
    if (index !== undefined) return index;
    const expected = `one of ${classes
      .slice(0, 20)
      .map((known) => JSON.stringify(known))
      .join(', ')}`;
    throw invalidInput(field, expected, describeValue(label));
  };

  const finiteOf = (value: unknown, field: string): number => {
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw invalidInput(field, 'a finite number', describeValue(value));
  };

  const readBinary = ({ score, predicted }: Prediction, target: Float64Array, offset: number): number => {
    if (score !== undefined && !(typeof score === 'number' && score >= 0 && score <= 1)) {
      throw invalidInput('prediction.score', 'a probability from 0 to 1', describeValue(score));
    }
    target[offset] = score ?? Number.NaN;
    if (predicted !== undefined) return classOf(predicted, 'prediction.predicted');
    if (score === undefined)
      throw invalidInput('prediction.score', 'a probability from 0 to 1, or `predicted`', 'neither');
    return score >= threshold ? 1 : 0;
  };

  const readMulticlass = ({ probabilities, predicted }: Prediction, target: Float64Array, offset: number): number => {
    if (probabilities === undefined) {
      if (predicted === undefined)
        throw invalidInput('prediction.probabilities', 'one a class, or `predicted`', 'neither');
      target.fill(Number.NaN, offset, offset + classes.length);
      return classOf(predicted, 'prediction.predicted');
    }
    const field = 'prediction.probabilities';
    if (probabilities?.length !== classes.length) {
      throw invalidInput(field, `${classes.length} probabilities`, describeRow(probabilities));
    }
    let sum = 0;
    let best = 0;
    for (let index = 0; index < classes.length; index++) {
      const probability = probabilities[index] as number;
      if (!(probability >= 0 && probability <= 1)) {
        throw invalidInput(`${field}[${index}]`, 'a probability from 0 to 1', describeValue(probability));
      }
      sum += probability;
      if (probability > (probabilities[best] as number)) best = index;
    }
    if (Math.abs(sum - 1) > sumTolerance)
      throw invalidInput(field, 'probabilities that add up to 1', `a sum of ${sum}`);
    for (let index = 0; index < classes.length; index++)
      target[offset + index] = (probabilities[index] as number) / sum;
    return predicted === undefined ? best : classOf(predicted, 'prediction.predicted');
  };

  const readPrediction = (prediction: Prediction, target: Float64Array, offset: number): number => {
    if (typeof prediction !== 'object' || prediction === null) {
      throw invalidInput('prediction', 'an object such as { score }', describeValue(prediction));
    }
    if (prediction.at !== undefined) finiteOf(prediction.at, 'prediction.at');
    if (task === 'binary') return readBinary(prediction, target, offset);
    if (task === 'multiclass') return readMulticlass(prediction, target, offset);
    return finiteOf(prediction.value, 'prediction.value');
  };

  return {
    ...definition,
    width: task === 'multiclass' ? classes.length : task === 'binary' ? 1 : 0,
    readPrediction,
    readLabel: (label) => (task === 'regression' ? finiteOf(label, 'label') : classOf(label, 'label')),
  };
}

/**
 * Checks a row's features.
 * @throws FairleadError `INVALID_INPUT` for another width, or values that are neither finite nor NaN
 */
export function checkFeatures(features: ArrayLike<number>, width: number): void {
  if (features?.length !== width) throw invalidInput('prediction.features', `${width} values`, describeRow(features));
  for (let i = 0; i < width; i++) {
    const value = features[i];
    if (typeof value === 'number' && (Number.isFinite(value) || Number.isNaN(value))) continue;
    throw invalidInput(`prediction.features[${i}]`, 'a finite number or NaN', describeValue(value));
  }
}
