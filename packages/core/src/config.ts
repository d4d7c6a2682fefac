import type * as z from 'zod/mini';
import { FairleadError } from './errors';

/**
 * Parses the options of a factory against an internal schema. Schemas stay internal: the public type of an option
 * object is a hand-written interface.
 *
 * @param schema a `z.strictObject`, so that an unknown key is an error instead of a silent nothing
 * @param options what the caller gave; `undefined` counts as `{}`
 * @param owner the factory's name, for the message
 * @throws FairleadError `INVALID_OPTION` that names the field, the expected and the given
 */
export function parseOptions<S extends z.ZodMiniType>(schema: S, options: unknown, owner: string): z.output<S> {
  const result = schema.safeParse(options ?? {});
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = (issue?.path ?? []).map(String);
  const unknownKeys = issue?.code === 'unrecognized_keys' ? issue.keys : [];
  const field = [...path, ...unknownKeys.slice(0, 1)].join('.') || 'options';
  const expected = unknownKeys.length > 0 ? 'no such option' : expectationOf(issue);
  const given = describeValue(valueAt(options, [...path, ...unknownKeys.slice(0, 1)]));
  throw new FairleadError(
    'INVALID_OPTION',
    `${owner}: option "${field}" is wrong: expected ${expected}, given ${given}.`,
    {
      details: { field, expected, given },
    },
  );
}

interface Issue {
  readonly code?: string | undefined;
  readonly origin?: string | undefined;
  readonly message?: string | undefined;
  readonly expected?: unknown;
  readonly minimum?: unknown;
  readonly maximum?: unknown;
  readonly inclusive?: boolean | undefined;
  readonly values?: readonly unknown[] | undefined;
}

function expectationOf(issue: unknown): string {
  const { code, origin, message, expected, minimum, maximum, inclusive, values } = (issue ?? {}) as Issue;
  if (values !== undefined) return `one of ${values.map((value) => JSON.stringify(value)).join(', ')}`;
  if (code === 'too_small') return `${inclusive === false ? 'more than' : 'at least'} ${amount(minimum, origin)}`;
  if (code === 'too_big') return `${inclusive === false ? 'less than' : 'at most'} ${amount(maximum, origin)}`;
  if (typeof expected === 'string') return article(expected);
  return message !== undefined && message !== 'Invalid input' ? message : 'another value';
}

/** A limit of a value, or of the length of a text. */
function amount(limit: unknown, origin: string | undefined): string {
  if (origin !== 'string') return String(limit);
  return `${String(limit)} ${limit === 1 ? 'character' : 'characters'}`;
}

/** Types of the library in words that its users have. */
const plainWords: Readonly<Record<string, string>> = { record: 'plain object', tuple: 'list' };

function article(type: string): string {
  const noun = plainWords[type] ?? type;
  return `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;
}

function valueAt(root: unknown, path: readonly string[]): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/** A value in a few words, for error messages; long ones are cut. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'number') return String(value);
  if (typeof (value as { then?: unknown } | null)?.then === 'function') return 'a promise: await it first';
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name}`;
  let text: string;
  try {
    text = JSON.stringify(value) ?? String(value);
  } catch {
    text = Object.prototype.toString.call(value);
  }
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
