import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createRunner } from '@fairlead/core';
import { tensorflowServing } from '@fairlead/core/serving';
import { createMockBackend, type MockBackendOptions, mockModel } from '@fairlead/core/testing';
import { serve } from '@fairlead/node/server';
import { describe, expect, it } from 'vitest';
import { findPython } from './setup';

/*
 * TensorFlow Serving itself is no package of any registry that this could install, so its contract is driven as its users do: by
 * Python's json, which writes and reads bare NaN and tells floats from integers.
 */

const { command = '', missing } = { command: undefined, ...findPython() };
const script = fileURLToPath(new URL('tensorflow_rest.py', import.meta.url));

const runnerOf = (mock: MockBackendOptions = {}) =>
  createRunner({ model: mockModel('1'), backend: createMockBackend(mock), warmUp: false });

const echo = (dtype: 'int64' | 'string', name: string): MockBackendOptions => ({
  signature: {
    inputs: [{ name: 'in', dtype, shape: ['batch'] }],
    outputs: [{ name, dtype, shape: ['batch'] }],
    batchAxis: 0,
  },
  compute: ({ in: tensor }) => ({ [name]: tensor as never }),
});

const age = { name: 'age', dtype: 'float32', shape: ['batch'] } as const;
const halving: MockBackendOptions = {
  signature: { inputs: [age], outputs: [{ ...age, name: 'half' }], batchAxis: 0 },
  compute: ({ age: tensor }, rows) => ({
    half: {
      dtype: 'float32',
      shape: [rows],
      data: Float32Array.from(tensor?.data as Float32Array, (each) => each / 2),
    },
  }),
};

describe.skipIf(missing !== undefined)('a client of TensorFlow Serving in Python', { timeout: 60_000 }, () => {
  it('understands our server', async () => {
    const runners = {
      double: await runnerOf(),
      long: await runnerOf(echo('int64', 'out')),
      text: await runnerOf(echo('string', 'out_bytes')),
      regress: await runnerOf(halving),
    };
    const versionLabels = { double: { stable: '1' } };
    const server = await serve(runners, { port: 0, protocols: [tensorflowServing({ versionLabels })] });
    const { stdout } = await promisify(execFile)(command, [script, server.url]);
    expect(JSON.parse(stdout)).toEqual({
      state: 'AVAILABLE',
      ok: 'OK',
      inputs: { x: ['DT_FLOAT', -1, 2] },
      rows: { predictions: [['float 2.0', 'float 5.0']] },
      columns: {
        outputs: [
          ['float nan', 'float inf'],
          ['float -inf', 'float -0.0'],
          ['float 33554440.0', expect.stringMatching(/^float 0\.2/)],
        ],
      },
      label: 200,
      long: { predictions: ['int 9007199254740993', 'int -9223372036854775808', 'int 9223372036854775807'] },
      bytes: { predictions: [{ b64: 'str ZsO2w7Y=' }, { b64: 'str YmFy' }] },
      regress: { results: ['float 1.5', 'float 2.25'] },
      wrong: [400, 404],
      error: ['code', 'error'],
    });
    await server.close();
    for (const runner of Object.values(runners)) await runner.close();
  });
});
