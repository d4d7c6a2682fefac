import { type CallOptions, FairleadError, type LoadedModel, type SidecarName } from '@fairlead/core';
import { digestOf } from './digest';
import { fetchBytes } from './fetch-bytes';
import { type ModelUrl, parseModelUrl, siblingUrl } from './model-url';

/** Where a model's URL is resolved, and how much may come from there. */
export interface ResolveOptions extends CallOptions {
  /** What a relative reference is relative to. */
  readonly base: string | undefined;
  /** Bytes. */
  readonly maxBytes: number;
}

/** Where sidecars of `digits.onnx` lie: beside it, the first of these that exists. */
const sidecarEndings: Readonly<Record<SidecarName, readonly string[]>> = {
  reference: ['.reference.json'],
  golden: ['.golden.json'],
  card: ['.card.md', '.md'],
};
/** A sidecar is a page of JSON or prose. */
const maxSidecarBytes = 64 * 2 ** 20;

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

async function fetchSidecar(
  model: ModelUrl,
  name: SidecarName,
  options: CallOptions = {},
): Promise<Uint8Array | undefined> {
  for (const ending of sidecarEndings[name]) {
    const href = siblingUrl(model, ending);
    const bytes = href === undefined ? undefined : await fetchIfThere(href, name, options);
    if (bytes !== undefined) return bytes;
  }
  return undefined;
}

async function fetchIfThere(href: string, name: SidecarName, options: CallOptions): Promise<Uint8Array | undefined> {
  const { shown } = parseModelUrl(href, undefined);
  const limitAdvice = `No ${name} should be.`;
  try {
    const bytes = await fetchBytes({ href, shown }, { ...options, maxBytes: maxSidecarBytes, limitAdvice });
    // Single-page hosts answer with their page for every path that does not exist.
    return wordFor(bytes) === 'an HTML page' ? undefined : bytes;
  } catch (error) {
    if (FairleadError.isInstance(error, 'MODEL_NOT_FOUND') && saysNothingIsThere(error)) return undefined;
    throw error;
  }
}

/**
 * Many hosts leave their CORS header out of a 404, and the page is then told of no answer at all; from another origin,
 * which a moment ago sent the model, that too says that nothing lies there.
 */
function saysNothingIsThere({ details }: FairleadError): boolean {
  return details.status !== undefined || details.crossOrigin === true;
}

/** No ONNX model begins with these characters: as the tag of a protobuf field they are not allowed. */
function checkIsBinary(bytes: Uint8Array, url: ModelUrl): void {
  const given = bytes.length === 0 ? 'an empty file' : wordFor(bytes);
  if (given === undefined) return;
  const advice =
    given === 'an HTML page'
      ? 'The host answers unknown paths with its page: check the path, and that the file is deployed'
      : given === 'a Git LFS pointer'
        ? 'Fetch the file itself with `git lfs pull` before you deploy'
        : 'Check what the server sends';
  throw new FairleadError('MODEL_INVALID', `${url.shown} is ${given} in place of an ONNX model. ${advice}.`, {
    details: { field: 'model', expected: 'an ONNX model', given, url: url.shown },
  });
}

function wordFor(bytes: Uint8Array): string | undefined {
  const start = new TextDecoder().decode(bytes.subarray(0, 256)).trimStart();
  if (start.startsWith('<')) return 'an HTML page';
  if (start.startsWith('{')) return 'a JSON text';
  if (start.startsWith('version https://git-lfs')) return 'a Git LFS pointer';
  return undefined;
}
