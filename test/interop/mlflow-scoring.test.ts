import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ModelRunner } from '@fairlead/core';
import { mlflowClient, remote } from '@fairlead/core/remote';
import { mlflowScoring, sageMaker } from '@fairlead/core/serving';
import { type Server, serve } from '@fairlead/node/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { doubleRunner, tabularRunner } from './scoring-server';
import { prepareMlflow } from './setup';

const { command = '', missing } = { command: undefined, ...prepareMlflow() };
const script = fileURLToPath(new URL('mlflow_scoring.py', import.meta.url));

/** What MLflow's clients do, a function each. */
const cases = [
  'becomes_ready',
  'array',
  'data_frame',
  'data_frame_of_columns_by_name',
  'missing_values',
  'whole_floats_stay_floats',
  'csv',
  'records',
  'params',
  'deployment_client',
  'refusals_are_told',
  'array_of_numpy_at_sagemakers_path',
  'fortran_order_is_refused',
];

describe.skipIf(missing !== undefined)('scoring as MLflow does', { timeout: 180_000 }, () => {
  const runners: Record<string, ModelRunner> = {};
  let server: Server;
  let sagemaker: Server;

  beforeAll(async () => {
    runners.mock = await doubleRunner();
    runners.tabular = await tabularRunner();
    server = await serve(runners, { port: 0, drainDelayMs: 0, protocols: [mlflowScoring({ model: 'mock' })] });
    sagemaker = await serve(runners, { port: 0, drainDelayMs: 0, protocols: [sageMaker({ model: 'mock' })] });
  });

  afterAll(async () => {
    await Promise.all([server?.close(), sagemaker?.close()]);
    for (const runner of Object.values(runners)) await runner.close();
  });

  describe("MLflow's own clients", () => {
    let results: Record<string, string>;
    beforeAll(async () => {
      const { stdout } = await promisify(execFile)(command, [script, 'ask', server.url, sagemaker.url], {
        timeout: 150_000,
      });
      results = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    }, 180_000);

    it('do what is looked at here, and nothing else', () =>
      expect(Object.keys(results).sort()).toEqual([...cases].sort()));
    it.each(cases)('%s', (name) => expect(results[name]).toBe('ok'));
  });

  describe('a real scoring server of MLflow', () => {
    let folder: string;
    let child: ChildProcess | undefined;
    let url: string;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'fairlead-mlflow-scoring-'));
      const started = spawn(command, [script, 'serve', folder], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
      child = started;
      const lines = createInterface({ input: started.stdout });
      const port = await new Promise<string>((resolve, reject) => {
        lines.on('line', (line) => /^\d+$/.test(line) && resolve(line));
        started.once('exit', (code) => reject(new Error(`MLflow ended with ${code}`)));
      });
      url = `http://127.0.0.1:${port}`;
      // It is bound before it listens.
      for (let up = false; !up; )
        up = await fetch(`${url}/ping`).then(
          ({ ok }) => ok,
          () => false,
        );
    }, 180_000);

    afterAll(async () => {
      if (child?.exitCode === null) {
        const ended = once(child, 'exit');
        child.kill('SIGTERM');
        await ended;
      }
      await rm(folder, { recursive: true, force: true });
    });

    it('answers our remote runner, with NaN there and back', async () => {
      const { signature } = runners.mock as ModelRunner;
      const runner = await remote({ url, model: 'double', signature, protocol: mlflowClient({ form: 'array' }) });
      const x = Float32Array.of(1.5, -2, 1e-9, 4);
      expect((await runner.run({ x })).outputs.y).toEqual({
        dtype: 'float32',
        shape: [2, 2],
        data: x.map((each) => each * 2),
      });
      expect((await runner.checkHealth()).ready).toBe(true);
      await runner.close();
    });

    it('answers and refuses as ours does', async () => {
      const json = 'application/json';
      const bodies: [string | undefined, string][] = [
        [json, '{"inputs": [[1, 2], [3, 4]]}'],
        [json, '{"instances": [[1, 2], [3, 4]]}'],
        ['application/json; charset=utf-8', '{"inputs": [[1, 2]]}'],
        ['application/json; charset=latin-1', '{"inputs": [[1, 2]]}'],
        ['application/json; format=pandas', '{"inputs": [[1, 2]]}'],
        ['text/plain', '{"inputs": [[1, 2]]}'],
        [json, '{"inputs": [[1, 2]], "instances": [[1, 2]]}'],
        [json, '{"columns": ["a", "b"], "data": [[1, 2]]}'],
        [json, '[[1, 2]]'],
        [json, '7'],
        [json, '{"inputs": [[1, 2]'],
        [json, '{"dataframe_records": {"a": 1}}'],
        [json, '{"dataframe_split": [[1, 2]]}'],
        [json, '{"dataframe_split": {"columns": ["a", "b"]}}'],
        [json, '{"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}'],
        [json, '{"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2]], "rows": 1}}'],
        [json, '{"inputs": [[1, 2, 3]]}'],
        [json, '{"inputs": [["a", "b"]]}'],
      ];
      for (const [type, body] of bodies) {
        const ask = async (base: string) => {
          const headers = type === undefined ? {} : { 'content-type': type };
          const response = await fetch(`${base}/invocations`, { method: 'POST', headers, body });
          return {
            status: response.status,
            predictions: response.ok ? ((await response.json()) as object) : undefined,
          };
        };
        expect(await ask(server.url), `${type} ${body}`).toEqual(await ask(url));
      }
    });
  });
});
