import { describeValue, FairleadError } from '@fairlead/core';

/** The error for an argument that cannot be used: says which, what would do, and what was given. */
export function invalidArgument(field: string, expected: string, given: unknown, hint = ''): FairleadError {
  const shown = describeValue(given);
  return new FairleadError('INVALID_ARGUMENT', `"${field}" must be ${expected}; given ${shown}.${hint && ` ${hint}`}`, {
    details: { field, expected, given: shown },
  });
}

/** What MLflow takes as well, so that runs can move there: letters and digits of any script, and / _ . - space : */
const keyPattern = /^[/\p{L}\p{N}_.\- :]+$/u;
const maxKeyLength = 250;

/** What a key names. */
export type KeyKind = 'metric' | 'param' | 'tag';

/**
 * Checks the name of a metric, parameter or tag.
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function checkKey(kind: KeyKind, key: string): void {
  if (key.length === 0 || key.length > maxKeyLength) {
    throw invalidArgument(`${kind} name`, `1 to ${maxKeyLength} characters long`, key);
  }
  if (!keyPattern.test(key)) {
    throw invalidArgument(`${kind} name`, 'made of letters, digits, spaces and the characters / _ . - :', key);
  }
  if (key.split('/').some((part) => part === '' || part === '.' || part === '..')) {
    throw invalidArgument(`${kind} name`, 'free of empty, "." and ".." parts between slashes', key);
  }
}

/** Whether a string has characters that no name should have: controls, and halves of surrogate pairs. */
function hasControl(text: string): boolean {
  return /[\p{Cc}\p{Cs}]/u.test(text);
}

/**
 * Checks a name for people: of an experiment or a run.
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function checkTitle(field: string, title: string): void {
  if (title.trim() === '' || title.length > 500 || hasControl(title)) {
    throw invalidArgument(field, '1 to 500 characters with no control characters', title);
  }
}

/**
 * Checks the name of an artifact: a relative path with forward slashes.
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function checkArtifactName(name: unknown): asserts name is string {
  const plain = typeof name === 'string' && name.length > 0 && name.length <= 500;
  if (!plain || hasControl(name) || /[\\:]/.test(name) || name.split('/').some((part) => /^\.{0,2}$/.test(part))) {
    throw invalidArgument('artifact name', 'a relative path such as "model/digits.onnx"', name);
  }
}

/**
 * Checks the name of a registered model. `/`, `@` and `:` have a meaning in references, so they are not allowed.
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function checkModelName(name: unknown): asserts name is string {
  if (
    typeof name !== 'string' ||
    name.length > 100 ||
    !/^[\p{L}\p{N}_]([\p{L}\p{N}_.\- ]*[\p{L}\p{N}_])?$/u.test(name)
  ) {
    throw invalidArgument('model name', 'up to 100 letters, digits, inner spaces and the characters _ . -', name);
  }
}

/**
 * Checks the name of an alias. `latest` and `v1`, `v2`, … are reserved, as in MLflow.
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function checkAlias(alias: unknown): asserts alias is string {
  if (typeof alias !== 'string' || !/^[\w-]{1,255}$/.test(alias)) {
    throw invalidArgument('alias', '1 to 255 of the characters A-Z a-z 0-9 _ -', alias);
  }
  if (/^(latest|v\d+)$/i.test(alias)) {
    throw invalidArgument('alias', 'no reserved word', alias, '"latest" and "v" with a number are reserved.');
  }
}

/**
 * Checks the number of a version.
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function checkVersion(version: unknown): asserts version is string {
  if (typeof version !== 'string' || !/^[1-9]\d{0,14}$/.test(version)) {
    throw invalidArgument('version', "a version number as a string, such as '1'", version);
  }
}

/** Whether a string is a SHA-256 in lower-case hex. */
export function isDigest(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/** Some of the names that exist, for messages. */
export function listNames(names: readonly string[], none: string): string {
  if (names.length === 0) return none;
  const shown = names.slice(0, 10).map((name) => `"${name}"`);
  return names.length > 10 ? `${shown.join(', ')} and ${names.length - 10} more` : shown.join(', ');
}
