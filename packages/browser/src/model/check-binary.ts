import { FairleadError } from '@fairlead/core';
import type { ModelUrl } from './model-url';

/**
 * Refuses what hosts send in place of a model. No ONNX model begins with such characters: as the tag of a protobuf field
 * they are not allowed.
 *
 * @param bytes the whole file, or its first 256 bytes
 * @throws FairleadError `MODEL_INVALID`
 */
export function checkIsBinary(bytes: Uint8Array, url: Pick<ModelUrl, 'shown'>): void {
  const given = bytes.length === 0 ? 'an empty file' : wordFor(bytes);
  if (given !== undefined) throw stranger(given, 'an ONNX model', url);
}

/**
 * The error of something that a host sent in place of a file.
 * @param given what it is, in the words of {@link wordFor}
 */
export function stranger(given: string, expected: string, url: Pick<ModelUrl, 'shown'>): FairleadError {
  const advice =
    given === 'an HTML page'
      ? 'The host answers unknown paths with its page: check the path, and that the file is deployed'
      : given === 'a Git LFS pointer'
        ? 'Fetch the file itself with `git lfs pull` before you deploy'
        : 'Check what the server sends';
  return new FairleadError('MODEL_INVALID', `${url.shown} is ${given} in place of ${expected}. ${advice}.`, {
    details: { field: 'model', expected, given, url: url.shown },
  });
}

/** What a file is by its first characters, where it is none of ours. */
export function wordFor(bytes: Uint8Array): string | undefined {
  const start = new TextDecoder().decode(bytes.subarray(0, 256)).trimStart();
  if (start.startsWith('<')) return 'an HTML page';
  if (start.startsWith('{')) return 'a JSON text';
  if (start.startsWith('version https://git-lfs')) return 'a Git LFS pointer';
  return undefined;
}
