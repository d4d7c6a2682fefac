import type { CallOptions, LoadedModel } from '@fairlead/core';
import { checkIsBinary } from './check-binary';
import { digestOf } from './digest';
import { fetchBytes } from './fetch-bytes';
import { fetchSidecar } from './fetch-sidecar';
import { parseModelUrl } from './model-url';

/** Where a model's URL is resolved, and how much may come from there. */
export interface ResolveOptions extends CallOptions {
  /** What a relative reference is relative to. */
  readonly base: string | undefined;
  /** Bytes. */
  readonly maxBytes: number;
}

/**
 * Fetches the model that a URL names. Its name is the file's, its version the beginning of its digest.
 *
 * @throws FairleadError `MODEL_NOT_FOUND`, `MODEL_INVALID` when something else came in its place, `REMOTE_FAILED`,
 * `LIMIT_EXCEEDED`, `ABORTED`
 */
export async function resolveModel(reference: string, options: ResolveOptions): Promise<LoadedModel> {
  const url = parseModelUrl(reference, options.base);
  const bytes = await fetchBytes(url, {
    ...options,
    limitAdvice: 'Raise maxModelBytes if it should be, or serve a smaller variant.',
  });
  checkIsBinary(bytes, url);
  const digest = await digestOf(bytes);
  return {
    bytes,
    digest,
    name: url.name,
    version: digest.slice(0, 12),
    sidecar: (name, call) => fetchSidecar(url, name, call),
  };
}
