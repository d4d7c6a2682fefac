import { FairleadError, messageOf } from '../../errors';
import type { Logger } from '../../logger';
import type { BatchEndEvent, ModelInfo, ModelRunner } from '../../runner/runner';
import type { Tensor } from '../../tensor/tensor';
import type { SkippedEmbeddings } from './embedding-report';

/** Which tensor of a runner is watched: one of its inputs, or one of its outputs. */
export type EmbeddingPlace = { readonly input: string } | { readonly output: string };

/** What watching a runner does to an embedding monitor. */
export interface EmbeddingWatcher {
  /** Rows went by that are not observed. */
  skip(reason: keyof SkippedEmbeddings, rows: number): void;
  /** Observes a batch. */
  observe(tensor: Tensor, batchAxis: number): void;
}

/** A connection to a runner. */
export interface WatchedEmbeddings {
  /** The model that the reference belongs to, or for an input, the one that the runner has. */
  readonly model: ModelInfo;
  /** The reference belongs to the runner's present model from now on. */
  adopt(): void;
  stop(): void;
}

/**
 * Feeds an embedding monitor from a runner's events, until stopped.
 * @throws FairleadError `INVALID_ARGUMENT` when there is no such input or output
 */
export function watchEmbeddings(
  runner: ModelRunner,
  place: EmbeddingPlace,
  logger: Logger,
  watcher: EmbeddingWatcher,
): WatchedEmbeddings {
  const { side, name } = findPlace(runner, place);
  const batchAxis = runner.signature.batchAxis ?? 0;
  let model = runner.model;
  let current = keyOf(model);
  let otherLogged = false;
  let rejectionLogged = false;

  const onBatch = (batch: BatchEndEvent): void => {
    if (side === 'outputs' && keyOf(batch.model) !== current) {
      watcher.skip('otherModel', batch.rows);
      if (otherLogged) return;
      otherLogged = true;
      logger.warn(
        { model: batch.model },
        `The embeddings of ${batch.model.name}@${batch.model.version} are not watched: the reference belongs to ${model.name}@${model.version}. Give the monitor another with useReference.`,
      );
      return;
    }
    if (side === 'inputs') model = batch.model;
    try {
      watcher.observe(batch[side][name] as Tensor, batchAxis);
    } catch (error) {
      watcher.skip('rejected', batch.rows);
      // Once for each reference: a caller that sends such batches sends many.
      if (rejectionLogged) return;
      rejectionLogged = true;
      logger.error({ model: batch.model, error }, `The embedding monitor cannot observe a batch: ${messageOf(error)}`);
    }
  };

  return {
    get model() {
      return model;
    },
    adopt() {
      model = runner.model;
      current = keyOf(model);
      otherLogged = false;
      rejectionLogged = false;
    },
    stop: runner.events.on('batch-end', onBatch),
  };
}

function findPlace(
  runner: ModelRunner,
  place: EmbeddingPlace,
): { readonly side: 'inputs' | 'outputs'; readonly name: string } {
  const { input, output } = (place ?? {}) as { readonly input?: unknown; readonly output?: unknown };
  if ((input === undefined) === (output === undefined)) {
    throw wrongPlace('place', '{ input: name } or { output: name }', input === undefined ? 'neither' : 'both');
  }
  const side = input === undefined ? 'outputs' : 'inputs';
  const name = input ?? output;
  const names = runner.signature[side].map((spec) => spec.name);
  if (typeof name === 'string' && names.includes(name)) return { side, name };
  throw wrongPlace(`place.${side.slice(0, -1)}`, `one of ${names.join(', ')}`, String(name));
}

function keyOf({ digest, version }: ModelInfo): string {
  return `${digest} ${version}`;
}

function wrongPlace(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_ARGUMENT', `${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
