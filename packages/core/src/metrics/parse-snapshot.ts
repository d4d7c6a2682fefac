import * as z from 'zod/mini';
import { parseOptions } from '../config';
import { FairleadError } from '../errors';
import type { FamilySnapshot, RegistrySnapshot } from './snapshot';

const number = z.union([z.number(), z.enum(['NaN', '+Inf', '-Inf'])]);
const amount = z.number().check(z.minimum(0));
const exemplar = z.object({ labels: z.record(z.string(), z.string()), value: z.number(), timestamp: z.number() });

const series = z.object({
  labels: z.array(z.string()),
  created: z.optional(z.number()),
  value: z.optional(number),
  setAt: z.optional(z.number()),
  exemplar: z.optional(exemplar),
  counts: z.optional(z.array(amount)),
  exemplars: z.optional(z.array(z.nullable(exemplar))),
  sum: z.optional(number),
  count: z.optional(amount),
  bins: z.optional(z.array(amount)),
  quantileValues: z.optional(z.array(number)),
  state: z.optional(z.string()),
});

const schema = z.object({
  version: z.literal(1),
  families: z.array(
    z.object({
      name: z.string().check(z.regex(/^[a-zA-Z_:][a-zA-Z0-9_:]*$/, 'a legal name')),
      type: z.enum(['counter', 'gauge', 'histogram', 'gaugehistogram', 'summary', 'info', 'stateset']),
      help: z.string(),
      unit: z.string(),
      labels: z.array(z.string().check(z.regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, 'a legal name'))),
      aggregation: z.optional(z.enum(['sum', 'max', 'min', 'last', 'by-process'])),
      buckets: z.optional(z.array(z.number())),
      quantiles: z.optional(z.array(z.number())),
      states: z.optional(z.array(z.string())),
      series: z.array(series),
    }),
  ),
});

/** What a series of a type must bring, beside its labels. */
function isComplete(family: FamilySnapshot, values: FamilySnapshot['series'][number]): boolean {
  if (values.labels.length !== family.labels.length) return false;
  switch (family.type) {
    case 'counter':
    case 'gauge':
      return values.value !== undefined;
    case 'histogram':
    case 'gaugehistogram':
      return values.sum !== undefined && values.counts?.length === (family.buckets?.length ?? 0) + 1;
    case 'summary':
      return values.sum !== undefined && values.count !== undefined && (values.bins?.length ?? 0) % 2 === 0;
    case 'stateset':
      return values.state !== undefined && family.states?.includes(values.state) === true;
    case 'info':
      return true;
  }
}

/**
 * Checks a snapshot that came from elsewhere, such as from JSON.
 * @param owner who reads it, for the message
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function parseSnapshot(value: unknown, owner: string): RegistrySnapshot {
  let snapshot: RegistrySnapshot;
  try {
    // zod answers `undefined` for an absent optional field only where it was given so: JSON has none.
    snapshot = parseOptions(schema, value, owner) as RegistrySnapshot;
  } catch (error) {
    if (!FairleadError.isInstance(error)) throw error;
    const message = error.message.replace('option', 'field of the snapshot');
    throw new FairleadError('INVALID_ARGUMENT', message, { details: error.details });
  }
  for (const [index, family] of snapshot.families.entries()) {
    const wrong = family.series.findIndex((values) => !isComplete(family, values));
    if (wrong < 0) continue;
    const field = `families.${index}.series.${wrong}`;
    const expected = `the values of a ${family.type} with ${family.labels.length} labels`;
    throw new FairleadError(
      'INVALID_ARGUMENT',
      `${owner}: "${field}" of ${family.name} is wrong: expected ${expected}. Pass what \`snapshot()\` answered, unchanged.`,
      { details: { field, expected } },
    );
  }
  return snapshot;
}
