import fc from 'fast-check';
import type { DatasetInput, StoredRun } from '../store/stored-run';
import { operatorsOf } from './operators';
import type { FilterNode, FilterOperator, OrderTerm, RunField } from './query';
import { fieldTypeOf } from './run-field';

/** The moment at which tests ask. */
export const now = 1_800_000_000_000;

/** A run with whatever matters to a test. */
export function makeRun(
  given: Partial<StoredRun> & { readonly values?: Readonly<Record<string, number>> } = {},
): StoredRun {
  const { values = {}, ...rest } = given;
  const metrics = Object.fromEntries(
    Object.entries(values).map(([key, last]) => [
      key,
      { count: 1, last, step: 0, timestamp: now, min: last, max: last },
    ]),
  );
  return {
    id: '0'.repeat(32),
    experiment: 'default',
    name: 'run',
    startedAt: now - 1000,
    leaseUntil: now + 1000,
    params: {},
    tags: {},
    metrics,
    artifacts: [],
    inputs: [],
    uses: [],
    damage: [],
    ...rest,
  };
}

// Few names and values, so that what is asked for is often there.
const keys = ['loss', 'val/acc', 'top-5 é', 'in', 'a.b', '__proto__', '`'];
const numbers = [0, -0, 1, -1.5, 0.1, 1e-5, 1e21, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
const texts = [
  '',
  'a',
  'A',
  'ab',
  "it's",
  '"',
  '1',
  '1.0',
  '0.1',
  'NaN',
  'inf',
  'true',
  'True',
  '%',
  '_',
  'a\\',
  '😀',
  '\'"`',
  'x\ny',
];
const statuses = ['RUNNING', 'KILLED', 'FINISHED', 'FAILED', 'INTERRUPTED'] as const;
const moments = [0, now - 5000, now - 1000, now];

const number = fc.oneof(fc.constantFrom(...numbers), fc.double());
const text = fc.oneof(fc.constantFrom(...texts), fc.string({ unit: 'binary', maxLength: 8 }));
const key = fc.constantFrom(...keys);
const mixed = fc.oneof(text, number, fc.boolean());

const dataset: fc.Arbitrary<DatasetInput> = fc.record(
  { name: text, digest: text, context: fc.constantFrom('training', 'validation') },
  { requiredKeys: ['name', 'digest'] },
);

/** Any run; ids differ mostly. */
export const anyRun: fc.Arbitrary<StoredRun> = fc
  .record({
    id: fc.stringMatching(/^[0-9a-f]{32}$/),
    experiment: text,
    name: text,
    startedAt: fc.constantFrom(...moments),
    leaseUntil: fc.constantFrom(now - 1, now + 1),
    end: fc.option(
      fc.record({
        status: fc.constantFrom(...statuses.slice(1)) as fc.Arbitrary<'FINISHED'>,
        at: fc.constantFrom(...moments),
      }),
    ),
    parent: fc.option(text),
    params: fc.dictionary(key, mixed),
    tags: fc.dictionary(key, text),
    values: fc.dictionary(key, number),
    inputs: fc.array(dataset, { maxLength: 2 }),
    deletedAt: fc.option(fc.constant(now)),
  })
  .map(({ end, parent, deletedAt, ...rest }) =>
    makeRun({
      ...rest,
      ...(end === null ? {} : { end }),
      ...(parent === null ? {} : { parent }),
      ...(deletedAt === null ? {} : { deletedAt }),
    }),
  );

/** A field that runs can be sorted by. */
const sortableField: fc.Arbitrary<RunField> = fc.oneof(
  fc.record({ scope: fc.constantFrom('metric' as const, 'param' as const, 'tag' as const), key }),
  fc.record({
    scope: fc.constant('attribute' as const),
    key: fc.constantFrom('id', 'name', 'experiment', 'status', 'start_time', 'end_time', 'parent'),
  }),
);

const anyField: fc.Arbitrary<RunField> = fc.oneof(
  sortableField,
  fc.record({ scope: fc.constant('dataset' as const), key: fc.constantFrom('name', 'digest', 'context') }),
);

function valueFor(
  field: RunField,
  operator: FilterOperator,
): fc.Arbitrary<string | number | boolean | (string | number)[]> {
  if (operator.endsWith('LIKE')) return fc.oneof(text, fc.stringMatching(/^[%_aA1.]{0,6}$/));
  const isStatus = field.scope === 'attribute' && field.key === 'status';
  const byType = {
    number,
    time: fc.constantFrom(...moments),
    text: isStatus ? fc.constantFrom(...statuses) : text,
    mixed: operator.endsWith('IN') ? fc.oneof(text, number) : mixed,
  } satisfies Record<string, fc.Arbitrary<string | number | boolean>>;
  const single: fc.Arbitrary<string | number | boolean> = byType[fieldTypeOf(field)];
  if (!operator.endsWith('IN')) return single;
  return fc.array(single as fc.Arbitrary<string | number>, { minLength: 1, maxLength: 4 });
}

const comparison: fc.Arbitrary<FilterNode> = anyField.chain((field) =>
  fc.constantFrom(...operatorsOf(field)).chain((operator): fc.Arbitrary<FilterNode> => {
    const node = { kind: 'compare', field, operator } as const;
    if (operator.startsWith('IS')) return fc.constant(node);
    return valueFor(field, operator).map((value) => ({ ...node, value }));
  }),
);

/** Any filter, as a user may build it: an `and` may hold an `and`, or one term. */
export const anyFilter: fc.Arbitrary<FilterNode> = fc.letrec<{ node: FilterNode }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    { arbitrary: comparison, weight: 3 },
    {
      arbitrary: fc.record({
        kind: fc.constantFrom('and' as const, 'or' as const),
        terms: fc.array(tie('node'), { minLength: 1, maxLength: 4 }),
      }),
      weight: 2,
    },
    { arbitrary: fc.record({ kind: fc.constant('not' as const), term: tie('node') }), weight: 1 },
  ),
})).node;

/** A filter of comparisons that all have to hold. */
export const anyConjunction: fc.Arbitrary<FilterNode> = fc
  .array(comparison, { minLength: 1, maxLength: 4 })
  .map((terms) => ({ kind: 'and', terms }));

/** Any order. */
export const anyOrder: fc.Arbitrary<OrderTerm[]> = fc.array(
  fc.record({ field: sortableField, direction: fc.constantFrom('asc' as const, 'desc' as const) }),
  { maxLength: 3 },
);
