import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type GrafanaDashboard, grafanaDashboard } from '@fairlead/node/dashboards';
import { beforeAll, describe, expect, it } from 'vitest';
import { instrumentedRegistry } from '../../packages/node/src/dashboards/instrumented.fixture';
import { grafanaSdkVersions, prepareGrafanaSdk } from './setup';

const fileAt = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * What Grafana itself writes into every dashboard, and its types leave to who reads it: a null in place of an id, and fields of
 * Prometheus' annotations and variables.
 */
const untyped =
  /^\.(id|annotations\.list\.\d+\.(builtIn|titleFormat|textFormat)|templating\.list\.\d+\.definition): unknown$/;

describe.each(grafanaSdkVersions)("Grafana's Foundation SDK %s", { timeout: 180_000 }, (version) => {
  const { command = '', missing } = { command: undefined, ...prepareGrafanaSdk(version) };
  let dashboard: GrafanaDashboard;
  beforeAll(async () => {
    dashboard = grafanaDashboard(await instrumentedRegistry());
  });

  /** What Grafana's own types do not know of a dashboard. */
  function faultsOf(given: unknown): string[] {
    const options = { input: JSON.stringify([given]), encoding: 'utf8', timeout: 120_000, maxBuffer: 10e6 } as const;
    const [faults = []] = JSON.parse(execFileSync(command, [fileAt('grafana_dashboard.py')], options)) as string[][];
    return faults.filter((fault) => !untyped.test(fault));
  }

  it.skipIf(missing !== undefined)('knows every field of a dashboard of all families, and its type', () => {
    expect(faultsOf(dashboard)).toEqual([]);
  });

  it.skipIf(missing !== undefined)('knows that of the example', async () => {
    const text = await readFile(fileAt('../../examples/service/generated/dashboard.json'), 'utf8');
    expect(faultsOf(JSON.parse(text))).toEqual([]);
  });

  it.skipIf(missing !== undefined)('finds what is wrong', () => {
    const panels = dashboard.panels.map((panel) => (panel.type === 'timeseries' ? { ...panel, titel: 'x' } : panel));
    expect(faultsOf({ ...dashboard, panels })[0]).toMatch(/panels\.\d+\.titel: unknown/);
    expect(faultsOf({ ...dashboard, editable: 'yes' }).join()).toContain('.editable: no bool');
    const text = JSON.stringify(dashboard).replaceAll('"drawStyle":"line"', '"drawStyle":"zigzag"');
    expect(faultsOf(JSON.parse(text)).join()).toContain("'zigzag' is none of");
  });
});
