import { afterEach, describe, expect, it } from 'vitest';
import type { ModelRunner } from '../../runner/runner';
import { asker, mockRunner, tabularRunner } from '../scoring/serving.fixture';
import { type VertexAiOptions, vertexAi } from './protocol';

const open: ModelRunner[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((runner) => runner.close()));
});

async function keep(made: Promise<ModelRunner>): Promise<ModelRunner> {
  const runner = await made;
  open.push(runner);
  return runner;
}

describe('vertexAi', () => {
  it('answers instances by predictions, and tells what answered', async () => {
    const ask = asker(await keep(mockRunner()), vertexAi({ deployedModelId: '34' }));
    const facts = { deployedModelId: '34', model: 'mock', modelVersionId: '1' };
    expect(
      (
        await ask('POST', '/predict', {
          instances: [
            [1, 2],
            [3, 4],
          ],
        })
      ).body,
    ).toEqual({
      predictions: [
        [2, 4],
        [6, 8],
      ],
      ...facts,
    });
    const tabular = asker(await keep(tabularRunner()), vertexAi());
    const body = { instances: [{ x: [1, 2] }, { x: [-3, 2] }], parameters: { scale: 2 } };
    expect((await tabular('POST', '/predict', body)).body).toMatchObject({
      predictions: [
        { total: 6, label: 'yes' },
        { total: -2, label: 'no' },
      ],
    });
    expect(
      (await tabular('POST', '/predict', '{"instances": [{"x": [NaN, 1]}], "parameters": {"scale": 1}}')).body,
    ).toMatchObject({
      predictions: [{ total: 'NaN' }],
    });
  });

  it('answers at the routes that Vertex AI makes for itself', async () => {
    let isOpen = true;
    const healthRoute = '/v1/endpoints/12/deployedModels/34';
    const routes = { healthRoute, predictRoute: `${healthRoute}:predict` };
    const ask = asker(await keep(mockRunner()), vertexAi(routes), { isReady: () => isOpen });
    expect((await ask('GET', healthRoute)).status).toBe(200);
    expect((await ask('POST', `${healthRoute}:predict`, { instances: [[1, 2]] })).status).toBe(200);
    expect((await ask('POST', `${healthRoute}:explain`, { instances: [[1, 2]] })).status).toBe(404);
    expect((await ask('POST', '/predict', { instances: [[1, 2]] })).status).toBe(404);
    const slashed = asker(await keep(mockRunner()), vertexAi({ healthRoute: '/healthy/', predictRoute: '/' }));
    for (const path of ['/healthy', '/healthy/']) expect((await slashed('GET', path)).status).toBe(200);
    expect((await slashed('POST', '/', { instances: [[1, 2]] })).status).toBe(200);
    isOpen = false;
    expect((await ask('GET', healthRoute)).status).toBe(503);
  });

  it('refuses what it cannot read, case by case', async () => {
    const ask = asker(await keep(mockRunner()), vertexAi(), { maxTensorElements: 4 });
    const cases: [unknown, number, string | undefined][] = [
      ['{', 400, undefined],
      ['[]', 400, 'the body'],
      [{}, 400, 'the body'],
      [{ inputs: [[1, 2]] }, 400, 'the body'],
      [{ instances: {} }, 400, 'instances'],
      [{ instances: [] }, 400, 'instances'],
      [{ instances: [[1, 2], 3] }, 400, 'x.data'],
      [{ instances: [[1, 2]], parameters: [] }, 400, 'parameters'],
      [{ instances: [[1, 2]], parameters: { temperature: 1 } }, 400, 'parameters.temperature'],
      [{ instances: [{ x: [1, 2] }, { y: [1, 2] }] }, 400, 'instances[1].x'],
      [
        {
          instances: [
            [1, 2],
            [3, 4],
            [5, 6],
          ],
        },
        413,
        'x.shape',
      ],
    ];
    for (const [body, status, field] of cases) {
      const answer = await ask('POST', '/predict', body);
      expect([answer.status, (answer.body as { field?: string }).field], answer.text).toEqual([status, field]);
    }
  });

  it('refuses routes that are patterns', () => {
    for (const predictRoute of ['predict', '', '/:model', '/a/:b', '/*', '/a b', '/{x}', 7])
      expect(() => vertexAi({ predictRoute } as VertexAiOptions)).toThrow('predictRoute');
    expect(() => vertexAi({ route: '/a' } as VertexAiOptions)).toThrow('route');
  });
});
