import { FairleadError } from '@fairlead/core';
import { checkKey, invalidArgument } from '../names';
import { redactSecrets } from '../secrets';
import type { ParamValue, RunError } from '../store/run-store';
import type { StoreLimits } from '../store/tracking-store';

/** Characters of a text that a store keeps where it does not say otherwise. */
export const maxTextLength = 65_536;

/** Values by name, and nothing else: no array, no class of somebody's. */
export function checkRecord(field: string, record: unknown): asserts record is Readonly<Record<string, unknown>> {
  const plain = typeof record === 'object' && record !== null && !Array.isArray(record) && !ArrayBuffer.isView(record);
  if (!plain || record instanceof Map) throw invalidArgument(field, 'an object of values by name', record);
}

function checkText(field: string, text: string, most: number): void {
  if (text.length <= most) return;
  throw new FairleadError(
    'LIMIT_EXCEEDED',
    `"${field}" has ${text.length} characters, and ${most} is the most. Keep it with logArtifact().`,
    { details: { field, expected: `at most ${most} characters`, given: `${text.length} characters` } },
  );
}

/** Checks parameters. @throws FairleadError `INVALID_ARGUMENT` */
export function checkParams(params: unknown): asserts params is Readonly<Record<string, ParamValue>> {
  checkRecord('params', params);
  for (const [key, value] of Object.entries(params)) {
    checkKey('param', key);
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
      throw invalidArgument(`params.${key}`, 'a string, a number or a boolean', value);
    }
  }
}

/** Checks tags, for a store that keeps texts of a length. @throws FairleadError `INVALID_ARGUMENT`, `LIMIT_EXCEEDED` */
export function checkTags(
  tags: unknown,
  { tagLength = maxTextLength }: StoreLimits = {},
): asserts tags is Readonly<Record<string, string>> {
  checkRecord('tags', tags);
  for (const [key, value] of Object.entries(tags)) {
    checkKey('tag', key);
    if (typeof value !== 'string') throw invalidArgument(`tags.${key}`, 'a string', value);
    checkText(`tags.${key}`, value, tagLength);
  }
}

/** Splits entries so that no group has more than a quarter of a million characters. */
export function* inGroups<T extends ParamValue>(
  record: Readonly<Record<string, T>>,
): Generator<Readonly<Record<string, T>>, void, undefined> {
  let group: [string, T][] = [];
  let length = 0;
  for (const entry of Object.entries(record)) {
    const size = entry[0].length + String(entry[1]).length;
    if (group.length > 0 && length + size > 250_000) {
      yield Object.fromEntries(group);
      group = [];
      length = 0;
    }
    group.push(entry);
    length += size;
  }
  if (group.length > 0) yield Object.fromEntries(group);
}

/** What is kept of an error that ended a run. */
export function runErrorOf(error: unknown): RunError {
  const cut = (whole: string): string => {
    const text = redactSecrets(whole);
    return text.length > 4000 ? `${text.slice(0, 3997)}...` : text;
  };
  if (!(error instanceof Error)) return { name: 'Error', message: cut(String(error)) };
  const code = (error as { code?: unknown }).code;
  return {
    name: error.name,
    message: cut(error.message),
    ...(typeof code === 'string' ? { code } : {}),
  };
}
