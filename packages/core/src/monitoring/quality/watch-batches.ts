import { messageOf } from '../../errors';
import { type Closeable, closeable } from '../../lifecycle';
import type { Logger } from '../../logger';
import type { ModelInfo, ModelRunner } from '../../runner/runner';
import type { Tensors } from '../../tensor/tensor';
import type { UncheckedRows } from './quality-report';

/** What watching a runner does to a quality monitor. */
export interface BatchWatcher {
  /** The runner went over to another model. */
  follow(model: ModelInfo): void;
  /** Rows went by that are not checked. */
  skip(reason: keyof UncheckedRows, rows: number): void;
  /** Checks a batch. */
  check(inputs: Tensors, rows: number, batchAxis: number): void;
}

/** Feeds a quality monitor from a runner's events, until closed. Whatever the monitor throws stays here. */
export function watchBatches(runner: ModelRunner, logger: Logger, watcher: BatchWatcher): Closeable {
  const batchAxis = runner.signature.batchAxis ?? 0;
  let current = keyOf(runner.model);
  let rejectionLogged = false;
  const removers = [
    runner.events.on('batch-end', ({ model, rows, inputs }) => {
      if (keyOf(model) !== current) {
        watcher.skip('otherModel', rows);
        return;
      }
      try {
        watcher.check(inputs, rows, batchAxis);
      } catch (error) {
        watcher.skip('rejected', rows);
        // Once for each model: a caller that sends such batches sends many.
        if (rejectionLogged) return;
        rejectionLogged = true;
        logger.error({ model, error }, `The quality monitor cannot check a batch: ${messageOf(error)}`);
      }
    }),
    runner.events.on('model-swap', ({ to }) => {
      if (keyOf(to) === current) return;
      current = keyOf(to);
      rejectionLogged = false;
      watcher.follow(to);
    }),
  ];
  return closeable(() => {
    for (const remove of removers) remove();
  });
}

function keyOf({ digest, version }: ModelInfo): string {
  return `${digest} ${version}`;
}
