import { describe, expect, it } from 'vitest';
import type { Clock } from '../../clock';
import { createTensor } from '../../tensor/tensor';
import { createVirtualClock } from '../../testing/virtual-clock';
import { createRandom } from '../random';
import { inferSchema } from './infer-schema';
import { createQualityMonitor } from './quality-monitor';
import type { QualityMonitorOptions } from './quality-options';
import type { QualityRule } from './rules';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** A monitor of records with one rule, in windows of 100 rows. */
function watch(rules: readonly QualityRule[], options: Partial<QualityMonitorOptions> = {}) {
  const clock = createVirtualClock();
  const changes: string[] = [];
  const monitor = createQualityMonitor({
    rules,
    windowRows: 100,
    clock,
    logger: silent,
    on: { 'check-change': ({ rule, feature, from, to }) => void changes.push(`${rule} ${feature}: ${from} → ${to}`) },
    ...options,
  });
  const observe = (...values: unknown[]): void => {
    for (const x of values) monitor.observeRecord({ x });
  };
  const check = (index = 0) => monitor.snapshot().checks[index];
  return { clock, monitor, observe, check, changes };
}

describe('rules on single values', () => {
  it.each<[string, QualityRule, unknown[], unknown[]]>([
    [
      'missing',
      { rule: 'missing', field: 'x' },
      [0, '', false, Number.POSITIVE_INFINITY],
      [null, undefined, Number.NaN, new Date(Number.NaN)],
    ],
    ['type number', { rule: 'type', field: 'x', type: 'number' }, [1, 1.5, 3n], ['1', true, new Date(1), {}, []]],
    [
      'type integer',
      { rule: 'type', field: 'x', type: 'number', integer: true },
      [1, -3, 2n],
      [1.5, Number.POSITIVE_INFINITY, '1'],
    ],
    ['type string', { rule: 'type', field: 'x', type: 'string' }, ['', 'a'], [1, true]],
    ['type boolean', { rule: 'type', field: 'x', type: 'boolean' }, [true, false], [0, 1, 'true']],
    ['type date', { rule: 'type', field: 'x', type: 'date' }, [new Date(5), 5], ['2020-01-01', true]],
    [
      'range',
      { rule: 'range', field: 'x', minimum: 0, maximum: 10 },
      [0, 5, 10, 10n, new Date(7)],
      [-1e-9, 10.1, Number.POSITIVE_INFINITY, -5n],
    ],
    ['range, exclusive', { rule: 'range', field: 'x', exclusiveMinimum: 0, exclusiveMaximum: 1 }, [0.5], [0, 1, -1]],
    ['range of both kinds', { rule: 'range', field: 'x', minimum: 0, exclusiveMinimum: -1 }, [0], [-0.5]],
    ['category', { rule: 'category', field: 'x', values: ['a', 1, true] }, ['a', 1, true, 1n], ['b', 2, false, '1']],
    ['length', { rule: 'length', field: 'x', minimum: 2, maximum: 3 }, ['ab', 'abc', 7], ['', 'a', 'abcd']],
    ['pattern', { rule: 'pattern', field: 'x', pattern: /^\d+$/ }, ['1', '12', 5], ['', 'a', '1a', '1'.repeat(10_001)]],
    ['pattern with a memory', { rule: 'pattern', field: 'x', pattern: /a/g }, ['ba', 'ba', 'ba'], ['b']],
    ['value', { rule: 'value', name: 'even', field: 'x', test: (x) => Number(x) % 2 === 0 }, [2, 4], [1]],
  ])('%s', (_what, rule, right, wrong) => {
    const { observe, check } = watch([rule]);
    observe(...right);
    expect(check()).toMatchObject({ violations: 0, tested: right.length, state: 'ok' });
    observe(...wrong);
    expect(check()).toMatchObject({ violations: wrong.length, tested: right.length + wrong.length, state: 'failed' });
  });

  it("pass over missing values, which are the missing rule's own", () => {
    const { observe, check } = watch([
      { rule: 'range', field: 'x', minimum: 0 },
      { rule: 'missing', field: 'x' },
    ]);
    observe(null, Number.NaN, 1);
    expect(check(0)).toMatchObject({ violations: 0, tested: 1 });
    expect(check(1)).toMatchObject({ violations: 2, tested: 3 });
  });

  it('count a value of another type once, not for each rule that could not read it', () => {
    const { observe, check } = watch([
      { rule: 'type', field: 'x', type: 'number' },
      { rule: 'category', field: 'x', values: [1] },
    ]);
    observe('one');
    expect(check(0)).toMatchObject({ violations: 1 });
    expect(check(1)).toMatchObject({ violations: 0, tested: 0 });
  });

  it('monotone compares neighbours, and goes on from where a violation led', () => {
    const { observe, check } = watch([
      { rule: 'monotone', field: 'x', direction: 'increasing' },
      { rule: 'monotone', name: 'strict', field: 'x', direction: 'increasing', strict: true },
      { rule: 'monotone', name: 'falls', field: 'x', direction: 'decreasing' },
    ]);
    observe(1, 2, 2, null, 1, 3);
    expect([0, 1, 2].map((index) => check(index)?.violations)).toEqual([1, 2, 2]);
  });
});

describe('rules on windows', () => {
  it('unique counts rows that came before in the window', () => {
    const { observe, check } = watch([{ rule: 'unique', field: 'x' }]);
    for (let i = 0; i < 100; i++) observe(`key-${i}`);
    observe('key-1', 'key-2', 'key-1', 'key-1');
    expect(check()).toMatchObject({ violations: 2, tested: 104, state: 'failed' });
  });

  it('unique tells 65,536 strings apart, and keeps no more', () => {
    const { monitor, check } = watch([{ rule: 'unique', field: 'x' }], {
      windowRows: 100_000,
      meanTimeBetweenFalseAlarms: 1e7,
    });
    for (let i = 0; i < 65_536; i++) monitor.observeRecord({ x: `user-${i}` });
    expect(check()?.violations).toBe(0);
    monitor.observeRecord({ x: 'user-65536' });
    monitor.observeRecord({ x: 'user-1' });
    expect(check()?.violations).toBe(0);
    monitor.observeRecord({ x: 'user-1' });
    expect(check()?.violations).toBe(1);
  });

  it('constant fails a window of equal values, where that is too rare by chance', () => {
    const { observe, check, monitor } = watch([
      { rule: 'constant', field: 'x' },
      { rule: 'constant', name: 'mostly', field: 'x', commonestShare: 0.99 },
    ]);
    for (let i = 0; i < 100; i++) observe(7);
    expect(check(0)).toMatchObject({ state: 'failed', violations: 1 });
    // .99 ** 99 is .37: no wonder.
    expect(check(1)).toMatchObject({ state: 'ok', violations: 0 });
    expect(monitor.report().checks.find(({ rule }) => rule === 'mostly')?.lastWindow?.pValue).toBeCloseTo(
      0.99 ** 99,
      9,
    );
    for (let i = 0; i < 100; i++) observe(i === 50 ? 8 : 7);
    expect(check(0)).toMatchObject({ state: 'ok', violations: 1 });
  });

  it('freshness of rows fails by the clock alone, once, and is well again with the next row', async () => {
    const { clock, monitor, observe, check, changes } = watch([{ rule: 'freshness', maxAgeMs: 1000 }]);
    await clock.advance(600);
    observe(1);
    await clock.advance(900);
    expect(changes).toEqual([]);
    expect(monitor.snapshot().freshness).toEqual([{ rule: 'freshness', feature: 'row', ageMs: 900, maxAgeMs: 1000 }]);
    await clock.advance(100);
    expect(changes).toEqual(['freshness row: ok → failed']);
    await clock.advance(60_000);
    expect(monitor.state).toBe('failed');
    expect(check()).toMatchObject({ violations: 1 });
    observe(1);
    expect(changes).toEqual(['freshness row: ok → failed', 'freshness row: failed → ok']);
    expect(monitor.state).toBe('ok');
    await monitor.close();
    expect(clock.pendingTimers).toBe(0);
  });

  it('freshness of event times takes dates, numbers and text, and no time from the future', async () => {
    const { clock, monitor, observe, check } = watch([{ rule: 'freshness', field: 'x', maxAgeMs: 3_600_000 }]);
    const now = clock.epochMs();
    await clock.advance(1_000_000);
    observe(now + 100_000, new Date(now + 200_000), new Date(now + 300_000).toISOString(), 'never');
    expect(monitor.snapshot().freshness[0]?.ageMs).toBe(700_000);
    expect(check()).toMatchObject({ violations: 0, tested: 3 });
    observe(now + 9e11);
    expect(monitor.snapshot().freshness[0]?.ageMs).toBe(700_000);
    expect(check()).toMatchObject({ violations: 1 });
    await clock.advance(3_000_000);
    expect(monitor.state).toBe('failed');
    await monitor.close();
  });
});

describe('rules on records', () => {
  interface Trip {
    readonly start: number;
    readonly end: number;
    readonly note?: string;
  }

  it('read several fields of a typed row, and pass over rows that lack one', () => {
    const monitor = createQualityMonitor<Trip>({
      logger: silent,
      maxCpuShare: 1,
      rules: [
        { rule: 'record', name: 'ends-after-start', fields: ['start', 'end'], test: (trip) => trip.end >= trip.start },
      ],
    });
    monitor.observeRecord({ start: 1, end: 2 });
    monitor.observeRecord({ start: 3, end: 2 });
    monitor.observeRecord({ start: 3, end: Number.NaN });
    expect(monitor.snapshot().checks).toEqual([
      { rule: 'ends-after-start', feature: 'start,end', state: 'failed', violations: 1, tested: 2 },
    ]);
    expect(monitor.report().checks[0]?.examples).toMatchObject([{ value: '{"start":3,"end":2}', row: 2 }]);
  });

  it('count a test that throws, or answers something else, and log it once', () => {
    const errors: string[] = [];
    const { monitor, observe } = watch(
      [
        {
          rule: 'value',
          name: 'throws',
          field: 'x',
          test: () => {
            throw new Error('bug');
          },
        },
        { rule: 'record', name: 'promises', fields: ['x'], test: (async () => true) as never },
      ],
      { logger: { ...silent, error: (_details, message) => void errors.push(message) } },
    );
    observe(1, 2);
    expect(monitor.snapshot()).toMatchObject({ state: 'ok', testErrors: 4 });
    expect(errors).toEqual([
      expect.stringContaining('"throws" threw: bug'),
      expect.stringContaining('"promises" threw'),
    ]);
  });

  it('refuse fields that the schema does not know, where it says so', () => {
    const monitor = createQualityMonitor({
      logger: silent,
      maxCpuShare: 1,
      schema: { rows: 0, additionalFields: false, fields: [{ name: 'a', type: 'any' }] },
    });
    monitor.observeRecord({ a: 1 });
    monitor.observeRecord({ a: 1, secret: 2, other: 3 });
    expect(monitor.report().checks[0]).toMatchObject({
      rule: 'unknown-field',
      violations: 1,
      tested: 2,
      examples: [{ value: '"secret"' }],
    });
  });
});

describe('tolerances', () => {
  const inferred = async (rows = 2000) => {
    const random = createRandom(5);
    return inferSchema(
      Array.from({ length: rows }, () => ({ a: random() < 0.1 ? null : random(), b: 'xyz'[Math.floor(random() * 3)] })),
    );
  };

  it('keep the false-alarm rate: rows like those of the schema fail no window in a hundred', async () => {
    const random = createRandom(17);
    for (const trained of [200, 2000]) {
      const monitor = createQualityMonitor({
        schema: await inferred(trained),
        logger: silent,
        clock: createVirtualClock(),
        meanTimeBetweenFalseAlarms: 100_000,
      });
      const changes: string[] = [];
      monitor.events.on('check-change', ({ to }) => void changes.push(to));
      for (let i = 0; i < 100_000; i++) {
        monitor.observeRecord({ a: random() < 0.1 ? null : random(), b: 'xyz'[Math.floor(random() * 3)] });
      }
      expect(monitor.snapshot()).toMatchObject({ windows: 100, state: 'ok' });
      expect(changes.filter((to) => to === 'failed')).toEqual([]);
    }
  });

  it('hold their level where the share is at the tolerance itself: failures as rare as stated, and not much rarer', () => {
    const random = createRandom(23);
    let failed = 0;
    // One failure in ten windows is asked for.
    for (let run = 0; run < 400; run++) {
      const monitor = createQualityMonitor({
        rules: [{ rule: 'missing', field: 'x', tolerance: 0.2 }],
        windowRows: 100,
        meanTimeBetweenFalseAlarms: 1000,
        logger: silent,
        clock: createVirtualClock(),
      });
      for (let i = 0; i < 100; i++) monitor.observeRecord(random() < 0.2 ? {} : { x: 1 });
      if (monitor.state === 'failed') failed++;
    }
    // Exact binomial: P(X ≥ 26) is .0875, P(X ≥ 25) is above .1. Three standard errors are .042.
    expect(failed / 400).toBeGreaterThan(0.045);
    expect(failed / 400).toBeLessThan(0.13);
  });

  it('warn where it is rare, fail where it is too rare, at once when no more rows could change it, and recover', () => {
    const { monitor, observe, changes } = watch([{ rule: 'missing', field: 'x', tolerance: 0.1 }], {
      meanTimeBetweenFalseAlarms: 1e6,
    });
    const window = (missing: number) => observe(...Array.from({ length: 100 }, (_, i) => (i < missing ? null : 1)));
    window(10);
    expect(monitor.state).toBe('ok');
    // P(X ≥ 21) of 100 at .1 is 8e-4, P(X ≥ 24) is 3e-5; the levels are 1e-3 and 1e-4.
    window(21);
    expect(monitor.state).toBe('warning');
    for (let i = 0; i < 23; i++) observe(null);
    expect(monitor.state).toBe('warning');
    observe(null);
    expect(monitor.state).toBe('failed');
    for (let i = 0; i < 76; i++) observe(1);
    expect(monitor.state).toBe('failed');
    window(10);
    expect(changes).toEqual(['missing x: ok → warning', 'missing x: warning → failed', 'missing x: failed → ok']);
  });

  it('share the level among the rules, and say which it is', () => {
    const rules = ['a', 'b', 'c', 'd'].map((field) => ({ rule: 'missing', field, tolerance: 0.01 }) as const);
    const { monitor } = watch([...rules, { rule: 'type', field: 'a', type: 'number' }], {
      meanTimeBetweenFalseAlarms: 1e6,
    });
    expect(monitor.report().failureLevel).toBeCloseTo(100 / 1e6 / 4, 15);
  });

  it('a window without a value of a field changes nothing', () => {
    const { monitor, observe } = watch([{ rule: 'range', field: 'x', minimum: 0 }]);
    observe(-1, ...Array.from({ length: 99 }, () => 1));
    expect(monitor.state).toBe('failed');
    observe(...Array.from({ length: 100 }, () => null));
    expect(monitor.state).toBe('failed');
    observe(...Array.from({ length: 100 }, () => 1));
    expect(monitor.state).toBe('ok');
  });

  it("a rule takes the place of the schema's of the same name", async () => {
    const monitor = createQualityMonitor({
      schema: await inferred(),
      logger: silent,
      rules: [{ rule: 'range', field: 'a', minimum: 0, maximum: 5 }],
    });
    monitor.observeRecord({ a: 4, b: 'x' });
    expect(monitor.report().checks.filter(({ rule }) => rule === 'range')).toMatchObject([
      { violations: 0, tolerance: 0 },
    ]);
  });
});

describe('observe', () => {
  const rules: QualityRule[] = [
    { rule: 'range', field: 'x[1]', maximum: 10 },
    { rule: 'category', field: 'kind', values: ['a'] },
  ];
  const batch = {
    x: createTensor('float64', [3, 2], new Float64Array([1, 2, 3, 11, 5, 6])),
    kind: createTensor('string', [3], ['a', 'b', 'a']),
    other: createTensor('int8', [3], new Int8Array(3)),
  };

  it('finds fields in tensors by their default names, among strings too', () => {
    const { monitor } = watch(rules);
    monitor.observe(batch);
    monitor.observe(batch);
    expect(monitor.report().checks).toMatchObject([
      {
        rule: 'range',
        feature: 'x[1]',
        violations: 2,
        tested: 6,
        examples: [
          { value: '11', row: 2 },
          { value: '11', row: 5 },
        ],
      },
      { rule: 'category', feature: 'kind', violations: 2 },
    ]);
  });

  it('finds fields by the inputs of a schema, checks their dtype, and gives record rules a row of names', async () => {
    const schema = await inferSchema({ x: batch.x }, { fieldNames: ['width', 'height'], margin: 10 });
    const monitor = createQualityMonitor({
      schema,
      logger: silent,
      maxCpuShare: 1,
      rules: [
        {
          rule: 'record',
          name: 'wider',
          fields: ['width', 'height'],
          test: (row) => Number(row.width) > Number(row.height),
        },
      ],
    });
    monitor.observe({ x: batch.x });
    expect(monitor.report().checks[0]).toMatchObject({
      rule: 'wider',
      violations: 3,
      examples: [{ value: '{"width":1,"height":2}' }, {}, {}],
    });
  });

  it('rounds bounds to single precision where the values were', () => {
    const { monitor, check } = watch([
      { rule: 'range', field: 'x', maximum: 0.1 },
      { rule: 'category', field: 'x', values: [0.1] },
      { rule: 'range', name: 'below-one', field: 'x', exclusiveMaximum: 1 },
      { rule: 'range', name: 'finite', field: 'x', maximum: Number.MAX_VALUE },
    ]);
    monitor.observe({ x: createTensor('float32', [1], new Float32Array([0.1])) });
    expect([0, 1, 2, 3].map((index) => check(index)?.violations)).toEqual([0, 0, 0, 0]);
    monitor.observe({ x: createTensor('float32', [2], new Float32Array([1, Number.POSITIVE_INFINITY])) });
    expect([0, 1, 2, 3].map((index) => check(index)?.violations)).toEqual([2, 2, 2, 1]);
  });

  it.each<[string, object, string]>([
    ['a field is not there', { kind: batch.kind }, 'x[1]'],
    ['an input has other rows', { x: batch.x, kind: createTensor('string', [1], ['a']) }, 'kind'],
    ['a tensor is none', { x: batch.x, kind: 7 }, 'kind'],
    ['nothing is given', null as never, 'inputs'],
    ['there is no such axis', { x: createTensor('float64', [], new Float64Array(1)), kind: batch.kind }, 'x'],
  ])('refuses a batch where %s, and counts nothing', (_what, inputs, field) => {
    const { monitor } = watch(rules);
    expect(() => monitor.observe(inputs as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', details: expect.objectContaining({ field }) }),
    );
    expect(monitor.snapshot().rowsSeen).toBe(0);
  });

  it('refuses a batch that differs from the inputs of the schema', async () => {
    const monitor = createQualityMonitor({ schema: await inferSchema({ x: batch.x }), logger: silent });
    for (const [x, field] of [
      [createTensor('float32', [3, 2], new Float32Array(6)), 'x.dtype'],
      [createTensor('float64', [3, 1], new Float64Array(3)), 'x'],
    ] as const) {
      expect(() => monitor.observe({ x })).toThrow(
        expect.objectContaining({ details: expect.objectContaining({ field }) }),
      );
    }
    expect(() => monitor.observe({ y: batch.x })).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
  });

  it.each([[null], [7], [[1]], [new Date(1)], [new Float32Array(2)]])('refuses the record %s', (record) => {
    const { monitor } = watch(rules);
    expect(() => monitor.observeRecord(record as never)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
  });

  it('takes no field from the prototype of a record', () => {
    const { observe, monitor } = watch([{ rule: 'missing', field: 'constructor' }]);
    observe(1);
    expect(monitor.snapshot().checks[0]?.violations).toBe(1);
  });

  it('keeps within its share of the time by a sample of the rows, and counts what it left out', async () => {
    const virtual = createVirtualClock();
    let reads = 0;
    // Every other read of the time comes 10 ms later: that is what a batch costs.
    const clock: Clock = { ...virtual, now: () => virtual.now() + 10 * Math.floor(reads++ / 2) };
    const { monitor } = watch(rules, { clock });
    for (let i = 0; i < 50; i++) {
      monitor.observe(batch);
      await virtual.advance(10);
    }
    const { rowsSeen, rowsChecked, rowsUnchecked } = monitor.snapshot();
    expect(rowsSeen).toBe(150);
    expect(rowsChecked).toBeGreaterThan(0);
    expect(rowsUnchecked.budget).toBeGreaterThan(50);
    expect(rowsChecked + rowsUnchecked.budget).toBe(150);
  });
});

describe('examples', () => {
  it('are the first of a window and the latest of all, cut', () => {
    const { monitor, observe } = watch(
      [
        { rule: 'missing', field: 'x' },
        { rule: 'length', field: 'x', maximum: 3 },
      ],
      { examples: 2 },
    );
    observe('a'.repeat(500), 'bbbb', 'cccc');
    observe(...Array.from({ length: 97 }, () => 'ok'));
    observe('dddd');
    const examples = monitor.report().checks.find(({ rule }) => rule === 'length')?.examples;
    expect(examples?.map(({ value, row }) => [value.length > 80 ? 'long' : value, row])).toEqual([
      ['"bbbb"', 2],
      ['"dddd"', 101],
    ]);
  });

  it('are redacted, shown as nothing where that throws, or not kept', () => {
    const rule: QualityRule = { rule: 'length', field: 'x', maximum: 3 };
    const shown = (options: Partial<QualityMonitorOptions>) => {
      const { monitor, observe } = watch([rule], options);
      observe('secret');
      return monitor.report().checks[0]?.examples.map(({ value }) => value);
    };
    expect(
      shown({ redact: (value, feature, name) => `${String(value).length} letters of ${feature}, ${name}` }),
    ).toEqual(['6 letters of x, length']);
    expect(
      shown({
        redact: () => {
          throw new Error('no');
        },
      }),
    ).toEqual(['(not shown)']);
    expect(shown({ examples: 0 })).toEqual([]);
  });
});

describe('createQualityMonitor', () => {
  it('tells nobody but the log where nobody listens', () => {
    const warnings: string[] = [];
    const monitor = createQualityMonitor({
      rules: [{ rule: 'missing', field: 'x' }],
      logger: { ...silent, warn: (_details, message) => void warnings.push(message) },
    });
    monitor.observeRecord({});
    monitor.observeRecord({});
    expect(warnings).toEqual([expect.stringContaining('The rule "missing" on x failed after 1 rows')]);
  });

  it('emits the worst state of all rules', () => {
    const states: string[] = [];
    const { monitor, observe } = watch(
      [
        { rule: 'missing', field: 'x' },
        { rule: 'type', field: 'x', type: 'number' },
      ],
      { on: { 'state-change': ({ from, to, rowsSeen }) => void states.push(`${from} → ${to} at ${rowsSeen}`) } },
    );
    observe(null, 'a');
    observe(...Array.from({ length: 198 }, () => 1));
    expect(states).toEqual(['ok → failed at 1', 'failed → ok at 200']);
    expect(monitor.report()).toEqual(JSON.parse(JSON.stringify(monitor.report())));
  });

  it.each<[string, object, string]>([
    ['no rule and no schema', {}, 'rules'],
    ['an unknown option', { rules: [], window: 3 }, 'window'],
    ['a window that is too small', { rules: [], windowRows: 9 }, 'windowRows'],
    [
      'false alarms closer than ten windows',
      { rules: [{ rule: 'missing', field: 'x' }], meanTimeBetweenFalseAlarms: 9999 },
      'meanTimeBetweenFalseAlarms',
    ],
    ['a rule that is none', { rules: [{ rule: 'colour', field: 'x' }] }, 'rules.0.rule'],
    ['null for a rule', { rules: [null] }, 'rules.0.rule'],
    ['a rule with an unknown key', { rules: [{ rule: 'missing', field: 'x', share: 1 }] }, 'share'],
    ['a tolerance above 1', { rules: [{ rule: 'missing', field: 'x', tolerance: 1.1 }] }, 'tolerance'],
    ['a range without bounds', { rules: [{ rule: 'range', field: 'x' }] }, 'rules.0'],
    ['bounds the wrong way round', { rules: [{ rule: 'range', field: 'x', minimum: 2, maximum: 1 }] }, 'rules.0'],
    ['a pattern that is text', { rules: [{ rule: 'pattern', field: 'x', pattern: 'a' }] }, 'pattern'],
    [
      'the same rule twice',
      {
        rules: [
          { rule: 'missing', field: 'x' },
          { rule: 'missing', field: 'x' },
        ],
      },
      'rules.1.name',
    ],
    ['a record rule without a test', { rules: [{ rule: 'record', name: 'r', fields: ['a'] }] }, 'test'],
    ['an age of zero', { rules: [{ rule: 'freshness', maxAgeMs: 0 }] }, 'maxAgeMs'],
    [
      'a field that the schema does not have',
      { schema: { rows: 0, fields: [{ name: 'a', type: 'any' }] }, rules: [{ rule: 'missing', field: 'b' }] },
      'rules.0',
    ],
    ['a schema that contradicts itself', { schema: { rows: 0, fields: [] } }, 'schema.fields'],
  ])('refuses %s', (_what, options, field) => {
    expect(() => createQualityMonitor(options as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field }) }),
    );
  });

  it('takes nothing more once closed', async () => {
    const { monitor, observe } = watch([{ rule: 'missing', field: 'x' }]);
    observe(1);
    await monitor.close();
    await monitor.close();
    expect(() => observe(1)).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    expect(() => monitor.observe({})).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    expect(monitor.report().rowsSeen).toBe(1);
  });
});
