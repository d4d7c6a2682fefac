import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { remote } from '@fairlead/core/remote';
import type { AlertRules, GrafanaDashboard, GrafanaPanel } from '@fairlead/node/dashboards';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readRows } from '../../examples/service/digits';
import { type RunningService, startService } from '../../examples/service/start-service.fixture';
import { type PrometheusProcess, type QueryResult, startPrometheus } from './prometheus-process';
import { preparePrometheus } from './setup';

/* The example service, scraped by Prometheus with the files that lie beside it. */

const programs = preparePrometheus();
const folder = new URL('../../examples/service/', import.meta.url);
const read = (name: string): Promise<string> => readFile(new URL(name, folder), 'utf8');

function promtool(...args: readonly string[]): { readonly status: number | null; readonly said: string } {
  const program = 'missing' in programs ? '' : programs.promtool;
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: fileURLToPath(folder),
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status, said: stdout + stderr };
}

/** The committed settings, with what a test cannot leave as it is: the port, which is free here, and how long a scrape waits. */
function settingsFor(text: string, target: string): string {
  let settings = text;
  for (const [from, to] of [
    ['127.0.0.1:8080', target],
    ['scrape_interval: 5s', 'scrape_interval: 500ms'],
    ['evaluation_interval: 5s', 'evaluation_interval: 1s'],
  ] as const) {
    if (settings.split(from).length !== 2) throw new Error(`prometheus.yml has "${from}" not once`);
    settings = settings.replace(from, to);
  }
  return settings;
}

/** What Grafana puts in place of its variables when nothing was chosen yet. */
function fillIn(text: string): string {
  const values: Readonly<Record<string, string>> = { __rate_interval: '30s', method: 'psi' };
  return text.replace(/\$(\w+)/g, (_, name: string) => values[name] ?? '.*');
}

const isNumber = ([, value]: readonly [number, string]): boolean => Number.isFinite(Number(value));
const hasNumber = ({ value, values }: QueryResult): boolean =>
  (value !== undefined ? [value] : (values ?? [])).some(isNumber);

describe.skipIf('missing' in programs)('Prometheus with the files of examples/service', { timeout: 90_000 }, () => {
  let service: RunningService;
  let prometheus: PrometheusProcess;

  beforeAll(async () => {
    if ('missing' in programs) return;
    service = await startService({ DRAIN_DELAY_MS: '0' });
    prometheus = await startPrometheus(programs.prometheus, {
      'prometheus.yml': settingsFor(await read('prometheus.yml'), `127.0.0.1:${service.port}`),
      'generated/alerts.yml': await read('generated/alerts.yml'),
    });
    // Rates need two looks at a counter, and something in between.
    await work(200);
    await work(400);
  }, 120_000);

  afterAll(async () => {
    await prometheus?.close();
    service?.process.kill('SIGTERM');
    expect(await service?.ended).toEqual([0, null]);
  });

  let answered = 0;
  /** Has so many pictures read, and waits until Prometheus knows. */
  async function work(pictures: number): Promise<void> {
    const rows = await readRows('test');
    const digits = await remote({ url: service.url, model: 'digits' });
    for (let sent = 0; sent < pictures; sent += 20) {
      await Promise.all(rows.slice(sent % 500, (sent % 500) + 20).map((pixels) => digits.run({ pixels })));
    }
    await digits.close();
    // Something wrong too, so that there are failures to show.
    await fetch(`${service.url}/v2/models/digits/infer`, { method: 'POST', body: 'no JSON' });
    answered += pictures;
    await prometheus.until(`${answered} calls`, async () => {
      const [found] = await prometheus.query('ml_server_request_success_total{operation="infer"}');
      return Number(found?.value?.[1]) === answered ? found : undefined;
    });
  }

  it('finds the service up, under the job that its rules ask for', async () => {
    const [up] = await prometheus.query('up{job="digits"}');
    expect(up?.value?.[1]).toBe('1');
  });

  it('has data for every query of every panel of the committed dashboard', async () => {
    const dashboard = JSON.parse(await read('generated/dashboard.json')) as GrafanaDashboard;
    const panels = dashboard.panels.filter((panel): panel is GrafanaPanel => panel.type !== 'row');
    expect(panels.length).toBeGreaterThan(25);
    const empty: string[] = [];
    for (const { title, targets } of panels) {
      for (const { expr, instant } of targets) {
        const query = fillIn(expr);
        const results = instant ? await prometheus.query(query) : await prometheus.queryRange(query);
        if (!results.some(hasNumber)) empty.push(`${title}: ${query}`);
      }
    }
    expect(empty).toEqual([]);
  });

  it('evaluates every committed alert rule, and raises none of a service that is well', async () => {
    const rules = parse(await read('generated/alerts.yml')) as AlertRules;
    const expected = rules.groups.flatMap((group) => group.rules.map(({ alert }) => alert));
    const states = await prometheus.until('evaluated rules', async () => {
      const { groups } = await prometheus.ask<{
        groups: { rules: { name: string; health: string; state: string }[] }[];
      }>('rules');
      const found = groups.flatMap((group) => group.rules);
      return found.every(({ health }) => health === 'ok') ? found : undefined;
    });
    expect(states.map(({ name }) => name).sort()).toEqual([...expected].sort());
    expect(states.filter(({ state }) => state === 'firing')).toEqual([]);
  });

  it('passes settings, rules and their tests by promtool', () => {
    for (const args of [
      ['check', 'config', 'prometheus.yml'],
      ['check', 'rules', 'generated/alerts.yml'],
      ['test', 'rules', 'generated/alerts.test.yml'],
    ]) {
      const { status, said } = promtool(...args);
      expect([status, said]).toEqual([0, expect.stringMatching(/SUCCESS/)]);
    }
  });
});
