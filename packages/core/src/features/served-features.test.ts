import { afterEach, expect, test } from 'vitest';
import { createRegistry, renderMetrics } from '../metrics/index';
import { createRunner } from '../runner/create-runner';
import type { ModelRunner } from '../runner/runner';
import { createHandler, openApi, openInference, tensorflowServing } from '../serving/index';
import { createMockBackend, mockModel } from '../testing/index';
import { createMemoryFeatureStore, instrumentFeatures, withFeatures } from './index';

const open: ModelRunner[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((runner) => runner.close()));
});

test('a runner with features is served as it is: by its join keys, described by them, with ages at /metrics', async () => {
  const store = createMemoryFeatureStore();
  await store.write({ user: 'u1' }, { age: 4, income: 5 });
  const model = await createRunner({ model: mockModel('1'), backend: createMockBackend(), warmUp: false });
  const clicks = withFeatures(model, { store, entity: { user: 'string' }, features: { x: ['age', 'income'] } });
  open.push(clicks);
  const registry = createRegistry();
  instrumentFeatures(registry, clicks);
  const metrics = { render: (accept?: string) => renderMetrics(registry, accept) };
  const handle = createHandler({ clicks }, { metrics, protocols: [openInference(), tensorflowServing(), openApi()] });
  const ask = (path: string, body?: object) =>
    handle(new Request(`http://test${path}`, body && { method: 'POST', body: JSON.stringify(body) }));

  const inputs = [{ name: 'user', shape: [1], datatype: 'BYTES', data: ['u1'] }];
  const answer = await ask('/v2/models/clicks/infer', { inputs });
  expect(await answer.json()).toMatchObject({ outputs: [{ name: 'y', data: [8, 10] }] });
  const other = await ask('/v1/models/clicks:predict', { instances: ['u1', 'u1'] });
  expect(await other.json()).toEqual({
    predictions: [
      [8, 10],
      [8, 10],
    ],
  });
  expect((await ask('/v2/models/clicks/infer', { inputs: [{ ...inputs[0], data: ['nobody'] }] })).status).toBe(404);

  const document = JSON.stringify(await (await ask('/openapi.json')).json());
  expect(document).toContain('"const":"user"');
  expect(document).not.toContain('"const":"x"');
  const page = await (await ask('/metrics')).text();
  expect(page).toMatch(/^ml_feature_age_seconds_count\{.*feature="age".*\} 3$/m);
});
