import { FairleadError } from '@fairlead/core';

/** A reference as an absolute URL, and how to speak of it. */
export interface ModelUrl {
  readonly href: string;
  /** Without query, fragment and password, since signed URLs carry secrets there. */
  readonly shown: string;
  /** File name without the ending of a model: `digits` for `…/digits.onnx?x=1`. */
  readonly name: string;
}

/** How the files of models end: ONNX, and the model.json or archive of TensorFlow.js. */
const modelEnding = /\.(onnx|json|tar)$/i;

const protocols = ['https:', 'http:', 'blob:', 'data:'];

/**
 * Resolves a reference against the page.
 * @throws FairleadError `MODEL_NOT_FOUND` for what is no URL that a page can fetch
 */
export function parseModelUrl(reference: string, base: string | undefined): ModelUrl {
  let url: URL;
  try {
    url = new URL(reference, base);
  } catch {
    const hint = base === undefined ? 'there is no page that it could be relative to' : 'it is no URL';
    throw notFound(reference, `${hint}. Give an absolute URL such as https://example.com/digits.onnx`);
  }
  if (!protocols.includes(url.protocol)) {
    throw notFound(shownUrl(url), `a page cannot fetch ${url.protocol} URLs. Serve the file over HTTP`);
  }
  const file = url.protocol === 'data:' || url.protocol === 'blob:' ? '' : (url.pathname.split('/').at(-1) ?? '');
  return { href: url.href, shown: shownUrl(url), name: decoded(file).replace(modelEnding, '') || 'model' };
}

/** The URL of a file that lies beside the model: `…/digits.golden.json` for `…/digits.onnx`, with the same query. */
export function siblingUrl({ href }: ModelUrl, ending: string): string | undefined {
  const url = new URL(href);
  if (url.protocol === 'data:' || url.protocol === 'blob:') return undefined;
  url.pathname = url.pathname.replace(modelEnding, '') + ending;
  return url.href;
}

function shownUrl(url: URL): string {
  if (url.protocol === 'data:') return 'data:…';
  return url.protocol === 'blob:' ? url.href : `${url.origin}${url.pathname}`;
}

/** A part of a path as people write it. */
export function decoded(file: string): string {
  try {
    return decodeURIComponent(file);
  } catch {
    return file;
  }
}

function notFound(given: string, why: string): FairleadError {
  return new FairleadError('MODEL_NOT_FOUND', `The model "${given}" cannot be fetched: ${why}.`, {
    details: { field: 'model', expected: 'a URL', given },
  });
}
