import { createRegistry, type FamilyDescription, type Registry } from '@fairlead/core/metrics';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { instrumentedRegistry } from '../instrumented.fixture';
import { grafanaDashboard } from './grafana-dashboard';
import { grafanaSchema } from './grafana-schema.fixture';
import type { GrafanaDashboard, GrafanaPanel, GrafanaPlace } from './model';

const family = (
  name: string,
  type: string,
  more: Partial<Omit<FamilyDescription, 'type'>> = {},
): FamilyDescription => ({
  name,
  type: type as FamilyDescription['type'],
  help: `What ${name} tells.`,
  unit: '',
  labels: [],
  ...more,
});

function panelsOf(dashboard: GrafanaDashboard): GrafanaPanel[] {
  return dashboard.panels.filter((panel): panel is GrafanaPanel => panel.type !== 'row');
}

function panelOf(dashboard: GrafanaDashboard, title: string): GrafanaPanel {
  const found = panelsOf(dashboard).filter((panel) => panel.title === title);
  expect(found, title).toHaveLength(1);
  return found[0] as GrafanaPanel;
}

/** A user's registry without any of Fairlead's instruments. */
function shop(): Registry {
  const registry = createRegistry({ prefix: 'shop_' });
  registry.counter({ name: 'orders', help: 'Orders.', labels: ['channel'] });
  registry.counter({ name: 'work_seconds', unit: 'seconds', help: 'Work.' });
  registry.gauge({ name: 'disk_bytes', unit: 'bytes', help: 'Disk.', labels: ['disk'] });
  registry.histogram({ name: 'basket_euros', unit: 'euros', help: 'Baskets.' });
  registry.gaugeHistogram({ name: 'cold_celsius', unit: 'celsius', help: 'Cold.', labels: ['site'], buckets: [-1, 1] });
  registry.info({ name: 'build', help: 'Build.', labels: ['commit'] });
  registry.stateSet({ name: 'feed', help: 'Feed.', states: ['ok', 'a "bit"\\late', 'dead'] });
  return registry;
}

function expectSound(dashboard: GrafanaDashboard): void {
  const checked = grafanaSchema.safeParse(dashboard);
  expect(checked.error?.issues ?? []).toEqual([]);
  expect(JSON.parse(JSON.stringify(dashboard))).toEqual(dashboard);
  const ids = dashboard.panels.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { targets } of panelsOf(dashboard)) {
    expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
  }
  const places = dashboard.panels.map(({ gridPos }) => gridPos);
  for (const [index, place] of places.entries()) {
    expect(place.x + place.w).toBeLessThanOrEqual(24);
    for (const other of places.slice(index + 1)) expect(overlap(place, other)).toBe(false);
  }
}

function overlap(a: GrafanaPlace, b: GrafanaPlace): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

describe('grafanaDashboard', () => {
  it('has a row for each subject, and nothing but panels of its own for what the instruments tell', async () => {
    const registry = await instrumentedRegistry();
    const dashboard = grafanaDashboard(registry);
    expectSound(dashboard);
    expect(dashboard.panels.filter(({ type }) => type === 'row').map(({ title }) => title)).toEqual([
      'Overview',
      'Server',
      'Serving',
      'Batches and queue',
      'Lanes',
      'Model versions',
      'Rollouts',
      'Cache',
      'Resilience',
      'Drift',
      'Data quality',
      'Alerts',
      'Metrics about the metrics',
    ]);
    expect(panelsOf(dashboard).map(({ title }) => title)).toMatchInlineSnapshot(`
      [
        "Models",
        "Requests",
        "Errors",
        "Slowest answers",
        "Drift",
        "Calls a second",
        "Failed calls by code",
        "Refused calls",
        "Time from the arrival of a call to its end",
        "Calls under way",
        "Requests a second",
        "Failed requests by code",
        "Error ratio",
        "Time to an answer",
        "Distribution of the time to an answer",
        "Where the time goes",
        "Time to compute a batch",
        "Rows a second",
        "Rows of a batch",
        "Batches by why they left",
        "Waiting in the queue",
        "Time in the queue",
        "Batches that are being computed",
        "Failed batches",
        "Busy share of each lane",
        "Memory of each lane",
        "Workers lost and started again",
        "Swaps",
        "Time to load a model",
        "Devices that could not be had",
        "Where rollouts stand",
        "Shares of the traffic",
        "Requests by arm",
        "Decisions",
        "Evidence of harm",
        "Evidence that it is no worse",
        "Challenger less control",
        "Pairs of blocks that were compared",
        "Failures by arm",
        "Sample ratio",
        "Degraded",
        "Mean reward by arm",
        "Rewards by arm",
        "Shadow: disagreement with the champion",
        "Shadow: requests and comparisons",
        "Shadow: requests that it was spared",
        "Shadow: how far it is behind",
        "Shadow: requests that wait",
        "Shadow: budget used",
        "Requests answered from memory",
        "Requests to the cache",
        "Answers that are remembered",
        "Memory of the cache",
        "Circuit breaker",
        "Circuit breaker: failures and refusals",
        "Retries",
        "Retries given up",
        "Bulkhead",
        "Turned away by the bulkhead",
        "Timeouts",
        "Second runner",
        "State over time",
        "Evidence of drift",
        "Alarms",
        "Evidence of each feature",
        "Distance of each feature over time",
        "Farthest features now",
        "Rows that the monitor counted",
        "Rows left out, by reason",
        "Time that the monitor takes",
        "Data quality over time",
        "Rules over time",
        "Values that break a rule",
        "Age of the data",
        "Rows that were checked",
        "Rows that were not checked, by reason",
        "Tests of rules that threw",
        "Time that checking takes",
        "Missing values a second",
        "Rows in which a feature is missing",
        "Alerts by sink and outcome",
        "Episodes that last",
        "Alerts that wait for a sink",
        "Values that were not recorded",
        "Label sets past the cap of their family",
        "Collect callbacks that failed",
      ]
    `);
    const shown = panelsOf(dashboard)
      .flatMap(({ targets }) => targets.map(({ expr }) => expr))
      .join('\n');
    for (const { name } of registry.describe()) expect(shown).toContain(name);
  });

  it('shows the same of a registry with a prefix', async () => {
    const [plain, prefixed] = [await instrumentedRegistry(), await instrumentedRegistry({ prefix: 'shop_' })].map(
      (registry) => grafanaDashboard(registry),
    );
    const withoutPrefix = JSON.stringify(prefixed).replaceAll('shop_', '');
    expect(JSON.parse(withoutPrefix)).toEqual(plain);
  });

  it('asks for the models that were chosen, and for rates over the window of the screen', async () => {
    const dashboard = grafanaDashboard(await instrumentedRegistry());
    const chosen = 'job=~"$job", model_name=~"$model_name", model_version=~"$model_version"';
    expect(panelOf(dashboard, 'Rows a second').targets[0]?.expr).toBe(
      `sum by (model_name, model_version) (rate(ml_prediction_rows_total{${chosen}}[$__rate_interval]))`,
    );
    expect(
      panelOf(dashboard, 'Time to an answer').targets.map(({ expr, legendFormat }) => [expr, legendFormat])[1],
    ).toEqual([
      `histogram_quantile(0.95, sum by (le, model_name, model_version) (rate(ml_prediction_duration_seconds_bucket{${chosen}}[$__rate_interval])))`,
      'p95 · {{model_name}} {{model_version}}',
    ]);
    expect(panelOf(dashboard, 'State over time').targets[0]?.expr).toBe(
      `max by (model_name, model_version) (sum without (ml_drift_state) (${['ok', 'warning', 'drift']
        .map((state, index) => `ml_drift_state{${chosen}, ml_drift_state="${state}"} * ${index}`)
        .join(' or ')}))`,
    );
    expect(
      dashboard.templating.list.map(({ name, query }) => [name, typeof query === 'string' ? query : query.query]),
    ).toEqual([
      ['datasource', 'prometheus'],
      ['job', 'label_values(ml_model_info, job)'],
      ['model_name', 'label_values(ml_model_info{job=~"$job"}, model_name)'],
      ['model_version', 'label_values(ml_model_info{job=~"$job", model_name=~"$model_name"}, model_version)'],
      ['method', 'label_values(ml_feature_drift_score{job=~"$job", model_name=~"$model_name"}, method)'],
    ]);
    expect(dashboard.annotations.list.map(({ name }) => name)).toEqual([
      'Annotations & Alerts',
      'Swaps',
      'Drift alarms',
      'Decisions of rollouts',
    ]);
  });

  it('describes each panel by the HELP of its families', async () => {
    const dashboard = grafanaDashboard(await instrumentedRegistry());
    expect(panelOf(dashboard, 'Requests a second').description).toBe(
      'Requests that were answered. Requests that ended with an error, by its code.',
    );
    expect(panelOf(dashboard, 'Farthest features now').description).toBe(
      'Distance of the window from the reference, by method. By the method that is chosen above.',
    );
  });

  it('draws the levels of evidence where they are registered', async () => {
    const described = (await instrumentedRegistry()).describe();
    const withoutLevels = described.filter(({ name }) => !name.endsWith('_level_log10'));
    const [without, within] = [withoutLevels, described].map((families) =>
      panelOf(grafanaDashboard(families), 'Evidence of drift'),
    );
    expect(without?.targets).toHaveLength(1);
    expect(within?.targets.map(({ legendFormat }) => legendFormat)).toEqual([
      'evidence · {{model_name}} {{model_version}}',
      'alarm from here on · {{model_name}} {{model_version}}',
      'warning from here on · {{model_name}} {{model_version}}',
    ]);
    expect(within?.targets[1]?.expr).toMatch(/^min by \(model_name, model_version\) \(ml_drift_alarm_level_log10\{/);
    expect(within?.id).toBe(without?.id);
  });

  it('shows the evidence of the features that have the most', async () => {
    const { type, targets } = panelOf(grafanaDashboard(await instrumentedRegistry()), 'Evidence of each feature');
    expect(type).toBe('timeseries');
    expect(targets.map(({ expr, legendFormat }) => [expr, legendFormat])).toEqual([
      [
        expect.stringMatching(
          /^topk\(30, max by \(model_name, model_version, feature\) \(ml_feature_drift_evidence_log10\{/,
        ),
        '{{feature}} · {{model_name}} {{model_version}}',
      ],
    ]);
  });

  it('has a panel for any family, by its type', () => {
    const dashboard = grafanaDashboard(shop());
    expectSound(dashboard);
    const about = (title: string) => {
      const { type, description, fieldConfig, targets } = panelOf(dashboard, title);
      return { type, description, unit: fieldConfig.defaults.unit, queries: targets.map(({ expr }) => expr) };
    };
    const job = 'job=~"$job"';
    expect(about('Shop orders')).toEqual({
      type: 'timeseries',
      description: 'Orders.',
      unit: 'cps',
      queries: [`sum by (channel) (rate(shop_orders_total{${job}}[$__rate_interval]))`],
    });
    expect(about('Shop work')).toMatchObject({
      unit: 'percentunit',
      queries: [`sum(rate(shop_work_seconds_total{${job}}[$__rate_interval]))`],
    });
    expect(about('Shop disk')).toMatchObject({
      type: 'timeseries',
      unit: 'bytes',
      queries: [`max by (disk, instance) (shop_disk_bytes{${job}})`],
    });
    expect(about('Shop basket')).toMatchObject({
      type: 'timeseries',
      unit: 'short',
      queries: [0.5, 0.95, 0.99].map(
        (quantile) =>
          `histogram_quantile(${quantile}, sum by (le) (rate(shop_basket_euros_bucket{${job}}[$__rate_interval])))`,
      ),
    });
    expect(about('Shop cold')).toMatchObject({
      unit: 'celsius',
      queries: [0.5, 0.95, 0.99].map(
        (quantile) => `histogram_quantile(${quantile}, sum by (le, site) (shop_cold_celsius_bucket{${job}}))`,
      ),
    });
    expect(about('Shop build')).toMatchObject({
      type: 'table',
      queries: [`max by (commit) (shop_build_info{${job}})`],
    });
    expect(about('Shop feed')).toMatchObject({ type: 'state-timeline', unit: 'none' });
    expect(about('Shop feed').queries[0]).toContain(String.raw`shop_feed{${job}, shop_feed="a \"bit\"\\late"} * 1`);
    const [mapping] = panelOf(dashboard, 'Shop feed').fieldConfig.defaults.mappings;
    expect(Object.values(mapping?.options ?? {}).map(({ text, color }) => [text, color])).toEqual([
      ['ok', 'green'],
      ['a "bit"\\late', 'purple'],
      ['dead', 'orange'],
    ]);
    expect(dashboard.templating.list.map(({ name }) => name)).toEqual(['datasource', 'job']);
  });

  it('shows summaries and families of no known type, and finds each the row of its subject', () => {
    const model = ['model_name', 'model_version'];
    const dashboard = grafanaDashboard([
      family('old_wait', 'summary', { labels: ['queue'] }),
      family('legacy', 'unknown'),
      family('ml_estimated_performance_ratio', 'gauge', { unit: 'ratio', labels: [...model, 'metric'] }),
      family('shop_ml_label_lag_seconds', 'histogram', { unit: 'seconds', labels: model }),
      family('ml_data_new', 'gauge', { labels: model }),
      family('ml_embedding_distance', 'gauge', { labels: model }),
    ]);
    expectSound(dashboard);
    expect(dashboard.panels.map(({ title }) => title)).toEqual([
      'Drift',
      'Ml embedding distance',
      'Performance',
      'Ml estimated performance',
      'Shop ml label lag',
      'Data quality',
      'Ml data new',
      'Other metrics',
      'Old wait',
      'Legacy',
    ]);
    expect(panelOf(dashboard, 'Old wait').targets[0]?.expr).toBe('max by (queue, quantile) (old_wait{job=~"$job"})');
    expect(panelOf(dashboard, 'Legacy').targets[0]?.expr).toBe('max by (instance) (legacy{job=~"$job"})');
  });

  it("leaves a family that is called like one of Fairlead's and is another one to the panels of its type", () => {
    const dashboard = grafanaDashboard([family('ml_drift_state', 'gauge'), family('ml_drift_alarms', 'counter')]);
    expect(panelsOf(dashboard).map(({ title, type }) => [title, type])).toEqual([
      ['Alarms', 'timeseries'],
      ['Ml drift state', 'timeseries'],
    ]);
  });

  it('keeps ids and uid whatever is registered beside', async () => {
    const registry = await instrumentedRegistry();
    const before = grafanaDashboard(registry);
    registry.gauge({ name: 'shop_stock', help: 'Stock.' });
    const after = grafanaDashboard(registry);
    expect(after.uid).toBe(before.uid);
    const idsAfter = new Map(panelsOf(after).map(({ title, id }) => [title, id]));
    for (const { title, id } of panelsOf(before)) expect(idsAfter.get(title)).toBe(id);
    expect(grafanaDashboard(registry)).toEqual(after);
    expect(grafanaDashboard(registry, { title: 'Another' }).uid).not.toBe(before.uid);
  });

  it('is sound whatever the families are', () => {
    const names = fc.uniqueArray(fc.stringMatching(/^(ml_(drift|cache|data|lane)_)?[a-z]{1,6}(_[a-z]{1,4}){0,2}$/), {
      minLength: 1,
      maxLength: 20,
    });
    const about = fc.record({
      type: fc.constantFrom(
        'counter',
        'gauge',
        'histogram',
        'gaugehistogram',
        'summary',
        'info',
        'stateset',
        'unknown',
      ),
      help: fc.string({ minLength: 1 }),
      labels: fc.subarray(['model_name', 'model_version', 'feature', 'code']),
      states: fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 5 }),
    });
    fc.assert(
      fc.property(
        names.chain((all) =>
          fc.tuple(...all.map((name) => about.map(({ type, ...rest }) => family(name, type, rest)))),
        ),
        (families) => {
          expectSound(grafanaDashboard(families));
        },
      ),
      { numRuns: 60, seed: 5 },
    );
  });

  it('takes what the user chose', () => {
    const dashboard = grafanaDashboard(shop(), {
      title: 'Shop',
      uid: 'shop-models',
      tags: ['shop'],
      from: 'now-1h',
      refresh: '',
      quantiles: [0.999, 0.5],
    });
    expectSound(dashboard);
    expect(dashboard).toMatchObject({
      title: 'Shop',
      uid: 'shop-models',
      tags: ['shop'],
      time: { from: 'now-1h', to: 'now' },
      refresh: '',
    });
    expect(panelOf(dashboard, 'Shop basket').targets.map(({ legendFormat }) => legendFormat)).toEqual(['p50', 'p99.9']);
  });

  it.each([
    [{ uid: 'no spaces' }, 'uid', 'up to 40 letters, digits, - and _'],
    [{ quantiles: [] }, 'quantiles', 'at least 1'],
    [{ quantiles: [1] }, 'quantiles.0', 'less than 1'],
    [{ refresh: 'often' }, 'refresh', 'a duration such as 30s, or nothing'],
    [{ tittle: 'x' }, 'tittle', 'no such option'],
  ])('refuses %j', (options, field, expected) => {
    expect(() => grafanaDashboard(shop(), options as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field, expected }) }),
    );
  });
});
