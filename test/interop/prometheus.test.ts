import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toOpenMetrics } from '@fairlead/core/metrics';
import {
  type AlertRuleTestsOptions,
  alertRules,
  alertRuleTests,
  type GrafanaPanel,
  grafanaDashboard,
  toYaml,
} from '@fairlead/node/dashboards';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { identityOf, readOpenMetrics } from '../../packages/core/src/metrics/read-exposition.fixture';
import { knownNames } from '../../packages/node/src/dashboards/known-families';
import { type PrometheusProcess, type QueryResult, startPrometheus } from './prometheus-process';
import { preparePrometheus } from './setup';
import { startService } from './watched-service';

const programs = preparePrometheus();
const promtool = 'missing' in programs ? '' : programs.promtool;

/** What changes from scrape to scrape, whether or not anything happens. */
const restless = new Set([
  'ml_drift_cpu_share_ratio',
  'ml_data_quality_cpu_share_ratio',
  'ml_data_freshness_seconds',
  'ml_rollout_shadow_budget_used_ratio',
]);

/** What Grafana puts in place of its variables when nothing was chosen yet. */
function fillIn(text: string): string {
  const values: Readonly<Record<string, string>> = { __rate_interval: '30s', method: 'psi' };
  return text.replace(/\$(\w+)/g, (_, name: string) => values[name] ?? '.*');
}

function check(...args: readonly string[]): { readonly status: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync(promtool, args, { encoding: 'utf8', timeout: 60_000 });
  return { status, said: stdout + stderr };
}

describe.skipIf('missing' in programs)('a Prometheus that scrapes a service', { timeout: 60_000 }, () => {
  let service: Awaited<ReturnType<typeof startService>>;
  let prometheus: PrometheusProcess;

  beforeAll(async () => {
    if ('missing' in programs) return;
    service = await startService();
    const settings = {
      global: { scrape_interval: '500ms', scrape_timeout: '500ms', evaluation_interval: '1s' },
      rule_files: ['alerts.yml'],
      scrape_configs: [{ job_name: 'shop', static_configs: [{ targets: [service.target] }] }],
    };
    prometheus = await startPrometheus(programs.prometheus, {
      // JSON is YAML, so what `alertRules` answers can be a file of rules as it is.
      'prometheus.yml': JSON.stringify(settings),
      'alerts.yml': JSON.stringify(alertRules(service.registry)),
    });
    // Rates need two looks at a counter, and something in between.
    await work(40);
    service.killLane();
    await work(80);
  }, 60_000);

  afterAll(async () => {
    await prometheus?.close();
    await service?.close();
  });

  /** Lets the service work, and waits until Prometheus knows. */
  async function work(requests: number): Promise<void> {
    await service.work(requests);
    const total = samplesOf(toOpenMetrics(service.registry)).get(
      identityOf({ name: 'shop_orders_total', labels: { channel: 'web' } }),
    );
    await prometheus.until(`orders that come to ${total}`, async () => {
      const [found] = await prometheus.query('shop_orders_total');
      return found !== undefined && Number(found.value?.[1]) === total ? found : undefined;
    });
  }

  it('finds it up, and was answered in OpenMetrics', async () => {
    const { activeTargets } = await prometheus.ask<{ activeTargets: Record<string, string>[] }>('targets');
    expect(activeTargets).toHaveLength(1);
    expect(activeTargets[0]).toMatchObject({
      health: 'up',
      lastError: '',
      scrapeUrl: `http://${service.target}/metrics`,
    });
    expect(service.scrapes.length).toBeGreaterThan(1);
    for (const { accept, contentType } of service.scrapes) {
      expect(accept).toContain('application/openmetrics-text');
      expect(contentType).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    }
  });

  it('knows type, unit and help of every family, of all the types there are', async () => {
    const known =
      await prometheus.ask<{ metric: string; type: string; unit: string; help: string }[]>('targets/metadata');
    const shown = readOpenMetrics(toOpenMetrics(service.registry)).map(({ name, type, unit, help }) => ({
      metric: name,
      type,
      unit,
      help,
    }));
    const seen = known.map(({ metric, type, unit, help }) => ({ metric, type, unit, help }));
    expect(new Set(seen.map(({ type }) => type))).toEqual(
      new Set(['counter', 'gauge', 'histogram', 'gaugehistogram', 'info', 'stateset']),
    );
    const byName = (a: { metric: string }, b: { metric: string }): number => (a.metric < b.metric ? -1 : 1);
    expect(seen.sort(byName)).toEqual(shown.sort(byName));
  });

  it('answers with the very values and labels of the registry, the times of creation too', async () => {
    const theirs = await prometheus.until('samples equal to ours', async () => {
      // Shadows still compare what they have left.
      const ours = samplesOf(toOpenMetrics(service.registry));
      const found = new Map<string, number>();
      for (const { metric, value } of await prometheus.query('{job="shop", __name__!~"up|scrape_.+|ALERTS.*"}')) {
        const { __name__: name = '', job: _job, instance: _instance, ...labels } = metric;
        if (!restless.has(name)) found.set(identityOf({ name, labels }), Number(value?.[1]));
      }
      return isEqual(found, ours) ? found : undefined;
    });
    expect(theirs.size).toBeGreaterThan(150);
    for (const monitor of ['drift', 'data_quality']) {
      const [share] = await prometheus.query(`ml_${monitor}_cpu_share_ratio`);
      expect(Number(share?.value?.[1])).toBeGreaterThan(0);
      expect(Number(share?.value?.[1])).toBeLessThanOrEqual(1);
    }
  });

  it('has data for every query of every panel of the dashboard', async () => {
    const dashboard = grafanaDashboard(service.registry);
    const panels = dashboard.panels.filter((panel): panel is GrafanaPanel => panel.type !== 'row');
    expect(panels.length).toBeGreaterThan(45);
    const empty: string[] = [];
    for (const { title, targets } of panels) {
      for (const { expr, instant } of targets) {
        const query = fillIn(expr);
        const results = instant ? await prometheus.query(query) : await prometheus.queryRange(query);
        if (!results.some(hasNumber)) empty.push(`${title}: ${query}`);
      }
    }
    expect(empty).toEqual([]);
    for (const { expr } of dashboard.annotations.list) if (expr !== undefined) await prometheus.query(fillIn(expr));
  });

  it('is told every family that has panels or alerts of its own', () => {
    const names = new Set(service.registry.describe().map(({ name }) => name));
    expect(knownNames.filter((name) => !names.has(name))).toEqual([]);
  });

  it('shows in the panels what happened', async () => {
    const panels = new Map(
      grafanaDashboard(service.registry)
        .panels.filter((panel): panel is GrafanaPanel => panel.type !== 'row')
        .map((panel) => [panel.title, panel]),
    );
    const valuesOf = async (
      title: string,
      target = 0,
    ): Promise<readonly (readonly [QueryResult['metric'], number])[]> =>
      (await prometheus.query(fillIn(panels.get(title)?.targets[target]?.expr ?? ''))).map(({ metric, value }) => [
        metric,
        Number(value?.[1]),
      ]);
    const { model } = service.monitor.snapshot();
    const labels = { model_name: model?.name, model_version: model?.version };
    expect(service.monitor.state).toBe('drift');
    expect(await valuesOf('State over time')).toEqual([[labels, 2]]);
    expect(await valuesOf('Shop feed state')).toEqual([[{}, 1]]);
    expect(await valuesOf('Circuit breaker')).toEqual([[labels, 0]]);
    const [worst] = await valuesOf('Farthest features now');
    expect(worst?.[0]).toMatchObject({ ...labels, feature: expect.stringMatching(/^(age|say "\\price\\")$/) });
    expect(worst?.[1]).toBeCloseTo(Math.max(...service.monitor.snapshot().features.map(({ psi }) => psi)), 9);
    // Half of 9 values lie below the second bound: 3 of 5 in the second bucket, from -20 to -18.
    const [median] = await valuesOf('Shop cold store');
    expect(median?.[1]).toBeCloseTo(-20 + 2 * (1.5 / 5), 9);
    const features = await valuesOf('Evidence of each feature');
    const evidences = new Map(service.monitor.snapshot().features.map((each) => [each.name, each.evidenceLog10]));
    expect(features.map(([metric]) => metric.feature).sort()).toEqual([...evidences.keys()].sort());
    for (const [{ feature = '' }, value] of features)
      expect(value).toBeCloseTo(evidences.get(feature) ?? Number.NaN, 9);
    expect(service.quality.state).toBe('failed');
    expect(await valuesOf('Data quality over time')).toEqual([[labels, 2]]);
    // Each piece of work brought 5 rows without the first feature; none was beyond the range of the second.
    const rules = new Map((await valuesOf('Rules over time')).map(([{ rule }, state]) => [rule, state]));
    expect(Object.fromEntries(rules)).toEqual({ missing: 2, range: 0, freshness: 0 });
    const [lasting] = await valuesOf('Episodes that last');
    expect(lasting?.[1]).toBe(2);
    expect(service.alerts.map(({ kind }) => kind).sort()).toEqual(['drift', 'quality']);
    const [delivered] = await prometheus.query('ml_alerts_total{outcome="delivered"}');
    expect(delivered).toMatchObject({ metric: { sink: 'callback' }, value: [expect.anything(), '2'] });
    const models = await valuesOf('Models');
    expect(models).toEqual([[{ ...labels, device: 'cpu', digest: model?.digest }, 1]]);
  });

  it('finds values for every variable of the dashboard', async () => {
    const choices = new Map<string, readonly string[]>();
    for (const { name, definition } of grafanaDashboard(service.registry).templating.list) {
      if (definition === undefined) continue;
      const [, selector = '', label = ''] = /^label_values\((.*), (\w+)\)$/.exec(fillIn(definition)) ?? [];
      choices.set(name, await prometheus.ask<string[]>(`label/${label}/values`, { 'match[]': selector }));
    }
    expect(Object.fromEntries(choices)).toEqual({
      job: ['shop'],
      model_name: ['mock'],
      model_version: [service.monitor.snapshot().model?.version],
      method: ['ks', 'psi'],
    });
  });

  it('evaluates every alert rule, and raises that of drift', async () => {
    const expected = alertRules(service.registry).groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
    const rules = await prometheus.until('rules that were evaluated', async () => {
      type Groups = { groups: { rules: { name: string; health: string; lastError?: string }[] }[] };
      const { groups } = await prometheus.ask<Groups>('rules');
      const all = groups.flatMap((group) => group.rules);
      return all.every(({ health }) => health !== 'unknown') ? all : undefined;
    });
    expect(rules.map(({ name }) => name).sort()).toEqual(expected.sort());
    for (const { health, lastError } of rules)
      expect({ health, lastError }).toEqual({ health: 'ok', lastError: undefined });
    const alert = await prometheus.until('alert of drift', async () => {
      const { alerts } = await prometheus.ask<{
        alerts: { labels: Record<string, string>; annotations: Record<string, string> }[];
      }>('alerts');
      return alerts.find(({ labels }) => labels.alertname === 'ModelInputDrift');
    });
    expect(alert.labels).toMatchObject({ job: 'shop', model_name: 'mock', severity: 'warning' });
    expect(alert.annotations.summary).toMatch(/^The inputs of model mock \w+ have drifted/);
  });

  describe('promtool', () => {
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'fairlead-promtool-'));
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    /** Writes rules and their tests. */
    async function write(options: AlertRuleTestsOptions, change = (rules: string): string => rules) {
      const { ruleFile: _ruleFile, ...ruleOptions } = options;
      const families = service.registry.describe();
      await writeFile(join(folder, 'alerts.yml'), change(await toYaml(alertRules(families, ruleOptions))));
      await writeFile(join(folder, 'alerts.test.yml'), await toYaml(alertRuleTests(families, options)));
    }

    const chosen: AlertRuleTestsOptions = {
      where: { job: 'other', env: 'it\'s "live"' },
      labels: { team: 'search' },
      runbookUrl: 'https://example.com/runbook',
      thresholds: {
        errorRatio: 0.3,
        refusedRatio: 0.5,
        latencySeconds: 4,
        queueSeconds: 0.0001,
        laneBusyRatio: 0.5,
        laneRestarts: 0,
        turnedAwayRatio: 0.3,
        harmEvidenceRatio: 0.9,
        shadowExcessRatio: 0.2,
        observedRatio: 0.8,
        missingRatio: 0.9,
      },
      alerts: {
        ModelCircuitOpen: false,
        ModelInputDrift: { for: '40m', severity: 'critical' },
        ModelSwapFailed: { for: '20m' },
        ModelDriftAlarm: { for: '7m' },
        RolloutRolledBack: { for: '30m', severity: 'critical' },
        ModelTargetDown: { for: '30s' },
        MetricsCollectFailing: { for: '0s' },
      },
    };

    it.each([
      ['as they are', {}, 33],
      ['with everything chosen otherwise', chosen, 32],
    ] as const)('accepts the rules, and their tests pass, %s', async (_, options, count) => {
      await write(options);
      expect(check('check', 'rules', join(folder, 'alerts.yml'))).toMatchObject({
        status: 0,
        said: expect.stringContaining(`${count} rules found`),
      });
      expect(check('test', 'rules', join(folder, 'alerts.test.yml'))).toMatchObject({
        status: 0,
        said: expect.stringContaining('SUCCESS'),
      });
    });

    it('fails the tests of rules that were changed, so that passing means something', async () => {
      await write({}, (rules) =>
        rules
          .replace('> 0.05', '> 0.9')
          .replace('have drifted', 'are the same')
          .replaceAll('severity: info', 'severity: warning'),
      );
      const { status, said } = check('test', 'rules', join(folder, 'alerts.test.yml'));
      expect(status).not.toBe(0);
      const failed = new Set(said.match(/alertname: ?(\w+)/g)?.map((match) => match.replace(/^.*: ?/, '')));
      expect(failed).toEqual(
        new Set([
          'ServerErrorRatioHigh',
          'ModelInputDrift',
          'ModelDeviceFallback',
          'RolloutWaitsForApproval',
          'ModelInputDriftWarning',
          'ModelDriftAlarm',
          'MetricsValuesDropped',
          'MetricsSeriesFolded',
        ]),
      );
    });
  });
});

/** The samples of an exposition by name and labels, without what never rests. */
function samplesOf(text: string): Map<string, number> {
  const samples = readOpenMetrics(text).flatMap((family) => family.samples);
  return new Map(samples.filter(({ name }) => !restless.has(name)).map((sample) => [identityOf(sample), sample.value]));
}

function isEqual(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
  return a.size === b.size && [...a].every(([identity, value]) => Object.is(b.get(identity), value));
}

function hasNumber({ value, values = [] }: QueryResult): boolean {
  return [...(value === undefined ? [] : [value]), ...values].some(([, text]) => Number.isFinite(Number(text)));
}
