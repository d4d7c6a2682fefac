import { describeValue, FairleadError } from '@fairlead/core';
import {
  describeEntity,
  type Entity,
  type FeatureRow,
  isFeatureValue,
  type StoredFeature,
} from '@fairlead/core/features';

/* What travels between us and Feast's feature server: columns of join keys there, columns of features back. */

/**
 * Join keys as columns, in JSON: `{"driver_id":[1001,1002]}`.
 * @throws FairleadError `INVALID_ARGUMENT` where entities have different ones
 */
export function columnarEntities(entities: readonly Entity[]): string {
  const names = Object.keys(entities[0] ?? {});
  for (const entity of entities) {
    if (Object.keys(entity).length === names.length && names.every((name) => Object.hasOwn(entity, name))) continue;
    const expected = `the join keys ${names.join(', ')} in every entity of a request`;
    const given = describeEntity(entity);
    throw new FairleadError('INVALID_ARGUMENT', `feastFeatureStore: expected ${expected}, given ${given}.`, {
      details: { field: 'entity', expected, given },
    });
  }
  const columns = names.map((name) => {
    const values = entities.map((entity) => {
      const value = entity[name];
      // Digits and all: JSON of Python reads whole numbers of any size.
      return typeof value === 'bigint' ? String(value) : JSON.stringify(value);
    });
    return `${JSON.stringify(name)}:[${values.join(',')}]`;
  });
  return `{${columns.join(',')}}`;
}

interface Column {
  readonly values: readonly unknown[];
  readonly statuses: readonly unknown[];
  readonly event_timestamps: readonly unknown[];
}

/**
 * Reads the server's answer: columns, in an order of its own.
 * @throws FairleadError `PROTOCOL_ERROR`
 */
export function parseAnswer(text: string, features: readonly string[], rows: number): FeatureRow[] {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    throw protocolError('the answer', 'JSON', text);
  }
  const { metadata, results } = (answer ?? {}) as { metadata?: { feature_names?: unknown }; results?: unknown };
  const names = metadata?.feature_names;
  if (!Array.isArray(names)) throw protocolError('metadata.feature_names', 'an array of names', names);
  if (!Array.isArray(results) || results.length !== names.length) {
    throw protocolError(
      'results',
      `${names.length} columns`,
      Array.isArray(results) ? `${results.length} columns` : results,
    );
  }
  const columns = features.map((feature): Column => {
    const index = names.indexOf(feature.replace(':', '__'));
    if (index === -1) throw protocolError('metadata.feature_names', `the feature "${feature}"`, names);
    return checkColumn(results[index], `results[${index}]`, rows);
  });
  return Array.from({ length: rows }, (_, row) => columns.map((column) => featureAt(column, row)));
}

function checkColumn(column: unknown, field: string, rows: number): Column {
  for (const part of ['values', 'statuses', 'event_timestamps'] as const) {
    const list = (column as Partial<Column> | undefined)?.[part];
    if (Array.isArray(list) && list.length === rows) continue;
    throw protocolError(`${field}.${part}`, `${rows} elements`, Array.isArray(list) ? `${list.length} elements` : list);
  }
  return column as Column;
}

/** Feast says `PRESENT` of a value past its view's time to live too, and gives none. */
function featureAt({ values, statuses, event_timestamps }: Column, row: number): StoredFeature | undefined {
  const value = values[row];
  if (statuses[row] !== 'PRESENT' || !isFeatureValue(value)) return undefined;
  const atEpochMs = Date.parse(String(event_timestamps[row]));
  // 1970 stands for no time at all, as with features that are computed when they are asked for.
  return atEpochMs > 0 ? { value, atEpochMs } : { value };
}

function protocolError(field: string, expected: string, value: unknown): FairleadError {
  const given = describeValue(value);
  return new FairleadError('PROTOCOL_ERROR', `Feast's answer, ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
