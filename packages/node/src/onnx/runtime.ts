import { FairleadError, messageOf } from '@fairlead/core';
import type * as Ort from 'onnxruntime-node';

/** The module `onnxruntime-node`. */
export type Runtime = typeof Ort;

/** What to do when the peer dependency is absent. */
export const notInstalled =
  'The package onnxruntime-node is not installed. Run `npm install onnxruntime-node`; where its download of CUDA libraries fails or is not wanted, add `--onnxruntime-node-install=skip`.';

let loading: Promise<Runtime> | undefined;

/**
 * Imports onnxruntime-node, a peer dependency, when it is first used; later calls share it. A failed import is tried
 * again by the next call.
 *
 * @param importRuntime for tests
 * @throws FairleadError `BACKEND_UNAVAILABLE` when it is not installed or its native part does not load here
 */
export function loadRuntime(
  importRuntime: () => Promise<unknown> = () => import('onnxruntime-node'),
): Promise<Runtime> {
  if (loading === undefined) {
    const attempt = importQuietly(importRuntime);
    loading = attempt;
    attempt.catch(() => {
      loading = undefined;
    });
  }
  return loading;
}

async function importQuietly(importRuntime: () => Promise<unknown>): Promise<Runtime> {
  const runtime = await importRuntime().catch((error: unknown) => {
    throw unavailable(error);
  });
  // It is a CommonJS module; which of its exports Node names depends on Node's version.
  const ort = ((runtime as { default?: Runtime }).default ?? runtime) as Runtime;
  // At its default level the runtime writes warnings about graphics cards that a machine doesn't have to stderr.
  if (ort.env.logLevel === 'warning') ort.env.logLevel = 'error';
  return ort;
}

function unavailable(cause: unknown): FairleadError {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  const message = messageOf(cause);
  const absent =
    (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') && message.includes("'onnxruntime-node'");
  const text = absent
    ? notInstalled
    : `onnxruntime-node is installed but does not load on ${process.platform}-${process.arch}: ${message}`;
  return new FairleadError('BACKEND_UNAVAILABLE', text, { cause });
}
