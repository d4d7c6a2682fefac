import { describeValue } from '../config';
import { FairleadError } from '../errors';
import { invalidInput } from '../runner/door';
import type { RunOptions } from '../runner/runner';
import type { Tensors } from '../tensor/tensor';
import type { Entity, KeyValue } from './feature-store';
import { type EntitySource, isRequestKey } from './options';
import { checkEntity } from './values';

/** Longest text of a join key, in UTF-16 code units: keys go into messages, caches and the keys of a database. */
const longestKey = 1024;

/**
 * The entity of each row of a request.
 * @throws FairleadError `INVALID_INPUT` for a join key that is empty or too long, `INVALID_ARGUMENT` for a request without
 * a key where it is asked for, or a function that makes no entities
 */
export function entitiesFrom(
  source: EntitySource,
  inputs: Tensors,
  rows: number,
  options: RunOptions,
): readonly Entity[] {
  if (typeof source === 'function') return checkMade(source({ inputs, rows, options }), rows);
  if (isRequestKey(source)) {
    const { key } = options;
    const expected = `a key of the request, which is its "${source.requestKey}", of 1 to ${longestKey} characters`;
    if (typeof key !== 'string' || key === '' || key.length > longestKey) {
      const given = describeValue(key);
      throw new FairleadError('INVALID_ARGUMENT', `key: expected ${expected}, given ${given}.`, {
        details: { field: 'key', expected, given },
      });
    }
    return new Array<Entity>(rows).fill({ [source.requestKey]: key });
  }
  const names = Object.keys(source);
  const columns = names.map((name) => inputs[name]?.data as unknown as ArrayLike<KeyValue>);
  return Array.from({ length: rows }, (_, row) => {
    const entity: Record<string, KeyValue> = {};
    for (const [index, name] of names.entries()) {
      const value = columns[index]?.[row] as KeyValue;
      if (typeof value === 'string' && (value === '' || value.length > longestKey)) {
        const given = value === '' ? 'none' : `${value.length} characters`;
        throw invalidInput(`${name}[${row}]`, `a join key of 1 to ${longestKey} characters`, given);
      }
      entity[name] = value;
    }
    return entity;
  });
}

function checkMade(entities: unknown, rows: number): readonly Entity[] {
  if (!Array.isArray(entities) || entities.length !== rows) {
    const expected = `an array of ${rows} entities, one for each row`;
    const given = Array.isArray(entities) ? `${entities.length} entities` : describeValue(entities);
    throw new FairleadError('INVALID_ARGUMENT', `The function "entity": expected ${expected}, given ${given}.`, {
      details: { field: 'entity', expected, given },
    });
  }
  for (const entity of entities) checkEntity(entity, 'The function "entity"');
  return entities;
}
