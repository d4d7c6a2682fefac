import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type GrafanaDashboard, grafanaDashboard } from '@fairlead/node/dashboards';
import { beforeAll, describe, expect, it } from 'vitest';
import { instrumentedRegistry } from '../../packages/node/src/dashboards/instrumented.fixture';
import { prepareGrafanaSdk } from './setup';

const { command = '', missing } = { command: undefined, ...prepareGrafanaSdk() };
const fileAt = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** What Grafana's own types do not know of dashboards. */
function faultsOf(...dashboards: readonly unknown[]): string[][] {
  const options = { input: JSON.stringify(dashboards), encoding: 'utf8', timeout: 120_000, maxBuffer: 10e6 } as const;
  return JSON.parse(execFileSync(command, [fileAt('grafana_dashboard.py')], options)) as string[][];
}

describe.skipIf(missing !== undefined)("Grafana's Foundation SDK", { timeout: 180_000 }, () => {
  let dashboard: GrafanaDashboard;
  beforeAll(async () => {
    dashboard = grafanaDashboard(await instrumentedRegistry());
  });

  it('knows every field of a dashboard of all families, and its type', () => {
    expect(faultsOf(dashboard)).toEqual([[]]);
  });

  it('knows that of the example', async () => {
    const text = await readFile(fileAt('../../examples/service/generated/dashboard.json'), 'utf8');
    expect(faultsOf(JSON.parse(text))).toEqual([[]]);
  });

  it('finds what is wrong', () => {
    const panels = dashboard.panels.map((panel) => (panel.type === 'timeseries' ? { ...panel, titel: 'x' } : panel));
    expect(faultsOf({ ...dashboard, panels })[0]?.[0]).toMatch(/panels\.\d+\.titel: unknown/);
    expect(faultsOf({ ...dashboard, editable: 'yes' })[0]?.join()).toContain('.editable: no bool');
    const text = JSON.stringify(dashboard).replaceAll('"drawStyle":"line"', '"drawStyle":"zigzag"');
    expect(faultsOf(JSON.parse(text))[0]?.join()).toContain("'zigzag' is none of");
  });
});
