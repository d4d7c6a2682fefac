import * as z from 'zod/mini';
import { parseOptions } from '../config';
import { FairleadError } from '../errors';
import { checkFamily } from './check-family';
import { namesOf } from './names';
import type { RegistrySnapshot } from './snapshot';

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
      name: z.string(),
      type: z.enum(['counter', 'gauge', 'histogram', 'gaugehistogram', 'summary', 'info', 'stateset']),
      help: z.string(),
      unit: z.string(),
      labels: z.array(z.string()),
      aggregation: z.optional(z.enum(['sum', 'max', 'min', 'last', 'by-process'])),
      buckets: z.optional(z.array(z.number())),
      quantiles: z.optional(z.array(z.number())),
      states: z.optional(z.array(z.string())),
      series: z.array(series),
    }),
  ),
});

const advice = 'Pass what `snapshot()` answered, unchanged.';

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
  const owners = new Map<string, string>();
  for (const [index, family] of snapshot.families.entries()) {
    checkFamily(family, owner, advice, `families.${index}.`);
    for (const name of namesOf(family.type, family.name)) {
      const holder = owners.get(name);
      if (holder !== undefined) throw taken(owner, `families.${index}.name`, name, holder);
      owners.set(name, family.name);
    }
  }
  return snapshot;
}

function taken(owner: string, field: string, given: string, holder: string): FairleadError {
  const expected = 'families whose names do not clash';
  return new FairleadError(
    'INVALID_ARGUMENT',
    `${owner}: "${field}" is wrong: expected ${expected}, given "${given}", which ${holder} of the same snapshot has. ${advice}`,
    { details: { field, expected, given } },
  );
}
