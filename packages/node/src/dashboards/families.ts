import { FairleadError, parseOptions } from '@fairlead/core';
import type { FamilyDescription, Registry } from '@fairlead/core/metrics';
import * as z from 'zod/mini';

/**
 * The families that dashboards and alert rules are made for: a registry, or what its `describe()` answered, which also
 * travels as JSON from the process that serves to the one that deploys.
 */
export type DescribedFamilies = Pick<Registry, 'describe'> | readonly FamilyDescription[];

const types = ['counter', 'gauge', 'histogram', 'gaugehistogram', 'summary', 'info', 'stateset', 'unknown'] as const;

/** A family, checked. */
export interface Family {
  readonly name: string;
  readonly type: (typeof types)[number];
  readonly help: string;
  readonly unit: string;
  readonly labels: readonly string[];
  readonly states: readonly string[];
  readonly buckets: readonly number[];
}

/** All families of a source, found by their names. */
export interface Families {
  readonly all: readonly Family[];
  /** Finds a family by its full name, or one of Fairlead's by the name that it has without the registry's prefix. */
  find(name: string): Family | undefined;
  /** @throws Error when there is none: whoever asks has to know that it is there */
  get(name: string): Family;
}

const name = z.string().check(z.regex(/^[a-zA-Z_:][a-zA-Z0-9_:]*$/, 'the name of a Prometheus metric'));
const label = z.string().check(z.regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, 'the name of a Prometheus label'));

const schema = z.object({
  families: z
    .array(
      z.object({
        name,
        type: z.enum(types),
        help: z._default(z.string(), ''),
        unit: z._default(z.string(), ''),
        labels: z._default(z.array(label), []),
        states: z._default(z.array(z.string()), []),
        buckets: z._default(z.array(z.number()), []),
      }),
    )
    .check(
      z.refine(
        (all) => all.length > 0,
        'at least one family; register the metrics first, for example by instrumentRunner',
      ),
    ),
});

/** Families that every set-up has one of, whose names show which prefix the registry puts before names. */
const telltales = [
  'ml_prediction_request_success',
  'ml_server_request_success',
  'ml_drift_state',
  'ml_cache_hits',
  'ml_circuit_state',
  'ml_rollout_status',
];

/**
 * Checks what it is given and makes it searchable.
 * @param owner the factory's name, for messages
 * @throws FairleadError `INVALID_OPTION` for a description that is none or a state set without states; `ALREADY_EXISTS` for two families of one name
 */
export function readFamilies(source: DescribedFamilies, owner: string): Families {
  const described = isRegistry(source) ? source.describe() : source;
  const { families: parsed } = parseOptions(schema, { families: described }, owner);
  const all = parsed.map((family) => ({ ...family, help: family.help === '' ? family.name : family.help }));
  const byName = new Map<string, Family>();
  for (const family of all) {
    if (family.type === 'stateset' && family.states.length === 0) {
      const details = {
        field: 'families',
        expected: 'the states of each state set',
        given: `${family.name} without states`,
      };
      throw new FairleadError(
        'INVALID_OPTION',
        `${owner}: the state set "${family.name}" has no states. Give them by "states".`,
        { details },
      );
    }
    if (byName.has(family.name)) {
      throw new FairleadError(
        'ALREADY_EXISTS',
        `${owner}: two families are called "${family.name}". Give the families of one registry, each once.`,
        { details: { field: 'families', expected: 'each name once', given: family.name } },
      );
    }
    byName.set(family.name, family);
  }
  const prefix = prefixOf(all);
  const find = (wanted: string): Family | undefined => byName.get(wanted) ?? byName.get(prefix + wanted);
  return {
    all,
    find,
    get(wanted) {
      const found = find(wanted);
      if (found === undefined) throw new Error(`There is no family ${wanted}.`);
      return found;
    },
  };
}

function isRegistry(source: DescribedFamilies): source is Pick<Registry, 'describe'> {
  return typeof source === 'object' && source !== null && 'describe' in source;
}

function prefixOf(families: readonly Family[]): string {
  for (const telltale of telltales) {
    const found = families.find((family) => family.name.endsWith(telltale));
    if (found !== undefined) return found.name.slice(0, -telltale.length);
  }
  return '';
}
