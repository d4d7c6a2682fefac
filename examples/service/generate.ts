import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { consoleLogger } from '@fairlead/core';
import { alertRules, alertRuleTests, grafanaDashboard, toYaml } from '@fairlead/node/dashboards';
import { openModels } from './models';

/* Writes the dashboard, the alert rules and their tests into `generated/`, from the metrics that the service has. */

const models = await openModels(consoleLogger);
const options = { where: { job: 'digits' }, thresholds: { latencySeconds: 0.25, queueSeconds: 0.1 } };
const files: Readonly<Record<string, string>> = {
  'dashboard.json': `${JSON.stringify(grafanaDashboard(models.metrics, { title: 'Digits' }), undefined, 2)}\n`,
  'alerts.yml': await toYaml(alertRules(models.metrics, options)),
  'alerts.test.yml': await toYaml(alertRuleTests(models.metrics, { ...options, ruleFile: 'alerts.yml' })),
};
await models.close();

const folder = process.argv[2] ?? fileURLToPath(new URL('generated', import.meta.url));
for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
