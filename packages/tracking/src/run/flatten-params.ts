import { FairleadError, type StandardSchema } from '@fairlead/core';
import { toText } from '../embedded/event-codec';
import { invalidArgument } from '../names';
import type { ParamValue } from '../store/stored-run';

const maxDepth = 10;

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** What is kept of a value that is no plain object; `undefined` when it cannot be kept. */
function leafOf(value: unknown): ParamValue | undefined {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
      return value;
    case 'bigint':
      return String(value);
    default:
  }
  if (value === null) return 'null';
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString();
  return Array.isArray(value) && isJson(value, 0) ? toText(value) : undefined;
}

/** Whether an array says the same after a turn through JSON; numbers that JSON lacks are written all the same. */
function isJson(value: unknown, depth: number): boolean {
  if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) return true;
  if (depth > maxDepth) return false;
  if (Array.isArray(value)) return value.every((item) => isJson(item, depth + 1));
  return isPlainObject(value) && Object.values(value).every((item) => isJson(item, depth + 1));
}

/**
 * Parameters of nested objects by dotted names: `{ optimizer: { lr: 0.1 } }` becomes `{ 'optimizer.lr': 0.1 }`. Arrays
 * become JSON, dates ISO texts, bigints decimal texts, `null` the text "null"; `undefined` is left out.
 *
 * @throws FairleadError `INVALID_ARGUMENT` for anything else, and where two names fall together
 */
export function flattenParams(params: unknown): Readonly<Record<string, ParamValue>> {
  if (!isPlainObject(params)) throw invalidArgument('params', 'an object of values by name', params);
  const flat = new Map<string, ParamValue>();
  const add = (record: Readonly<Record<string, unknown>>, prefix: string, depth: number): void => {
    for (const [key, value] of Object.entries(record)) {
      const name = prefix + key;
      if (value === undefined) continue;
      if (isPlainObject(value)) {
        if (depth === maxDepth) throw invalidArgument(`params.${name}`, `at most ${maxDepth} objects deep`, value);
        add(value, `${name}.`, depth + 1);
        continue;
      }
      const leaf = leafOf(value);
      if (leaf === undefined) {
        throw invalidArgument(`params.${name}`, 'a text, number, boolean, date, or an array or object of these', value);
      }
      if (flat.has(name)) throw invalidArgument(`params.${name}`, 'a name that no other falls together with', value);
      flat.set(name, leaf);
    }
  };
  add(params, '', 1);
  return Object.fromEntries(flat);
}

/**
 * Checks parameters by a schema and answers what it makes of them.
 * @throws FairleadError `INVALID_ARGUMENT` that names the first parameter that does not pass
 */
export async function parseParams<Output>(schema: StandardSchema<unknown, Output>, params: unknown): Promise<Output> {
  const result = await schema['~standard'].validate(params);
  if (result.issues === undefined) return result.value;
  const [issue] = result.issues;
  const path = (issue?.path ?? []).map((step) => String(typeof step === 'object' ? step.key : step));
  const field = ['params', ...path].join('.');
  const expected = issue?.message ?? 'a value that passes the schema';
  throw new FairleadError('INVALID_ARGUMENT', `"${field}" does not pass the schema of the run: ${expected}.`, {
    details: { field, expected, issues: result.issues.length },
  });
}
