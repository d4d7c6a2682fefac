import type { LoadedModel } from '@fairlead/core';
import { isJson, modelEntry, packTar } from '@fairlead/core/tfjs';
import { stranger, wordFor } from '../model/check-binary';
import { digestOf } from '../model/digest';
import { fetchBytes } from '../model/fetch-bytes';
import { fetchSidecar } from '../model/fetch-sidecar';
import { decoded, type ModelUrl, parseModelUrl } from '../model/model-url';
import type { ResolveOptions } from '../model/resolve-model';
import { fetchWeights } from './fetch-weights';

/**
 * Fetches a model from a model.json with its weights beside it, or from a tar archive of them. `bytes` are the archive,
 * so that one digest covers the weights as well: model.json first, then the weights in the order in which it names them.
 *
 * @throws FairleadError `MODEL_NOT_FOUND`, `MODEL_INVALID` when something else came in its place or a weights file is not
 * whole, `REMOTE_FAILED`, `LIMIT_EXCEEDED`, `ABORTED`
 */
export async function resolveTfjsModel(reference: string, options: ResolveOptions): Promise<LoadedModel> {
  const url = parseModelUrl(reference, options.base);
  const file = await fetchBytes(url, {
    ...options,
    limitAdvice: 'Raise maxModelBytes if it should be, or serve a smaller variant.',
  });
  const given = file.byteLength === 0 ? 'an empty file' : wordFor(file);
  if (given !== undefined && !isJson(file)) throw stranger(given, 'a TensorFlow.js model', url);
  const bytes = isJson(file)
    ? packTar([{ path: modelEntry, bytes: file }, ...(await fetchWeights(url, file, options))])
    : file;
  const digest = await digestOf(bytes);
  return {
    bytes,
    digest,
    name: nameOf(url),
    version: digest.slice(0, 12),
    sidecar: (name, call) => fetchSidecar(url, name, call),
  };
}

/** `model.json`, which most are called, takes the name of its folder. */
function nameOf({ href, name }: ModelUrl): string {
  const parts = new URL(href).pathname.split('/');
  const folder = parts.at(-2);
  return parts.at(-1) === modelEntry && folder !== undefined && folder !== '' ? decoded(folder) : name;
}
