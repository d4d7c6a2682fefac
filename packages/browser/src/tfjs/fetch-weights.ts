import { FairleadError } from '@fairlead/core';
import {
  type ArchivedFile,
  bytesNeeded,
  checkWeightSizes,
  invalidModel,
  type ModelJson,
  parseModelJson,
  type WeightGroup,
} from '@fairlead/core/tfjs';
import { stranger, wordFor } from '../model/check-binary';
import { fetchBytes } from '../model/fetch-bytes';
import { type Target, tooLarge } from '../model/fetch-failures';
import { type ModelUrl, parseModelUrl } from '../model/model-url';
import type { ResolveOptions } from '../model/resolve-model';

/**
 * Fetches the weights that a model.json names, all at once; the browser does as many at a time as it sees fit. How large
 * they may be is known from model.json, and checked before anything of them is fetched.
 *
 * @throws FairleadError `MODEL_NOT_FOUND`, `MODEL_INVALID`, `REMOTE_FAILED`, `LIMIT_EXCEEDED`, `ABORTED`
 */
export async function fetchWeights(
  url: ModelUrl,
  json: Uint8Array,
  options: ResolveOptions,
): Promise<readonly ArchivedFile[]> {
  const model = parseModelJson(json, url.shown);
  const left = options.maxBytes - json.byteLength;
  const limit = { maxBytes: options.maxBytes, limitAdvice: 'Raise maxModelBytes, or serve a smaller variant.' };
  const needed = model.groups.reduce((sum, { specs }) => sum + (bytesNeeded(specs) ?? 0), 0);
  if (needed > left) throw tooLarge(withItsWeights(url), limit, `${needed + json.byteLength} bytes`);
  // When one fails, nobody waits for the others any more.
  const failed = new AbortController();
  const signal = AbortSignal.any([failed.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  const fetches = model.groups.flatMap((group) =>
    group.paths.map(async (path) => ({ path, bytes: await fetchFile(path, group, url, { ...options, signal }, left) })),
  );
  try {
    const files = await Promise.all(fetches);
    const total = files.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
    if (total > left) throw tooLarge(withItsWeights(url), limit, `${total + json.byteLength} bytes`);
    checkSizes(model, files, url);
    return files;
  } catch (error) {
    failed.abort();
    throw error;
  }
}

async function fetchFile(
  path: string,
  { specs }: WeightGroup,
  model: ModelUrl,
  options: ResolveOptions,
  left: number,
): Promise<Uint8Array> {
  const url = parseModelUrl(urlOf(path, model), undefined);
  const needed = bytesNeeded(specs);
  const maxBytes = Math.min(needed ?? left, left);
  const limitAdvice = `It is a weights file of ${model.shown}, whose model.json says that it needs no more. The files are damaged or belong to another model.`;
  try {
    return await fetchBytes(url, { ...options, maxBytes, limitAdvice });
  } catch (cause) {
    if (!FairleadError.isInstance(cause)) throw cause;
    if (cause.code === 'LIMIT_EXCEEDED' && needed !== undefined) {
      throw new FairleadError('MODEL_INVALID', cause.message, { cause, details: cause.details });
    }
    if (cause.code !== 'MODEL_NOT_FOUND') throw cause;
    throw new FairleadError(
      'MODEL_NOT_FOUND',
      `${cause.message} It is a weights file that ${model.shown} names: deploy it beside it.`,
      { cause, details: cause.details },
    );
  }
}

/** Beside model.json, with its query, since a signed URL may sign the whole folder. */
function urlOf(path: string, { href, shown }: ModelUrl): string {
  const base = new URL(href);
  if (base.protocol === 'data:' || base.protocol === 'blob:') {
    throw invalidModel(
      shown,
      `its weights lie in files of their own, of which ${base.protocol} URLs know nothing; give a tar archive of the folder`,
    );
  }
  const url = new URL(path.split('/').map(encodeURIComponent).join('/'), base);
  url.search = base.search;
  return url.href;
}

function checkSizes(model: ModelJson, files: readonly ArchivedFile[], url: ModelUrl): void {
  const sizes = new Map(files.map(({ path, bytes }) => [path, bytes.byteLength]));
  try {
    checkWeightSizes(model, (path) => sizes.get(path) ?? 0, url.shown);
  } catch (error) {
    // Single-page hosts answer with their page for every path that does not exist. A size that fits is no page.
    const page = files.find(({ bytes }) => wordFor(bytes) === 'an HTML page');
    if (page === undefined) throw error;
    throw stranger('an HTML page', 'a weights file', parseModelUrl(urlOf(page.path, url), undefined));
  }
}

function withItsWeights({ href, shown }: ModelUrl): Target {
  return { href, shown: `${shown} with its weights` };
}
