import { FairleadError } from '../errors';
import { expectedCalibrationError } from './calibration-error';
import { type ConfidenceMeasure, type ConfidenceRule, rowConfidences, type ScoreKind, toLogits } from './confidence';
import { type CalibrationTarget, recommend } from './recommend';
import { fitTemperature, type LabelledLogits, negativeLogLikelihood, temperatureBounds } from './temperature';
import { type RowCost, type Share, shareOf, type ThresholdRow, thresholdTable } from './threshold-table';

/** What a model on the device answered to held-out rows, and what would have been right. */
export interface ScoredRows {
  /** Scores of the model on the device: rows × classes, row-major. */
  readonly scores: ArrayLike<number>;
  /** Class of each row, from 0. */
  readonly labels: ArrayLike<number>;
  /** Class that the model in the cloud gave each row. @default no cloud: accuracy is told of the rows that stay */
  readonly cloudClasses?: ArrayLike<number>;
  /** Whether the scores add up to 1 or are what a softmax makes such of. @default 'probabilities' */
  readonly kind?: ScoreKind;
  /** @default 'max-probability' */
  readonly measure?: ConfidenceMeasure;
  readonly cost?: RowCost;
  /** What the recommended threshold is to reach. @default the best accuracy; required without a cloud */
  readonly target?: CalibrationTarget;
}

/** Before and after the temperature. */
export interface BeforeAndAfter {
  readonly before: number;
  readonly after: number;
}

/** What held-out rows say about escalating by confidence; a plain object that survives JSON. */
export interface Calibration {
  /** For `escalate: { confidence: rule }` of a cascade. */
  readonly rule: ConfidenceRule;
  /** Rows that were looked at. */
  readonly rows: number;
  /** T of softmax(z / T); 1 where confidence is measured by a function. */
  readonly temperature: number;
  /** 0 to 1; absent where confidence is measured by a function. */
  readonly expectedCalibrationError?: BeforeAndAfter;
  /** In nats; absent where confidence is measured by a function. */
  readonly negativeLogLikelihood?: BeforeAndAfter;
  /** Accuracy of the device alone. */
  readonly edge: Share;
  /** Accuracy of the cloud alone, where there is one. */
  readonly cloud?: Share;
  /** What thresholds would do, by how much they escalate. */
  readonly table: readonly ThresholdRow[];
  readonly recommended: ThresholdRow;
  /** Whether the target holds at the unfavourable end of the 95 % interval too; absent without a target. */
  readonly assured?: boolean;
  /** What to know before trusting it, such as too few rows; each a sentence. */
  readonly warnings: readonly string[];
}

/** Half the width of an interval of accuracy above which rows are too few. */
const tolerable = 0.05;
/** A probability of 0 counts as e to the minus this of the largest one, or a single row could make the loss infinite. */
const deepest = 100;

/**
 * Calibrates from scores alone: fits the temperature, and says for thresholds how accurate the cascade is, how much it
 * escalates and what that costs. A pure function. The rows must be others than those that the model was trained on, and like
 * those that will come.
 *
 * @throws FairleadError `INVALID_ARGUMENT` for labels that fit no scores; `INVALID_OPTION` without a cloud and a target;
 * `OUTPUT_INVALID` for probabilities that are none
 */
export function calibrateScores(given: ScoredRows): Calibration {
  const { scores, labels, kind = 'probabilities', measure = 'max-probability' } = given;
  const rows = labels.length;
  const classes = rows === 0 ? 0 : scores.length / rows;
  if (!Number.isInteger(classes) || classes < 2) {
    throw invalid(
      'labels',
      'as many labels as there are rows of 2 scores or more',
      `${rows} labels, ${scores.length} scores`,
    );
  }
  checkClasses('labels', labels, rows, classes);
  const vectors = { values: scores, vectors: 1, classes };
  const { logits, labelled, left } = finiteRows(scores, labels, kind, classes);
  const temperature = fitTemperature(logits);
  const confidencesAt = (at: number, by: ConfidenceMeasure): Float64Array =>
    rowConfidences(vectors, rows, { measure: by, kind, temperature: at });
  const edge = Uint8Array.from({ length: rows }, (_, row) => (argmax(scores, row, classes) === labels[row] ? 1 : 0));
  const errorAt = (at: number): number => expectedCalibrationError(confidencesAt(at, 'max-probability'), edge);
  const warnings = [
    ...(left === 0 ? [] : [`${left} of ${rows} rows have scores that are not finite; they are always escalated.`]),
    ...(temperature > temperatureBounds.least && temperature < temperatureBounds.most
      ? []
      : [
          `The temperature is at its bound of ${temperature}: ${labelled} rows do not tell how sure the model should be.`,
        ]),
  ];
  return judge({ ...given, measure }, confidencesAt(temperature, measure), edge, warnings, {
    temperature,
    ...(kind === 'probabilities' ? {} : { kind }),
    expectedCalibrationError: { before: errorAt(1), after: errorAt(temperature) },
    negativeLogLikelihood: {
      before: negativeLogLikelihood(logits, 1),
      after: negativeLogLikelihood(logits, temperature),
    },
  });
}

/** What is found out about scores; all of it is missing where confidence is measured by a function. */
export interface ScoreFindings {
  readonly temperature: number;
  readonly kind?: ScoreKind;
  readonly expectedCalibrationError?: BeforeAndAfter;
  readonly negativeLogLikelihood?: BeforeAndAfter;
}

/** Puts a calibration together from how sure the device was of each row and whether it was right. */
export function judge(
  given: Pick<ScoredRows, 'labels' | 'cloudClasses' | 'cost' | 'target'> & {
    readonly measure: ConfidenceRule['measure'];
  },
  confidences: Float64Array,
  edge: Uint8Array,
  warnings: readonly string[],
  { kind, ...findings }: ScoreFindings,
): Calibration {
  const { labels, cloudClasses, cost = {}, target, measure } = given;
  const rows = edge.length;
  if (cloudClasses !== undefined && cloudClasses.length !== rows) {
    throw invalid('cloudClasses', `${rows} classes, one for each label`, String(cloudClasses.length));
  }
  const cloud =
    cloudClasses === undefined
      ? undefined
      : Uint8Array.from(edge, (_, row) => (cloudClasses[row] === labels[row] ? 1 : 0));
  const table = thresholdTable({ confidences, edge, cloud }, cost);
  const found = recommend(table, target);
  const onDevice = shareOf(sumOf(edge), rows);
  const { temperature } = findings;
  return {
    rule: {
      threshold: found.recommended.threshold,
      ...(measure === undefined || measure === 'max-probability' ? {} : { measure }),
      ...(kind === undefined ? {} : { scores: kind }),
      ...(temperature === 1 ? {} : { temperature }),
    },
    rows,
    ...findings,
    edge: onDevice,
    ...(cloud === undefined ? {} : { cloud: shareOf(sumOf(cloud), rows) }),
    table,
    recommended: found.recommended,
    ...(found.assured === undefined ? {} : { assured: found.assured }),
    warnings: [...warnings, ...tooFew(onDevice), ...found.warnings],
  };
}

function tooFew({ low, high, rows, value }: Share): string[] {
  const half = (high - low) / 2;
  if (half <= tolerable) return [];
  const spread = Math.max(value * (1 - value), 0.05 * 0.95);
  const enough = Math.ceil((1.96 / tolerable) ** 2 * spread);
  return [
    `${rows} rows are few: accuracies are known to ± ${half.toFixed(3)}. About ${Math.max(enough, rows + 1)} rows would make that ± ${tolerable}.`,
  ];
}

/** The rows that a temperature can be fitted to. */
function finiteRows(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  kind: ScoreKind,
  classes: number,
): { logits: LabelledLogits; labelled: number; left: number } {
  const rows = labels.length;
  const logits = new Float64Array(rows * classes);
  const kept: number[] = [];
  const one = new Float64Array(classes);
  for (let row = 0; row < rows; row++) {
    toLogits({ values: scores, vectors: 1, classes }, kind, row, one);
    const top = one.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
    if (!Number.isFinite(top)) continue;
    const start = kept.length * classes;
    for (let index = 0; index < classes; index++) logits[start + index] = Math.max(one[index] as number, top - deepest);
    kept.push(labels[row] as number);
  }
  const labelled = kept.length;
  const found = { logits: logits.subarray(0, labelled * classes), classes, labels: Int32Array.from(kept) };
  return { logits: found, labelled, left: rows - labelled };
}

/** The class of the largest score; the first of equal ones, and -1 where one is NaN. */
export function argmax(scores: ArrayLike<number>, row: number, classes: number): number {
  let best = 0;
  for (let index = 0; index < classes; index++) {
    const value = scores[row * classes + index] as number;
    if (Number.isNaN(value)) return -1;
    if (value > (scores[row * classes + best] as number)) best = index;
  }
  return best;
}

/** @throws FairleadError `INVALID_ARGUMENT` that names the first label that is no class */
export function checkClasses(field: string, labels: ArrayLike<number>, rows: number, classes: number): void {
  for (let row = 0; row < rows; row++) {
    const label = labels[row];
    if (Number.isInteger(label) && (label as number) >= 0 && (label as number) < classes) continue;
    throw invalid(`${field}[${row}]`, `a class from 0 to ${classes - 1}`, String(label));
  }
}

/** The error for rows that cannot be used. */
export function invalid(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_ARGUMENT', `calibrate: ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}

function sumOf(values: Uint8Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}
