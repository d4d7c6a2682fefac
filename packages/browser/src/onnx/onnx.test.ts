import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRunner, type Tensor, type Tensors } from '@fairlead/core';
import { backendConformance } from '@fairlead/core/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { onnx } from './onnx';

const models = new URL('../../../../examples/models/', import.meta.url);
const read = (file: string): Uint8Array => new Uint8Array(readFileSync(new URL(file, models)));

interface GoldenTensor {
  readonly dtype: string;
  readonly shape: number[];
  readonly data: number[];
}
type GoldenCase = Record<'inputs' | 'outputs', Record<string, GoldenTensor>>;
const [golden] = JSON.parse(new TextDecoder().decode(read('digits-v2.golden.json'))).cases as [GoldenCase];

function tensorsOf(plain: Record<string, GoldenTensor>): Tensors {
  return Object.fromEntries(
    Object.entries(plain).map(([name, { dtype, shape, data }]) => [
      name,
      { dtype, shape, data: dtype === 'int64' ? BigInt64Array.from(data, BigInt) : Float32Array.from(data) } as Tensor,
    ]),
  );
}

const server = createServer((request, response) => {
  if (request.url === '/digits-v2.onnx') response.end(read('digits-v2.onnx'));
  else if (request.url === '/digits-v2.golden.json') response.end(read('digits-v2.golden.json'));
  else response.writeHead(404).end();
});
// The suite wants its addresses when the tests are declared.
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

afterAll(() => {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
});

describe('onnx, by the conformance suite, on WebAssembly', () => {
  const cases = backendConformance({
    createBackend: () => onnx({ device: 'wasm' }),
    reference: `${origin}/digits-v2.onnx`,
    missingReference: `${origin}/nothing.onnx`,
    golden: { inputs: tensorsOf(golden.inputs), outputs: tensorsOf(golden.outputs) },
    tolerance: 1e-4,
  });
  for (const { name, run } of cases) it(name, run);
});

describe('onnx', () => {
  it('says which devices work, and why none does', async () => {
    expect(await onnx().isSupported()).toEqual({ supported: true, devices: ['wasm'] });
    expect(await onnx({ device: 'webgpu' }).isSupported()).toEqual({
      supported: false,
      reason: expect.stringContaining('webgpu: there is no navigator.gpu'),
    });
  });

  it('finds the golden rows beside the model', async () => {
    const model = await onnx().doResolve?.(`${origin}/digits-v2.onnx`, {});
    expect(await model?.sidecar('golden')).toEqual(read('digits-v2.golden.json'));
    expect(await model?.sidecar('reference')).toBeUndefined();
  });

  it('keeps to maxModelBytes', async () => {
    await expect(onnx({ maxModelBytes: 1000 }).doResolve?.(`${origin}/digits-v2.onnx`, {})).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
  });

  it('makes a runner whose fallback is heard', async () => {
    const heard: unknown[] = [];
    const runner = await createRunner({
      model: `${origin}/digits-v2.onnx`,
      backend: onnx({ device: ['webgpu', 'wasm'] }),
      lanes: 'inline',
      on: { 'device-fallback': (event) => void heard.push(event) },
    });
    try {
      expect(heard).toEqual([expect.objectContaining({ from: 'webgpu', to: 'wasm' })]);
      const rows = Float32Array.from(golden.inputs.pixels?.data ?? []);
      const { outputs } = await runner.run({ pixels: rows });
      expect(Array.from(outputs.label?.data as BigInt64Array, Number)).toEqual(golden.outputs.label?.data);
    } finally {
      await runner.close();
    }
  });
});
