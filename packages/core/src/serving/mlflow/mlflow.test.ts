import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { ModelRunner } from '../../runner/runner';
import { asker, mockRunner, tabularRunner } from '../scoring/serving.fixture';
import { type MlflowScoringOptions, mlflowScoring } from './protocol';

const open: ModelRunner[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((runner) => runner.close()));
});

async function keep(made: Promise<ModelRunner>): Promise<ModelRunner> {
  const runner = await made;
  open.push(runner);
  return runner;
}
const json = { 'content-type': 'application/json' };
const csv = { 'content-type': 'text/csv' };

describe('mlflowScoring', () => {
  it('answers each form of the input by predictions, one a row', async () => {
    const ask = asker(await keep(mockRunner()), mlflowScoring());
    const rows = [
      [1, 2],
      [3, 4],
    ];
    const forms: [unknown, Record<string, string>][] = [
      [{ dataframe_split: { columns: ['a', 'b'], data: rows } }, json],
      [
        {
          dataframe_records: [
            { a: 1, b: 2 },
            { a: 3, b: 4 },
          ],
        },
        json,
      ],
      [{ instances: rows }, { 'content-type': 'application/json; charset=UTF-8' }],
      [{ inputs: { x: rows } }, json],
      ['a,b\n1,2\n3,4\n', csv],
    ];
    for (const [body, headers] of forms) {
      const answer = await ask('POST', '/invocations', body, headers);
      expect([answer.status, answer.body]).toEqual([
        200,
        {
          predictions: [
            [2, 4],
            [6, 8],
          ],
        },
      ]);
      expect(answer.headers.get('content-type')).toBe('application/json');
    }
  });

  it('answers several outputs by name, tells floats from integers, and writes NaN as Python reads it', async () => {
    const ask = asker(await keep(tabularRunner()), mlflowScoring());
    const body = '{"inputs": {"x": [[1, 2], [NaN, 0]]}, "params": {"scale": 2}}';
    const answer = await ask('POST', '/invocations', body, json);
    expect(answer.text).toBe('{"predictions":[{"total":6.0,"label":"yes"},{"total":NaN,"label":"no"}]}');
  });

  it('answers /ping and /health by readiness, and /version', async () => {
    let isOpen = true;
    const runner = await keep(mockRunner());
    const ask = asker(runner, mlflowScoring({ version: '3.1.0' }), { isReady: () => isOpen });
    expect([(await ask('GET', '/ping')).status, (await ask('GET', '/health')).status]).toEqual([200, 200]);
    expect((await ask('GET', '/version')).text).toBe('3.1.0');
    isOpen = false;
    expect([(await ask('GET', '/ping')).status, (await ask('GET', '/health')).status]).toEqual([503, 503]);
    isOpen = true;
    await runner.close();
    expect((await ask('GET', '/ping')).status).toBe(503);
    expect((await asker(await keep(mockRunner()), mlflowScoring())('GET', '/version')).text).toMatch(/^\d+\.\d+\.\d+/);
  });

  it('has one model that its path means, and others by name', async () => {
    const [mock, tabular] = [await keep(mockRunner()), await keep(tabularRunner())];
    const ask = asker({ mock, tabular }, mlflowScoring({ model: 'mock' }));
    expect((await ask('POST', '/invocations', { inputs: [[1, 2]] })).body).toEqual({ predictions: [[2, 4]] });
    const named = await ask('POST', '/endpoints/tabular/invocations', { inputs: { x: [[1, 2]], scale: [[1]] } });
    expect(named.body).toEqual({ predictions: [{ total: 3, label: 'yes' }] });
    expect((await ask('POST', '/endpoints/nobody/invocations', { inputs: [[1, 2]] })).status).toBe(404);
    expect((await ask('POST', '/endpoints/..%2f..%2fetc/invocations', { inputs: [[1, 2]] })).status).toBe(404);
    const refused = (options: unknown) => () =>
      asker({ mock, tabular }, mlflowScoring(options as MlflowScoringOptions));
    expect(refused({})).toThrow('since its paths name no model');
    expect(refused({ model: 'nobody' })).toThrow('"mock", "tabular"');
    expect(refused({ modell: 'mock' })).toThrow('modell');
    expect(refused({ version: '' })).toThrow('version');
  });

  it('refuses what it cannot read, case by case', async () => {
    const ask = asker(await keep(mockRunner()), mlflowScoring(), { maxBodyBytes: 1000, maxTensorElements: 4 });
    const cases: [unknown, Record<string, string>, number, string | undefined][] = [
      [new TextEncoder().encode('{}'), {}, 415, 'content-type'],
      ['{}', { 'content-type': 'application/vnd.apache.parquet' }, 415, 'content-type'],
      ['{}', { 'content-type': 'application/json; charset=latin-1' }, 415, 'content-type'],
      ['{}', { 'content-type': 'application/json; format=pandas-split' }, 415, 'content-type'],
      ['{', json, 400, undefined],
      ['[[1, 2]]', json, 400, 'the body'],
      [{}, json, 400, 'the body'],
      [{ inputs: [[1, 2]], instances: [[1, 2]] }, json, 400, 'the body'],
      [{ columns: ['a', 'b'], data: [[1, 2]] }, json, 400, 'the body'],
      [{ inputs: [[1, 2, 3]] }, json, 400, 'x.shape'],
      [{ inputs: [[1, 'two']] }, json, 400, 'x.data[1]'],
      [{ inputs: [[1, 2]], params: { temperature: 1 } }, json, 400, 'params.temperature'],
      [{ dataframe_split: { columns: ['a'], data: [[1]] } }, json, 400, 'dataframe_split'],
      [new Uint8Array([0x7b, 0xff, 0x7d]), json, 400, undefined],
      ['a,b\n1', csv, 400, 'line 2'],
      ['a,b\n1,"2', csv, 400, 'line 2'],
      ['', csv, 400, 'the CSV'],
      [
        {
          inputs: [
            [1, 2],
            [3, 4],
            [5, 6],
          ],
        },
        json,
        413,
        'x.shape',
      ],
      ['1,2\n3,4\n5,6', csv, 413, 'body'],
      [' '.repeat(1001), json, 413, 'body'],
    ];
    for (const [body, headers, status, field] of cases) {
      const answer = await ask('POST', '/invocations', body, headers);
      const { field: told, error } = answer.body as { field?: string; error: string };
      expect([answer.status, told], `${JSON.stringify(body)}: ${error}`).toEqual([status, field]);
      expect(answer.text).not.toContain('    at ');
      expect(answer.body).toMatchObject({ error_code: 'BAD_REQUEST', message: error });
    }
    expect((await ask('GET', '/invocations')).status).toBe(405);
    const unknown = await ask('POST', '/endpoints/nobody/invocations', { inputs: [[1, 2]] });
    expect(unknown.body).toMatchObject({ error_code: 'RESOURCE_DOES_NOT_EXIST', code: 'NOT_FOUND' });
  });

  it('answers hostile bodies with a 4xx and goes on (400 cases)', async () => {
    const ask = asker(await keep(mockRunner()), mlflowScoring());
    const seed = JSON.stringify({
      dataframe_split: {
        columns: ['a', 'b'],
        data: [
          [1, 2],
          [3, 4],
        ],
      },
      params: {},
    });
    const edits = fc.array(
      fc.tuple(fc.nat(seed.length), fc.constantFrom('', '[', ']', '{', '"', ',', '9e999', '1e400', 'null', '\u0000')),
      {
        minLength: 1,
        maxLength: 4,
      },
    );
    const check = async (changes: [number, string][]): Promise<void> => {
      let text = seed;
      for (const [at, piece] of changes) text = text.slice(0, at) + piece + text.slice(at + 1);
      expect([200, 400, 413]).toContain((await ask('POST', '/invocations', text, json)).status);
    };
    await fc.assert(fc.asyncProperty(edits, check), { numRuns: 400 });
    expect((await ask('POST', '/invocations', { inputs: [[1, 2]] })).status).toBe(200);
  });
});
