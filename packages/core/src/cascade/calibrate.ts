import * as z from 'zod/mini';
import { parseOptions } from '../config';
import { throwIfAborted } from '../errors';
import type { ModelRunner } from '../runner/runner';
import type { AnySignature, InputsOf } from '../signature';
import type { Tensors } from '../tensor/tensor';
import { argmax, type Calibration, calibrateScores, checkClasses, invalid, judge } from './calibration';
import {
  type ConfidenceMeasure,
  compileJudge,
  type RowConfidence,
  readScores,
  type ScoreKind,
  scoreOutput,
} from './confidence';
import { isRunner, measureField, scoresField } from './options';
import type { CalibrationTarget } from './recommend';
import type { RowCost } from './threshold-table';

/** Options of {@link calibrate}. */
export interface CalibrateOptions<S extends AnySignature = AnySignature> {
  /** The runner on the device. */
  readonly edge: ModelRunner<S>;
  /** The runner in the cloud; every row is sent there once. @default none: accuracy is told of the rows that stay */
  readonly cloud?: ModelRunner<S>;
  /** Inputs of one row each, held out from training. */
  readonly rows: readonly InputsOf<S>[];
  /** Class of each row, from 0. */
  readonly labels: ArrayLike<number>;
  /** How confidence is measured; for a function no temperature is fitted. @default 'max-probability' */
  readonly measure?: ConfidenceMeasure | RowConfidence;
  /** Output that holds the scores, classes along its last axis. @default the only output of floats with two axes or more */
  readonly output?: string;
  /** Whether the scores add up to 1 or are what a softmax makes such of. @default 'probabilities' */
  readonly scores?: ScoreKind;
  readonly cost?: RowCost;
  /** What the recommended threshold is to reach. @default the best accuracy; required without a cloud */
  readonly target?: CalibrationTarget;
  /** Requests in flight at once. 1 or more. @default 64 */
  readonly maxConcurrent?: number;
  readonly signal?: AbortSignal;
}

const share = z.number().check(z.gte(0), z.lte(1));
const price = z.number().check(z.gte(0));

const optionsSchema = z.strictObject({
  edge: z.custom<ModelRunner>(isRunner, 'a runner'),
  cloud: z.optional(z.custom<ModelRunner>(isRunner, 'a runner')),
  rows: z.custom<readonly InputsOf[]>((value) => Array.isArray(value) && value.length > 0, 'inputs of one row or more'),
  labels: z.custom<ArrayLike<number>>(
    (value) => Array.isArray(value) || ArrayBuffer.isView(value),
    'an array of classes',
  ),
  measure: measureField,
  output: z.optional(z.string()),
  scores: scoresField,
  cost: z.optional(z.strictObject({ edge: z.optional(price), cloud: z.optional(price) })),
  target: z.optional(
    z.union(
      [z.strictObject({ accuracy: share }), z.strictObject({ escalationRate: share }), z.strictObject({ cost: price })],
      {
        error: '{ accuracy }, { escalationRate } or { cost }',
      },
    ),
  ),
  maxConcurrent: z._default(z.int().check(z.gte(1)), 64),
  signal: z.optional(z.custom<AbortSignal>((value) => value instanceof AbortSignal, 'an AbortSignal')),
});

/**
 * Runs held-out rows through the model on the device, and through the one in the cloud where it is given, and finds out when
 * it pays to escalate: the temperature that makes the device's confidence mean what it says, the accuracy, escalation rate
 * and cost of thresholds, and the threshold to take. Its `rule` goes into a cascade as it is.
 *
 * The threshold is chosen on the rows that it is judged by, so its accuracy is a little flattered; the more rows, the less.
 * Intervals are of 95 %, and `warnings` says when there are too few rows. {@link calibrateScores} does the same from scores.
 *
 * @throws FairleadError `INVALID_OPTION`; `INVALID_ARGUMENT` for labels that fit no rows or classes; `OUTPUT_INVALID` for
 * probabilities that are none; `ABORTED`; whatever the runners fail with
 */
export async function calibrate<S extends AnySignature>(options: CalibrateOptions<S>): Promise<Calibration> {
  const settings = parseOptions(optionsSchema, options, 'calibrate') as unknown as CalibrateOptions & {
    maxConcurrent: number;
  };
  const { edge, cloud, rows, labels, measure, scores: kind = 'probabilities' } = settings;
  if (labels.length !== rows.length) throw invalid('labels', `${rows.length}, one for each row`, String(labels.length));
  const { name } = scoreOutput(edge.signature, settings.output, 'calibrate');
  const answers = await runAll(edge, settings);
  const found = answers.map((outputs, row) => scoresOfRow(outputs, name, row));
  const classes = found[0]?.length ?? 0;
  checkClasses('labels', labels, rows.length, classes);
  const odd = found.findIndex(({ length }) => length !== classes);
  if (odd !== -1)
    throw invalid(`rows[${odd}]`, `an answer with ${classes} scores, as the first`, String(found[odd]?.length));
  const classesOf = (outputs: Tensors, row: number): number => {
    const inCloud = scoresOfRow(outputs, name, row);
    return argmax(inCloud, 0, inCloud.length);
  };
  const cloudClasses = cloud === undefined ? undefined : (await runAll(cloud, settings)).map(classesOf);
  const given = {
    labels,
    ...(cloudClasses === undefined ? {} : { cloudClasses }),
    ...(settings.cost === undefined ? {} : { cost: settings.cost }),
    ...(settings.target === undefined ? {} : { target: settings.target }),
  };
  const withOutput = (calibration: Calibration): Calibration =>
    settings.output === undefined
      ? calibration
      : { ...calibration, rule: { ...calibration.rule, output: settings.output } };
  if (typeof measure !== 'function') {
    const scores = Float64Array.from(found.flatMap((each) => Array.from(each)));
    return withOutput(calibrateScores({ ...given, scores, kind, ...(measure === undefined ? {} : { measure }) }));
  }
  const sure = compileJudge({ measure }, edge.signature, 'calibrate');
  const confidences = Float64Array.from(answers, (outputs) => sure(outputs, 1)[0] as number);
  const right = Uint8Array.from(found, (each, row) => (argmax(each, 0, classes) === labels[row] ? 1 : 0));
  return withOutput(judge({ ...given, measure }, confidences, right, [], { temperature: 1 }));
}

/** Answers in the order of the rows; the first failure ends it. */
async function runAll(runner: ModelRunner, options: CalibrateOptions & { maxConcurrent: number }): Promise<Tensors[]> {
  const { rows, maxConcurrent, signal } = options;
  const answers: Tensors[] = new Array(rows.length);
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < rows.length) {
      throwIfAborted(signal, 'The calibration');
      const row = next++;
      try {
        answers[row] = (await runner.run(rows[row] as InputsOf, signal === undefined ? {} : { signal })).outputs;
      } catch (error) {
        next = rows.length;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(maxConcurrent, rows.length) }, work));
  return answers;
}

function scoresOfRow(outputs: Tensors, name: string, row: number): ArrayLike<number> {
  const { values, vectors } = readScores(outputs, name, 1);
  if (vectors !== 1)
    throw invalid(`rows[${row}]`, 'inputs of one row, with one vector of scores', `${vectors} vectors`);
  return values;
}
