import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import * as mini from 'zod/mini';
import { createQualityMonitor } from './quality-monitor';
import type { FieldSchema } from './schema';
import { parseSchema, serializeSchema } from './schema-format';
import { schemaFromZod } from './schema-from-zod';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
/** What TypeScript makes of an enum of numbers. */
const Level = { low: 1, high: 2, 1: 'low', 2: 'high' } as const;
const finite = { minimum: -Number.MAX_VALUE, maximum: Number.MAX_VALUE };

describe('schemaFromZod', () => {
  it.each<[string, z.ZodType, Omit<FieldSchema, 'name'>]>([
    ['number', z.number(), { type: 'number', ...finite }],
    ['min and max', z.number().min(1).max(5), { type: 'number', minimum: 1, maximum: 5 }],
    ['the tighter of two', z.number().min(1).min(2).max(5).max(9), { type: 'number', minimum: 2, maximum: 5 }],
    ['gt and lt', z.number().gt(0).lt(1), { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 }],
    ['int', z.int().min(0), { type: 'number', integer: true, minimum: 0, maximum: Number.MAX_SAFE_INTEGER }],
    ['int32', z.int32(), { type: 'number', integer: true, minimum: -(2 ** 31), maximum: 2 ** 31 - 1 }],
    ['bigint', z.bigint().min(3n), { type: 'number', integer: true, minimum: 3 }],
    ['string', z.string(), { type: 'string' }],
    ['lengths', z.string().min(2).max(5), { type: 'string', minimumLength: 2, maximumLength: 5 }],
    ['a length', z.string().length(3), { type: 'string', minimumLength: 3, maximumLength: 3 }],
    ['boolean', z.boolean(), { type: 'boolean' }],
    ['date', z.date().min(new Date(5)), { type: 'date', minimum: 5 }],
    ['enum', z.enum(['a', 'b']), { type: 'string', categories: ['a', 'b'] }],
    ['an enum of TypeScript', z.enum(Level), { type: 'number', categories: [1, 2] }],
    ['literal', z.literal(7), { type: 'number', categories: [7] }],
    ['literals', z.literal(['x', null]), { type: 'string', categories: ['x'], tolerances: { missing: 1 } }],
    [
      'a union of literals',
      z.union([z.literal('a'), z.literal(1), z.null()]),
      { type: 'any', categories: ['a', 1], tolerances: { missing: 1 } },
    ],
    [
      'optional',
      z.number().min(0).max(1).optional(),
      { type: 'number', minimum: 0, maximum: 1, tolerances: { missing: 1 } },
    ],
    ['nullable', z.boolean().nullable(), { type: 'boolean', tolerances: { missing: 1 } }],
    ['default', z.boolean().default(true), { type: 'boolean', tolerances: { missing: 1 } }],
    ['nonoptional', z.nonoptional(z.boolean().optional()), { type: 'boolean' }],
    ['readonly and brand', z.boolean().readonly().brand('b'), { type: 'boolean' }],
    ['unknown', z.unknown(), { type: 'any', tolerances: { missing: 1 } }],
  ])('translates %s', (_what, type, field) => {
    const { schema, rules, validated } = schemaFromZod(z.object({ x: type }));
    expect(schema).toEqual({ rows: 0, fields: [{ name: 'x', ...field }] });
    expect(rules).toEqual([]);
    expect(validated).toEqual([]);
    expect(parseSchema(serializeSchema(schema))).toEqual(schema);
  });

  it('reads a schema of the small zod alike', () => {
    const object = mini.strictObject({ x: mini.optional(mini.int().check(mini.minimum(1), mini.maximum(9))) });
    expect(schemaFromZod(object).schema).toEqual({
      rows: 0,
      additionalFields: false,
      fields: [{ name: 'x', type: 'number', integer: true, minimum: 1, maximum: 9, tolerances: { missing: 1 } }],
    });
  });

  it('makes patterns of regex and formats', () => {
    const { rules } = schemaFromZod(
      z.object({ code: z.string().regex(/^a/).regex(/z$/), mail: z.email(), start: z.string().startsWith('x') }),
    );
    expect(rules.map(({ rule, name }) => [rule, name])).toEqual([
      ['pattern', 'pattern'],
      ['pattern', 'pattern-2'],
      ['pattern', 'email'],
      ['pattern', 'starts_with'],
    ]);
  });

  it.each<[string, z.ZodType, unknown, unknown]>([
    ['a refinement', z.number().refine((value) => value % 2 === 0), 2, 3],
    ['a step', z.number().multipleOf(0.5), 1.5, 1.6],
    ['a transformation', z.string().transform((text) => text.length), 'a', 7],
    ['a conversion', z.coerce.number().min(3), '5', '2'],
    ['a list', z.array(z.number()), [1, 2], ['a']],
    ['an object within', z.object({ a: z.number() }), { a: 1 }, { a: 'b' }],
    ['a union of types', z.union([z.number(), z.string().max(2)]), 'ab', 'abc'],
    ['a URL', z.url(), 'https://example.org', 'example'],
    [
      'an optional refinement',
      z
        .number()
        .refine((value) => value > 0)
        .optional(),
      undefined,
      -1,
    ],
  ])('lets zod validate %s, or refuses it by name', (_what, type, right, wrong) => {
    const object = z.object({ x: type });
    const { schema, rules, validated } = schemaFromZod(object);
    expect(validated).toMatchObject([{ field: 'x' }]);
    const monitor = createQualityMonitor({ schema, rules, logger: silent, maxCpuShare: 1 });
    monitor.observeRecord({ x: right });
    expect(monitor.state).toBe('ok');
    monitor.observeRecord({ x: wrong });
    expect(monitor.report().checks[0]).toMatchObject({ rule: 'zod', feature: 'x', violations: 1, tested: 2 });
    expect(() => schemaFromZod(object, { untranslated: 'refuse' })).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED', details: expect.objectContaining({ field: 'x' }) }),
    );
  });

  it('counts a refinement of the object on rows whose fields are valid, and types its rows', () => {
    const trip = z
      .object({ start: z.number(), end: z.number(), note: z.string().optional() })
      .refine(({ start, end }) => end >= start);
    const { schema, rules } = schemaFromZod(trip);
    const monitor = createQualityMonitor<z.infer<typeof trip>>({ schema, rules, logger: silent, maxCpuShare: 1 });
    monitor.observeRecord({ start: 1, end: 2 });
    monitor.observeRecord({ start: 2, end: 1 });
    monitor.observeRecord({ start: 2, end: 'late' as never });
    const counts = monitor.snapshot().checks.filter(({ violations }) => violations > 0);
    expect(counts).toMatchObject([
      { rule: 'type', feature: 'end', violations: 1 },
      { rule: 'zod', feature: 'start,end,note', violations: 1 },
    ]);
    expect(() => schemaFromZod(trip, { untranslated: 'refuse' })).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED' }),
    );
  });

  it('agrees with zod on what is right, for values of every kind', () => {
    const object = z.object({
      x: z.number().min(0).max(10),
      y: z.enum(['a', 'b']).nullable(),
      z: z.int().optional(),
      w: z
        .string()
        .min(1)
        .regex(/^[a-c]+$/),
    });
    const { schema, rules } = schemaFromZod(object);
    const values = {
      x: [5, -1, 11, '5', null, Number.POSITIVE_INFINITY],
      y: ['a', 'c', null, 1],
      z: [3, 3.5, undefined, '3'],
      w: ['abc', '', 'd', 7],
    };
    for (const x of values.x)
      for (const y of values.y)
        for (const whole of values.z)
          for (const w of values.w) {
            const row = { x, y, z: whole, w };
            const monitor = createQualityMonitor({ schema, rules: rules as never, logger: silent, maxCpuShare: 1 });
            monitor.observeRecord(row);
            expect([JSON.stringify(row), monitor.state]).toEqual([
              JSON.stringify(row),
              object.safeParse(row).success ? 'ok' : 'failed',
            ]);
          }
  });

  it.each<[string, unknown, string]>([
    ['what is no schema', {}, 'INVALID_ARGUMENT'],
    ['nothing', undefined, 'INVALID_ARGUMENT'],
    ['a schema of no object', z.string(), 'INVALID_ARGUMENT'],
    ['an object without fields', z.object({}), 'INVALID_ARGUMENT'],
    ['a field that nothing fits', z.object({ x: z.never() }), 'UNSUPPORTED'],
    ['a promise', z.object({ x: z.promise(z.number()) }), 'UNSUPPORTED'],
  ])('refuses %s', (_what, given, code) => {
    expect(() => schemaFromZod(given as never)).toThrow(expect.objectContaining({ code }));
  });

  it('refuses an option that is wrong', () => {
    expect(() => schemaFromZod(z.object({ x: z.number() }), { untranslated: 'skip' as never })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
  });

  it('counts an asynchronous refinement as a test that fails, since no row can wait for it', () => {
    const { schema, rules } = schemaFromZod(z.object({ x: z.number().refine(async () => true) }));
    const monitor = createQualityMonitor({ schema, rules, logger: silent, maxCpuShare: 1 });
    monitor.observeRecord({ x: 1 });
    expect(monitor.snapshot()).toMatchObject({ testErrors: 1, state: 'ok' });
  });
});
