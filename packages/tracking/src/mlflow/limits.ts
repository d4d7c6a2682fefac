import { FairleadError } from '@fairlead/core';
import { checkAlias, invalidArgument } from '../names';

/*
 * What an MLflow server does not keep as it is given. It takes most of this silently, cut or changed, so it is refused
 * before anything is sent.
 */

/** The most of one request that logs. */
export const batchLimits = { metrics: 1000, params: 100, tags: 100, all: 1000, bytes: 1_000_000 } as const;

/** Longest texts, in characters. */
export const lengths = {
  key: 250,
  param: 6000,
  tag: 8000,
  experimentName: 500,
  experimentTag: 20_000,
  modelTag: 100_000,
  datasetName: 500,
  datasetDigest: 36,
  datasetSource: 65_535,
  datasetSchema: 1_048_575,
  datasetProfile: 16_777_215,
  inputTagKey: 255,
  inputTag: 500,
} as const;

/** @throws FairleadError `INVALID_ARGUMENT` for no text, `LIMIT_EXCEEDED` for one that the server would cut or refuse */
export function checkText(field: string, text: unknown, most: number, hint = ''): asserts text is string {
  if (typeof text !== 'string') throw invalidArgument(field, 'a string', text);
  // The server counts code points, which are never more than these.
  if (text.length <= most || [...text].length <= most) return;
  throw new FairleadError(
    'LIMIT_EXCEEDED',
    `"${field}" has ${text.length} characters, and MLflow keeps ${most} at most.${hint && ` ${hint}`}`,
    { details: { field, expected: `at most ${most} characters`, given: `${text.length} characters` } },
  );
}

/** @throws FairleadError `INVALID_ARGUMENT`, `LIMIT_EXCEEDED` */
export function checkEntityKey(field: string, key: unknown): asserts key is string {
  checkText(field, key, lengths.key);
  if (!/^[/\p{L}\p{M}\p{N}_.\- :]+$/u.test(key)) {
    throw invalidArgument(field, 'made of letters, digits, spaces and the characters / _ . - :', key);
  }
  if (key.split('/').some((part) => part === '' || part === '.' || part === '..')) {
    throw invalidArgument(field, 'free of empty, "." and ".." parts between slashes', key);
  }
}

/** The server makes 0 of what is not whole. @throws FairleadError `INVALID_ARGUMENT` */
export function checkWhole(field: string, value: unknown, least = Number.MIN_SAFE_INTEGER): asserts value is number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return;
  throw invalidArgument(field, least === 0 ? 'whole milliseconds since 1970' : 'a whole number', value);
}

/** How many are asked for at once. @throws FairleadError `INVALID_ARGUMENT` */
export function checkPageSize(value: number, most: number): void {
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw invalidArgument('maxResults', `a whole number, 1 to ${most}`, value);
  }
}

/** @throws FairleadError `INVALID_ARGUMENT` */
export function checkId(field: string, id: unknown): asserts id is string {
  if (typeof id !== 'string' || !/^[A-Za-z0-9][\w-]{0,255}$/.test(id))
    throw invalidArgument(field, 'an id as MLflow gave it', id);
}

/** @throws FairleadError `INVALID_ARGUMENT` */
export function checkRegisteredName(name: unknown): asserts name is string {
  if (typeof name !== 'string' || name.trim() === '' || /[/:]/.test(name) || name === '.' || name.startsWith('..')) {
    throw invalidArgument('model name', 'a text with no "/" and no ":"', name);
  }
}

/** A tag of a registered model or of a version. @throws FairleadError `INVALID_ARGUMENT`, `LIMIT_EXCEEDED` */
export function checkModelTag(key: string, value: unknown): void {
  checkText('tag name', key, lengths.key);
  if (key === '') throw invalidArgument('tag name', '1 to 250 characters', key);
  checkText(`tags.${key}`, value, lengths.modelTag);
}

/** `latest` and `v1`, `v2`, … are reserved. @throws FairleadError `INVALID_ARGUMENT` */
export const checkModelAlias: (alias: unknown) => asserts alias is string = checkAlias;
