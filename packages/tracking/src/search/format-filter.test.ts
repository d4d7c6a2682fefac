import { FairleadError } from '@fairlead/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileFilter } from './compile-filter';
import { and, field, not, or } from './field-builder';
import { formatFilter, formatOrder } from './format-filter';
import { parseFilter } from './parse-filter';
import { anyConjunction, anyRun, now } from './runs.fixture';

describe("the text of a filter for MLflow's server", () => {
  test.for([
    ["metrics.loss < 0.3 AND id = 'a'", "metrics.`loss` < 0.3 AND attributes.run_id = 'a'"],
    [
      "params.lr = 0.1 AND params.bias = true AND tags.n != '5'",
      "params.`lr` = '0.1' AND params.`bias` = 'true' AND tags.`n` != '5'",
    ],
    ["metrics.val/acc > 1 AND tags.a = 'it''s'", 'metrics.`val/acc` > 1 AND tags.`a` = "it\'s"'],
    [
      "parent = 'a' AND parent IS NOT NULL",
      "tags.`mlflow.parentRunId` = 'a' AND tags.`mlflow.parentRunId` IS NOT NULL",
    ],
    [
      'metrics.a < Infinity AND metrics.a > -Infinity',
      'metrics.`a` < 1.7976931348623157e308 AND metrics.`a` > -1.7976931348623157e308',
    ],
    ["status IN ('FINISHED')", "attributes.status = 'FINISHED'"],
    ["status NOT IN ('FINISHED', 'FAILED')", "attributes.status != 'FINISHED' AND attributes.status != 'FAILED'"],
    ["id IN ('a', 'b') AND dataset.name NOT IN ('c')", "attributes.run_id IN ('a', 'b') AND dataset.name NOT IN ('c')"],
    [
      "(metrics.a > 1 AND (metrics.b > 1 AND name ILIKE '%x'))",
      "metrics.`a` > 1 AND metrics.`b` > 1 AND attributes.run_name ILIKE '%x'",
    ],
    ["start_time > '2026-01-31'", 'attributes.start_time > 1769817600000'],
    ['', ''],
  ] as const)('of %s', ([text, expected]) => {
    expect(formatFilter(parseFilter(text))).toBe(expected);
  });

  test.for([
    'metrics.a > 1 OR metrics.b > 1',
    'NOT metrics.a > 1',
    "status IN ('FINISHED', 'FAILED')",
    'params.lr < 0.1',
    'metrics.a = NaN',
    'metrics.a IS NULL',
    'end_time IS NULL',
    "experiment = 'digits'",
    "tags.a = 'both '' and \"'",
    "tags.a = '\"'''",
    "tags.a = 'ends in \\'",
    "dataset.name IN ('a\\b')",
    'tags.`a``b` = 1',
    'metrics.a IN (1, 2)',
  ])('does not exist for %s', (text) => {
    expect(() => formatFilter(parseFilter(text))).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }));
  });

  test('means the same as the filter, where values are compared as text', () => {
    fc.assert(
      fc.property(anyConjunction, fc.array(anyRun, { minLength: 1, maxLength: 3 }), (filter, runs) => {
        let text: string;
        try {
          text = formatFilter(filter);
        } catch (error) {
          expect(FairleadError.isInstance(error, 'UNSUPPORTED')).toBe(true);
          return;
        }
        // What MLflow has in other places or as other values than we have.
        fc.pre(!/mlflow\.parentRunId|e308|(params|tags)\./.test(text));
        const [given, again] = [compileFilter(filter, now), compileFilter(parseFilter(text), now)];
        for (const run of runs) expect(again(run)).toBe(given(run));
      }),
      { numRuns: 1000 },
    );
  });

  test('of an order', () => {
    expect(formatOrder(field.metric('val loss').descending())).toBe('metrics.`val loss` DESC');
    expect(formatOrder(field.startTime.ascending())).toBe('attributes.start_time ASC');
    expect(() => formatOrder(field.experiment.ascending())).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }));
  });
});

describe('the builder', () => {
  test('makes what the parser makes', () => {
    const built = and(
      field.metric('loss').below(0.3),
      or(
        field.param('lr').equals(0.1),
        field.tag('team').ilike('vis%'),
        not(field.status.isOneOf(['FAILED', 'KILLED'])),
      ),
      and(field.startTime.atLeast(new Date(Date.UTC(2026, 0, 31))), field.datasetName.exists()),
    );
    expect(built).toEqual(
      parseFilter(
        "metrics.loss < 0.3 AND (params.lr = 0.1 OR tags.team ILIKE 'vis%' OR NOT status IN ('FAILED', 'KILLED')) AND start_time >= '2026-01-31' AND dataset.name IS NOT NULL",
      ),
    );
    expect(
      [field.id.isMissing(), field.parent.isNoneOf(['a']), field.metric('a').atMost(1)].map((node) =>
        formatFilter(node, { dialect: 'fairlead' }),
      ),
    ).toEqual(['id IS NULL', "parent NOT IN ('a')", 'metrics.a <= 1']);
    expect(and(field.name.like('a%'))).toEqual(field.name.like('a%'));
    expect([
      field.metric('a').above(1),
      field.metric('a').differsFrom(1),
      field.datasetContext.equals('x'),
      field.datasetDigest.like('x'),
    ]).toHaveLength(4);
  });

  test('refuses values that a field cannot have', () => {
    const wrong: (() => unknown)[] = [
      () => field.metric('loss').below('low' as unknown as number),
      () => field.metric(''),
      () => field.status.equals('DONE' as 'FAILED'),
      () => field.startTime.above(new Date(Number.NaN)),
      () => field.endTime.above(Number.NaN),
      () => field.id.isOneOf([]),
      () => and(),
      () => or(),
    ];
    for (const call of wrong) expect(call).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});
