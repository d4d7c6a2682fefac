import type { ModelRunner } from '@fairlead/core';
import { type Registry, renderMetrics } from '@fairlead/core/metrics';
import { remote } from '@fairlead/core/remote';
import { type Server, serve } from '@fairlead/node/server';
import { type Digits, pixelCount } from './digits';
import { faint, heading, line, strong } from './terminal';

/** Families of the metrics page that are shown. */
const shown = [
  'ml_prediction_request_success_total',
  'ml_drift_alarms_total',
  'ml_drift_state',
  'ml_feature_drift_score',
];
const linesOfEach = 3;

/** Step 5: the same runner over HTTP, asked by our own remote runner and by plain `fetch`. */
export async function serveDigits(runner: ModelRunner, metrics: Registry, test: Digits, port: number): Promise<Server> {
  heading(5, 'Serve');
  const page = { render: (accept: string | undefined) => renderMetrics(metrics, accept) };
  const server = await serve({ digits: runner }, { port, metrics: page });
  const [pixels, label] = [test.rows[0] as Float32Array, test.labels[0]];

  const far = await remote({ url: server.url, model: 'digits' });
  const answer = await far.run({ pixels });
  await far.close();
  line('remote()', `says ${strong(String(answer.outputs.label?.data[0]))}, and it is a ${label}`);

  const body = { inputs: [{ name: 'pixels', shape: [1, pixelCount], datatype: 'FP32', data: Array.from(pixels) }] };
  const url = `${server.url}/v2/models/digits/infer`;
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  const { outputs } = (await response.json()) as { outputs: { name: string; data: number[] }[] };
  line('fetch', `says ${strong(String(outputs.find(({ name }) => name === 'label')?.data[0]))}`);

  const text = await (await fetch(`${server.url}/metrics`)).text();
  line('/metrics', faint(`${text.split('\n').length} lines, among them`));
  for (const family of shown) {
    const samples = text.split('\n').filter((sample) => sample.startsWith(family) && !sample.endsWith(' 0'));
    for (const sample of samples.slice(0, linesOfEach)) console.log(`     ${faint(sample)}`);
  }

  const small = JSON.stringify({ inputs: [{ ...body.inputs[0], data: Array.from(pixels, Math.round) }] });
  line('by hand', faint('while it runs (npm run quickstart -- --serve)'));
  console.log(`     curl -s ${url} -d '${small}'`);
  return server;
}
