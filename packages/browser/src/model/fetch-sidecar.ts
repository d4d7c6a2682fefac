import { FairleadError, type SidecarName } from '@fairlead/core';
import { wordFor } from './check-binary';
import { type FetchLimits, fetchBytes } from './fetch-bytes';
import { type ModelUrl, parseModelUrl, siblingUrl } from './model-url';

/** Where sidecars of `digits.onnx` lie: beside it, the first of these that exists. */
const sidecarEndings: Readonly<Record<SidecarName, readonly string[]>> = {
  reference: ['.reference.json'],
  golden: ['.golden.json'],
  card: ['.card.md', '.md'],
};
/** A sidecar is a page of JSON or prose. */
const maxSidecarBytes = 64 * 2 ** 20;

/** What a fetch of a sidecar takes. */
type SidecarCall = Pick<FetchLimits, 'signal' | 'fetch'>;

/**
 * Fetches what lies beside a model; undefined when nothing does.
 * @throws FairleadError `MODEL_NOT_FOUND` when nobody answers, `REMOTE_FAILED`, `LIMIT_EXCEEDED`, `ABORTED`
 */
export async function fetchSidecar(
  model: ModelUrl,
  name: SidecarName,
  options: SidecarCall = {},
): Promise<Uint8Array | undefined> {
  for (const ending of sidecarEndings[name]) {
    const href = siblingUrl(model, ending);
    const bytes = href === undefined ? undefined : await fetchIfThere(href, name, options);
    if (bytes !== undefined) return bytes;
  }
  return undefined;
}

async function fetchIfThere(href: string, name: SidecarName, options: SidecarCall): Promise<Uint8Array | undefined> {
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
