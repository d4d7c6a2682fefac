import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type CallOptions,
  FairleadError,
  type LoadedModel,
  messageOf,
  type SidecarName,
  throwIfAborted,
} from '@fairlead/core';
import { digestOf } from './digest';

/** Most bytes of what travels with a model. */
const maxSidecarBytes = 256 * 2 ** 20;

/** Where sidecars of `digits.onnx` lie: beside it, the first of these that exists. */
const sidecarEndings: Readonly<Record<SidecarName, readonly string[]>> = {
  reference: ['.reference.json'],
  golden: ['.golden.json'],
  card: ['.card.md', '.md'],
};

/**
 * The absolute path that a reference means: a path relative to the working directory, an absolute one, or a `file:` URL.
 * @throws FairleadError `MODEL_NOT_FOUND` for any other URL
 */
export function pathOf(reference: string): string {
  if (reference.startsWith('file:')) {
    try {
      return fileURLToPath(reference);
    } catch (cause) {
      throw notFound(`"${reference}" is no file URL that names a path here: ${messageOf(cause)}`, reference, cause);
    }
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(reference)) {
    throw notFound(`"${reference}" is no file. Give a path or a file: URL; fetch the model first`, reference);
  }
  return resolve(reference);
}

/** How much of a model may be read, and what ends it early. */
export type ReadOptions = CallOptions & { readonly maxBytes: number };

/**
 * Reads a model that is one file. Its name is the file's without `.onnx` or `.tar`; its version is the first 12 digits of
 * its SHA-256, so that equal bytes have equal versions whatever the file is called.
 *
 * @param reference path or `file:` URL
 * @throws FairleadError `MODEL_NOT_FOUND` that names the absolute path, `LIMIT_EXCEEDED`, `ABORTED`
 */
export async function readModelFile(reference: string, options: ReadOptions): Promise<LoadedModel> {
  const { path, bytes } = await readFirstFile(reference, options);
  return loadedModelOf(bytes, join(dirname(path), basename(path).replace(/\.(onnx|tar)$/i, '')));
}

/**
 * Reads the file that a reference to a model names.
 *
 * @param reference path or `file:` URL
 * @returns its bytes and its absolute path
 * @throws FairleadError `MODEL_NOT_FOUND` that names the absolute path, `LIMIT_EXCEEDED`, `ABORTED`
 */
export async function readFirstFile(
  reference: string,
  options: ReadOptions,
): Promise<{ readonly path: string; readonly bytes: Uint8Array }> {
  const path = pathOf(reference);
  const bytes = await readBounded(path, 'model', options.maxBytes, options.signal);
  if (bytes === undefined) throw notFound(`There is no model at ${path}${hintFor(reference)}`, path);
  return { path, bytes };
}

/**
 * A model of its bytes, with what travels with it.
 *
 * @param stem path of the model without its ending; sidecars have it
 * @param name what it is called, where that is not the last part of the stem
 */
export async function loadedModelOf(
  bytes: Uint8Array,
  stem: string,
  name = basename(stem),
  signal?: AbortSignal,
): Promise<LoadedModel> {
  const digest = await digestOf(bytes, signal);
  return { bytes, digest, name, version: digest.slice(0, 12), sidecar: sidecarsBeside(stem) };
}

/**
 * Reads what lies beside a model and has its name: `digits.reference.json`, `digits.golden.json`, `digits.card.md`.
 * @param stem path of the model without its ending
 */
function sidecarsBeside(stem: string): LoadedModel['sidecar'] {
  return async (name, call = {}) => {
    for (const ending of sidecarEndings[name]) {
      const found = await readBounded(`${stem}${ending}`, 'sidecar', maxSidecarBytes, call.signal);
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

/**
 * The bytes of a file; undefined when there is none. Its size is checked before anything is allocated.
 * @param kind how messages name it
 * @throws FairleadError `MODEL_NOT_FOUND` for what is no file or cannot be read, `LIMIT_EXCEEDED`, `ABORTED`
 */
export async function readBounded(
  path: string,
  kind: string,
  maxBytes: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  throwIfAborted(signal, `Reading ${path}`);
  try {
    const facts = await stat(path);
    if (facts.isDirectory()) throw notFound(`${path} is a folder. Name the file in it`, path);
    // A pipe or a device would never end.
    if (!facts.isFile()) throw notFound(`${path} is no regular file`, path);
    if (facts.size > maxBytes) throw tooBig(path, kind, facts.size, maxBytes);
    const buffer = await readFile(path, signal === undefined ? {} : { signal });
    // It may have grown since.
    if (buffer.byteLength > maxBytes) throw tooBig(path, kind, buffer.byteLength, maxBytes);
    return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  } catch (error) {
    throwIfAborted(signal, `Reading ${path}`);
    if (FairleadError.isInstance(error)) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw notFound(`${path} cannot be read: ${messageOf(error)}`, path, error);
  }
}

function hintFor(reference: string): string {
  const relative = resolve(reference) !== reference && !reference.startsWith('file:');
  return relative ? ` ("${reference}" was looked for from the working directory ${process.cwd()})` : '';
}

/** The error of a file that is not there or cannot be read. */
export function notFound(message: string, given: string, cause?: unknown): FairleadError {
  return new FairleadError('MODEL_NOT_FOUND', `${message}.`, {
    details: { field: 'model', expected: 'a readable file', given },
    ...(cause === undefined ? {} : { cause }),
  });
}

function tooBig(path: string, kind: string, given: number, maxBytes: number): FairleadError {
  const expected = `at most ${maxBytes} bytes`;
  return new FairleadError('LIMIT_EXCEEDED', `The ${kind} ${path} has ${given} bytes; allowed are ${maxBytes}.`, {
    details: { field: kind, expected, given: `${given} bytes` },
  });
}
