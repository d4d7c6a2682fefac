import type { Clock } from '../../clock';
import { messageOf } from '../../errors';
import { type Closeable, closeable } from '../../lifecycle';
import type { Logger } from '../../logger';
import type { BatchEndEvent, ModelInfo, ModelRunner } from '../../runner/runner';
import type { Tensors } from '../../tensor/tensor';
import { CpuBudget } from '../cpu-budget';
import type { PredictionDraft } from './record-draft';
import { rowOf } from './row-values';

/** One row of a batch, for whoever describes it. Tensors are copies, made when they are asked for. */
export interface PredictedBatchRow {
  readonly model: ModelInfo;
  /** Its number within the batch. */
  readonly index: number;
  /** Its inputs, with 1 as the size of the batch axis. */
  readonly inputs: Tensors;
  /** Its outputs, likewise. */
  readonly outputs: Tensors;
}

/** What a record says beside inputs, outputs and model. */
export type PredictionDetails = Omit<PredictionDraft, 'model' | 'inputs' | 'outputs'>;

/** Options of `attach`. */
export interface AttachOptions {
  /**
   * Tells a row's id, key, tags, decision or propensity, by its inputs and outputs; `undefined` for a row that is not to be recorded.
   * A row whose description throws is counted as failed. @default every row gets an id that the log makes
   */
  readonly describe?: (row: PredictedBatchRow) => PredictionDetails | undefined;
}

/** What recording a batch does to a log. */
export interface BatchRecorder {
  /** Records a row; its tensors are made only if it is kept. May throw. */
  record(details: PredictionDetails, row: PredictedBatchRow): void;
  /** Rows were passed over to save time. */
  skip(rows: number): void;
  /** Rows could not be recorded. */
  fail(rows: number): void;
}

/** Records the rows of a runner's batches, after their answers went out, until closed. */
export function watchBatches(
  runner: ModelRunner,
  { describe }: AttachOptions,
  settings: { readonly clock: Clock; readonly logger: Logger; readonly maxCpuShare: number },
  recorder: BatchRecorder,
): Closeable {
  const { clock, logger } = settings;
  const { batchAxis } = runner.signature;
  const budget = new CpuBudget(clock, settings.maxCpuShare);
  let told = false;

  const recordRow = (event: BatchEndEvent, rows: number, index: number): void => {
    try {
      const row = lazyRow(event, batchAxis ?? 0, rows, index);
      const details = describe === undefined ? {} : describe(row);
      if (details !== undefined) recorder.record(details, row);
    } catch (error) {
      recorder.fail(1);
      // Once: what is wrong with one row is wrong with many.
      if (told) return;
      told = true;
      logger.error({ model: event.model, error }, `A prediction cannot be recorded: ${messageOf(error)}`);
    }
  };

  const remove = runner.events.on('batch-end', (event) => {
    // Without a batch axis, what one request brought is one row.
    const rows = batchAxis === null ? 1 : event.rows;
    const startedAt = clock.now();
    const allowed = budget.allowance(rows, startedAt);
    budget.spendOn(rows, startedAt, allowed, (from, count, taken) => {
      // Spread over the batch, so that no place in it is preferred.
      for (let i = 0; i < taken; i++) recordRow(event, rows, from + Math.floor((i * count) / taken));
      if (taken < count) recorder.skip(count - taken);
    });
  });
  return closeable(remove);
}

function lazyRow(
  { model, inputs, outputs }: BatchEndEvent,
  batchAxis: number,
  rows: number,
  index: number,
): PredictedBatchRow {
  let ownInputs: Tensors | undefined;
  let ownOutputs: Tensors | undefined;
  return {
    model,
    index,
    get inputs() {
      ownInputs ??= rowOf(inputs, batchAxis, rows, index);
      return ownInputs;
    },
    get outputs() {
      ownOutputs ??= rowOf(outputs, batchAxis, rows, index);
      return ownOutputs;
    },
  };
}
