import { createRegistry } from '@fairlead/core/metrics';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { instrumentedRegistry } from '../instrumented.fixture';
import { toYaml } from '../to-yaml';
import { alertRules, alertRuleTests } from './alert-rules';
import type { AlertRules } from './model';
import { alertNames } from './model';

const registry = await instrumentedRegistry();

function ruleOf({ groups }: AlertRules, name: string) {
  const found = groups.flatMap(({ rules }) => rules).filter(({ alert }) => alert === name);
  expect(found, name).toHaveLength(1);
  return found[0];
}

describe('alertRules', () => {
  it('makes every alert for a registry that has every family, each once, with all that it needs', () => {
    const { groups } = alertRules(registry);
    expect(groups.map(({ name }) => name)).toEqual([
      'fairlead-server',
      'fairlead-serving',
      'fairlead-rollouts',
      'fairlead-drift',
      'fairlead-quality',
      'fairlead-scrape',
    ]);
    const rules = groups.flatMap((group) => group.rules);
    expect(rules.map(({ alert }) => alert)).toEqual(alertNames);
    for (const { alert, expr, for: duration, labels, annotations } of rules) {
      expect(duration, alert).toMatch(/^\d+m$/);
      expect(['critical', 'warning', 'info'], alert).toContain(labels.severity);
      expect(annotations.summary.length, alert).toBeGreaterThan(20);
      expect(annotations.description.length, alert).toBeGreaterThan(60);
      expect(expr, alert).not.toContain('$');
    }
  });

  it('says what it asks', () => {
    expect(ruleOf(alertRules(registry), 'ModelLatencyHigh')).toEqual({
      alert: 'ModelLatencyHigh',
      expr: 'histogram_quantile(0.99, sum by (le, job, model_name, model_version) (rate(ml_prediction_duration_seconds_bucket[5m]))) > 1',
      for: '10m',
      labels: { severity: 'warning' },
      annotations: {
        summary: expect.stringContaining('{{ printf "%.3f" $value }} s'),
        description: expect.stringContaining('add lanes or processes'),
      },
    });
    expect(ruleOf(alertRules(registry), 'ModelInputDrift')?.expr).toBe(
      'max by (job, model_name, model_version) (ml_drift_state{ml_drift_state="drift"}) == 1',
    );
  });

  it('leaves out what the families do not tell', () => {
    const small = createRegistry();
    small.gauge({ name: 'shop_stock', help: 'Stock.' });
    const { groups } = alertRules(small);
    expect(groups).toHaveLength(1);
    expect(groups[0]?.rules.map(({ alert }) => alert)).toEqual([
      'ModelTargetDown',
      'ModelMetricsAbsent',
      'MetricsCollectFailing',
      'MetricsValuesDropped',
      'MetricsSeriesFolded',
    ]);
    expect(groups[0]?.rules[0]?.expr).toContain('last_over_time(shop_stock[60m])');
  });

  it('takes what the user chose', () => {
    const rules = alertRules(registry, {
      groupPrefix: 'shop',
      where: { job: 'shop' },
      labels: { team: 'search' },
      runbookUrl: 'https://example.com/runbook',
      thresholds: { errorRatio: 0.2 },
      alerts: { ModelCircuitOpen: false, ModelInputDrift: { for: '15m', severity: 'critical' } },
    });
    expect(rules.groups[0]?.name).toBe('shop-server');
    expect(rules.groups.flatMap((group) => group.rules)).toHaveLength(alertNames.length - 1);
    expect(ruleOf(rules, 'ModelInputDrift')).toMatchObject({
      expr: expect.stringContaining('ml_drift_state{job="shop", ml_drift_state="drift"}'),
      for: '15m',
      labels: { team: 'search', severity: 'critical' },
      annotations: { runbook_url: 'https://example.com/runbook#modelinputdrift' },
    });
    expect(ruleOf(rules, 'ModelErrorRatioHigh')?.expr).toMatch(/ > 0\.2$/);
    expect(ruleOf(rules, 'ModelTargetDown')?.expr).toContain('up{job="shop"}');
  });

  it('asks for the families of a registry with a prefix', async () => {
    const prefixed = alertRules(await instrumentedRegistry({ prefix: 'shop_' }));
    const plain = alertRules(registry);
    expect(JSON.parse(JSON.stringify(prefixed).replaceAll('shop_', ''))).toEqual(
      JSON.parse(JSON.stringify(plain).replaceAll('shop_', '')),
    );
    expect(ruleOf(prefixed, 'ModelInputDrift')?.expr).toContain('shop_ml_drift_state="drift"');
  });

  it.each([
    [{ thresholds: { errorRatio: 1 } }, 'thresholds.errorRatio', 'less than 1'],
    [
      { thresholds: { latencySeconds: 10 } },
      'thresholds.latencySeconds',
      'at least 0.0001 and less than 10, as ml_prediction_duration_seconds has buckets from 0.0001 to 10',
    ],
    [{ thresholds: { queueSeconds: 0.00001 } }, 'thresholds.queueSeconds', expect.stringContaining('at least 0.0001')],
    [{ alerts: { ModelIsBored: false } }, expect.stringMatching(/^alerts/), expect.any(String)],
    [
      { alerts: { ModelInputDrift: { for: 'a while' } } },
      expect.stringMatching(/^alerts\.ModelInputDrift/),
      expect.any(String),
    ],
    [{ labels: { 'a-b': 'x' } }, expect.stringMatching(/^labels/), expect.any(String)],
    [{ runbookUrl: 'runbook' }, 'runbookUrl', 'an absolute URL'],
    [{ treshold: 1 }, 'treshold', 'no such option'],
  ])('refuses %j', (options, field, expected) => {
    for (const make of [alertRules, alertRuleTests]) {
      expect(() => make(registry, options as never)).toThrow(
        expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field, expected }) }),
      );
    }
  });
});

describe('alertRuleTests', () => {
  it('has for each alert a course of events that raises it, with its texts filled in, and one that does not', () => {
    const { rule_files, tests } = alertRuleTests(registry, { ruleFile: 'models.yml' });
    expect(rule_files).toEqual(['models.yml']);
    expect(tests.map(({ name }) => name)).toEqual(
      alertNames.flatMap((name) => [`${name} is raised`, `${name} is quiet`]),
    );
    for (const { name, input_series, alert_rule_test } of tests) {
      expect(input_series.length, name).toBeGreaterThan(0);
      const expected = alert_rule_test.flatMap(({ exp_alerts }) => exp_alerts);
      expect(expected).toHaveLength(name.endsWith('raised') ? 1 : 0);
      for (const { exp_labels, exp_annotations } of expected) {
        expect(exp_labels).toMatchObject({ job: 'shop', severity: expect.any(String) });
        expect(Object.values(exp_annotations).join(' '), name).not.toMatch(/[{}]/);
      }
    }
  });
});

describe('toYaml', () => {
  it('writes what reads back as the same', async () => {
    for (const document of [alertRules(registry), alertRuleTests(registry)]) {
      const text = await toYaml(document);
      expect(parse(text)).toEqual(document);
      expect(text).not.toContain('&a1');
    }
  });
});
