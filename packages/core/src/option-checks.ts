import { describeValue } from './config';
import { FairleadError } from './errors';

/*
 * The checks of options in root entries. Those are what every user downloads and starts, and a schema library would be
 * a third of their bytes and most of their start-up time. Entries that are imported for their own sake use `parseOptions`.
 */

/** Says what would have been right when a value is wrong; `undefined` when it is right. */
export type OptionCheck = (value: unknown, field: string) => string | undefined;

/** A whole number from `minimum` to `maximum`. */
export function wholeNumber(minimum: number, maximum = Number.MAX_SAFE_INTEGER): OptionCheck {
  const range = maximum === Number.MAX_SAFE_INTEGER ? `${minimum} or more` : `${minimum} to ${maximum}`;
  return test(
    (value) => Number.isInteger(value) && (value as number) >= minimum && (value as number) <= maximum,
    `a whole number, ${range}`,
  );
}

/** Anything that passes a test. */
export function test(passes: (value: unknown) => boolean, expected: string): OptionCheck {
  return (value) => (passes(value) ? undefined : expected);
}

/** `true` or `false`. */
export const trueOrFalse: OptionCheck = test((value) => typeof value === 'boolean', 'true or false');

/** An object that has these methods. */
export function objectWith(expected: string, ...methods: readonly string[]): OptionCheck {
  return test(
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      methods.every((method) => typeof (value as Record<string, unknown>)[method] === 'function'),
    expected,
  );
}

/**
 * Checks an object of options. A key without a check is refused, and so is a required one that is missing.
 *
 * @param owner the factory's name, for the message
 * @param prefix the field that holds these options, for the message; empty for the options themselves
 * @throws FairleadError `INVALID_OPTION` that names the field, the expected and the given
 */
export function checkOptions(
  owner: string,
  options: unknown,
  checks: Readonly<Record<string, OptionCheck>>,
  required: readonly string[] = [],
  prefix = '',
): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw optionError(owner, prefix === '' ? 'options' : prefix.slice(0, -1), 'an object', options);
  }
  const given = options as Readonly<Record<string, unknown>>;
  for (const key of new Set([...required, ...Object.keys(given)])) {
    const value = given[key];
    const check = Object.hasOwn(checks, key) ? checks[key] : undefined;
    if (check === undefined) throw optionError(owner, prefix + key, 'no such option', value);
    if (value === undefined && !required.includes(key)) continue;
    const expected = check(value, prefix + key);
    if (expected !== undefined) throw optionError(owner, prefix + key, expected, value);
  }
}

/** The error for an option that is wrong: `INVALID_OPTION`, which names the field, the expected and the given. */
export function optionError(owner: string, field: string, expected: string, value: unknown): FairleadError {
  const given = describeValue(value);
  return new FairleadError(
    'INVALID_OPTION',
    `${owner}: option "${field}" is wrong: expected ${expected}, given ${given}.`,
    {
      details: { field, expected, given },
    },
  );
}
