import { FairleadError, messageOf } from '../errors';
import { type Closeable, closeable } from '../lifecycle';
import type { Logger } from '../logger';
import type { LoadedModel } from '../model-source';
import type { BatchEndEvent, ModelInfo, ModelRunner } from '../runner/runner';
import type { ModelSignature } from '../signature';
import type { Tensors } from '../tensor/tensor';
import type { Reference } from './reference';
import { parseReference } from './reference-format';
import type { SkippedRows } from './report';

/** What watching a runner does to a monitor. */
export interface RunnerWatcher {
  /** The reference for models that bring none. */
  readonly fallback: Reference | undefined;
  /** Whether it is learned from live rows where there is none. */
  readonly learns: boolean;
  /** Another model is watched from now on, with what it brought. */
  adopt(model: ModelInfo, reference: Reference | undefined): void;
  /** Throws when a model's reference is not fit for the monitor. */
  check(reference: Reference): void;
  /** A model's reference cannot be used. */
  fail(model: ModelInfo, error: unknown): void;
  /** Whether anybody listens to that. */
  failListened(): boolean;
  /** Rows went by that are not observed. */
  skip(reason: keyof SkippedRows, rows: number): void;
  /** Observes a batch. */
  observe(inputs: Tensors, rows: number, batchAxis: number): void;
}

/** Feeds a monitor from a runner's events, until closed. */
export function watchRunner(runner: ModelRunner, logger: Logger, watcher: RunnerWatcher): Closeable {
  const batchAxis = runner.signature.batchAxis ?? 0;
  /** The model whose reference is used, or is being read; `undefined` when the runner never said. */
  let current: string | undefined;
  let loading: AbortController | undefined;
  let rejectionLogged = false;

  const follow = (model: ModelInfo, loaded: LoadedModel): void => {
    const key = keyOf(model);
    // A swap is told twice: the model is ready, then the runner swapped to it.
    if (key === current) return;
    current = key;
    seen = undefined;
    loading?.abort();
    const controller = new AbortController();
    loading = controller;
    void readReference(loaded, runner.signature, controller.signal)
      .then((reference) => {
        if (reference !== undefined) watcher.check(reference);
        return reference;
      })
      .then(
        (reference) => {
          if (controller.signal.aborted) return;
          if (reference === undefined && watcher.fallback === undefined && !watcher.learns) warnOfNone(model);
          adopt(model, reference);
        },
        (error: unknown) => {
          if (controller.signal.aborted) return;
          if (!watcher.failListened()) {
            logger.error(
              { model, error },
              `The reference of ${model.name}@${model.version} is unusable: ${messageOf(error)}`,
            );
          }
          adopt(model, undefined);
          watcher.fail(model, error);
        },
      )
      .catch((error: unknown) => {
        logger.error({ model, error }, `The drift monitor could not take a reference: ${messageOf(error)}`);
      });
  };

  const adopt = (model: ModelInfo, reference: Reference | undefined): void => {
    loading = undefined;
    rejectionLogged = false;
    watcher.adopt(model, reference);
  };

  const warnOfNone = (model: ModelInfo): void => {
    logger.warn(
      { model },
      `${model.name}@${model.version} brings no reference, so its inputs are not watched. Fit one with fitReference and keep it as the model's sidecar, or give it to createDriftMonitor, which can learn one too: its option learnRows.`,
    );
  };

  /** The last model that was found to be the current one: nearly always the same object, and cheaper to compare. */
  let seen: ModelInfo | undefined;
  const isCurrent = (model: ModelInfo): boolean => {
    if (model === seen) return true;
    if (current !== undefined && keyOf(model) !== current) return false;
    seen = model;
    return true;
  };

  const whyNot = (model: ModelInfo): keyof SkippedRows | undefined => {
    if (!isCurrent(model)) return 'otherModel';
    return loading === undefined ? undefined : 'loading';
  };

  const onBatch = ({ model, rows, inputs }: BatchEndEvent): void => {
    const reason = whyNot(model);
    if (reason !== undefined) {
      watcher.skip(reason, rows);
      return;
    }
    try {
      watcher.observe(inputs, rows, batchAxis);
    } catch (error) {
      watcher.skip('rejected', rows);
      // Once for each reference: a caller that sends such batches sends many.
      if (rejectionLogged) return;
      rejectionLogged = true;
      logger.error({ model, error }, `The drift monitor cannot observe a batch: ${messageOf(error)}`);
    }
  };

  const removers = [
    runner.events.on('batch-end', onBatch),
    runner.events.on('model-ready', ({ model, loaded }) => follow(model, loaded)),
    runner.events.on('model-swap', ({ to, loaded }) => follow(to, loaded)),
  ];
  if (runner.loaded !== undefined) follow(runner.model, runner.loaded);
  else if (watcher.fallback !== undefined) watcher.adopt(runner.model, undefined);

  return closeable(() => {
    loading?.abort();
    for (const remove of removers) remove();
  });
}

async function readReference(
  loaded: LoadedModel,
  signature: ModelSignature,
  signal: AbortSignal,
): Promise<Reference | undefined> {
  const bytes = await loaded.sidecar('reference', { signal });
  if (bytes === undefined) return undefined;
  const reference = parseReference(bytes);
  for (const { name, dtype } of reference.inputs) {
    const spec = signature.inputs.find((input) => input.name === name);
    if (spec?.dtype === dtype) continue;
    const expected = signature.inputs.map((input) => `${input.name} (${input.dtype})`).join(', ');
    const given = `${name} (${dtype})`;
    throw new FairleadError(
      'SIGNATURE_MISMATCH',
      `reference.inputs: the model takes ${expected}, but its reference describes ${given}. Fit the reference on the model's own inputs.`,
      { details: { field: 'reference.inputs', expected, given } },
    );
  }
  return reference;
}

function keyOf({ digest, version }: ModelInfo): string {
  return `${digest} ${version}`;
}
