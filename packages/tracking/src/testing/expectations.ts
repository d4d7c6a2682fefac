import { type ErrorCode, FairleadError } from '@fairlead/core';

/*
 * What a case of the suite says: a sentence that names what was expected and what was found. No test runner is needed, so
 * the cases run wherever a store does.
 */

/** Fails where something does not hold. */
export function expectThat(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`Expected that ${what}.`);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

function listOf(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value;
  return ArrayBuffer.isView(value) ? Array.from(value as unknown as ArrayLike<number>) : undefined;
}

/** A value in words, told apart from every other: NaN, the infinities and the sign of zero among them. */
function shown(value: unknown): string {
  if (Object.is(value, -0)) return '-0';
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'string' ? cut(JSON.stringify(value)) : String(value);
  }
  const list = listOf(value);
  if (list !== undefined) return list.length > 20 ? `a list of ${list.length}` : `[${list.map(shown).join(', ')}]`;
  const entries = Object.entries(value).map(([key, item]) => `${key}: ${shown(item)}`);
  return cut(`{ ${entries.join(', ')} }`);
}

function cut(text: string): string {
  return text.length > 300 ? `${text.slice(0, 300)}… (${text.length} characters)` : text;
}

/** Where two values differ first, in words; `undefined` where they do not. */
function differenceOf(given: unknown, expected: unknown, path: string, partial: boolean): string | undefined {
  const wanted = listOf(expected);
  if (wanted !== undefined) {
    const found = listOf(given);
    if (found === undefined) return `${path} to be a list, but found ${shown(given)}`;
    if (found.length !== wanted.length) {
      return `${path} to have ${wanted.length} elements (${shown(expected)}), but found ${found.length}: ${shown(given)}`;
    }
    for (let at = 0; at < wanted.length; at++) {
      const difference = differenceOf(found[at], wanted[at], `${path}[${at}]`, partial);
      if (difference !== undefined) return difference;
    }
    return undefined;
  }
  if (!isRecord(expected)) {
    return Object.is(given, expected) ? undefined : `${path} to be ${shown(expected)}, but found ${shown(given)}`;
  }
  if (!isRecord(given)) return `${path} to be ${shown(expected)}, but found ${shown(given)}`;
  const keys = new Set([...Object.keys(expected), ...(partial ? [] : Object.keys(given))]);
  for (const key of keys) {
    // A field that is undefined is one that is absent. That of a live thing may lie in its class.
    const found = Object.hasOwn(given, key) || (partial && key in given) ? given[key] : undefined;
    const wantedValue = Object.hasOwn(expected, key) ? expected[key] : undefined;
    const difference = differenceOf(found, wantedValue, `${path}.${key}`, partial);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

/** Fails where a value is not another one, in every field; NaN is NaN, and -0 is not 0. */
export function expectEqual(what: string, given: unknown, expected: unknown): void {
  const difference = differenceOf(given, expected, what, false);
  if (difference !== undefined) throw new Error(`Expected ${difference}.`);
}

/** Fails where a value has not the fields of another one; it may have more. */
export function expectFields(what: string, given: unknown, expected: unknown): void {
  const difference = differenceOf(given, expected, what, true);
  if (difference !== undefined) throw new Error(`Expected ${difference}.`);
}

/** The same, whatever the order of the elements. */
export function expectSameElements(what: string, given: readonly unknown[], expected: readonly unknown[]): void {
  const sorted = (list: readonly unknown[]): string[] => list.map(shown).sort();
  expectEqual(`${what}, in any order,`, sorted(given), sorted(expected));
}

/** Fails where a call does not fail with a `FairleadError` of a code, and answers that error. */
export async function expectCode(what: string, code: ErrorCode, call: () => unknown): Promise<FairleadError> {
  let given: unknown;
  try {
    given = await call();
  } catch (error) {
    expectThat(
      FairleadError.isInstance(error),
      `${what} fails with a FairleadError of code ${code}, not ${shown(error)}: ${String(error)}`,
    );
    const { code: found, message } = error;
    expectThat(found === code, `${what} fails with code ${code}, not ${found}: ${message}`);
    return error;
  }
  throw new Error(`Expected that ${what} fails with code ${code}, but it succeeded with ${shown(given)}.`);
}
