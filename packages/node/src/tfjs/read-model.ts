import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FairleadError, type LoadedModel, throwIfAborted } from '@fairlead/core';
import { type ArchivedFile, checkWeightSizes, isJson, modelEntry, packTar, parseModelJson } from '@fairlead/core/tfjs';
import { loadedModelOf, notFound, type ReadOptions, readBounded, readFirstFile } from '../models/model-file';

/**
 * Reads a model from a model.json with its weights beside it, or from a tar archive of them. `bytes` are the archive, so
 * that one digest covers the weights as well: model.json first, then the weights in the order in which it names them.
 *
 * Its name is the file's without its ending; `model.json`, which most are called, takes the name of its folder. Its
 * version is the first 12 digits of the digest.
 *
 * @param reference path or `file:` URL
 * @throws FairleadError `MODEL_NOT_FOUND`, `MODEL_INVALID`, `LIMIT_EXCEEDED`, `ABORTED`
 */
export async function readTfjsModel(reference: string, options: ReadOptions): Promise<LoadedModel> {
  const { path, bytes } = await readFirstFile(reference, options);
  const stem = join(dirname(path), basename(path).replace(/\.(json|tar)$/i, ''));
  if (!isJson(bytes)) return loadedModelOf(bytes, stem);
  const folder = basename(dirname(path));
  const name = basename(path) === modelEntry && folder !== '' ? folder : basename(stem);
  return loadedModelOf(packTar(await readWithWeights(path, bytes, options)), stem, name);
}

async function readWithWeights(path: string, bytes: Uint8Array, options: ReadOptions): Promise<ArchivedFile[]> {
  const model = parseModelJson(bytes, path);
  const files = model.groups.flatMap(({ paths }) => paths).map((name) => ({ name, file: join(dirname(path), name) }));
  const sizes = new Map<string, number>();
  for (const { name, file } of files) sizes.set(name, await sizeOf(file, path));
  throwIfAborted(options.signal, `Reading ${path}`);
  const total = [...sizes.values()].reduce((sum, size) => sum + size, bytes.byteLength);
  if (total > options.maxBytes) throw tooBig(path, total, options.maxBytes);
  checkWeightSizes(model, (name) => sizes.get(name) as number, path);
  const archived: ArchivedFile[] = [{ path: modelEntry, bytes }];
  for (const { name, file } of files) {
    const weights = await readBounded(file, 'weights file', sizes.get(name) as number, options.signal);
    if (weights === undefined) throw missing(file, path);
    archived.push({ path: name, bytes: weights });
  }
  return archived;
}

async function sizeOf(file: string, model: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (cause) {
    throw missing(file, model, cause);
  }
}

function missing(file: string, model: string, cause?: unknown): FairleadError {
  return notFound(`The weights file ${file}, which ${model} names, cannot be read`, file, cause);
}

function tooBig(path: string, given: number, maxBytes: number): FairleadError {
  return new FairleadError(
    'LIMIT_EXCEEDED',
    `The model ${path} has ${given} bytes with its weights; allowed are ${maxBytes}.`,
    { details: { field: 'model', expected: `at most ${maxBytes} bytes`, given: `${given} bytes` } },
  );
}
