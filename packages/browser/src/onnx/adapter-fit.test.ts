import { describe, expect, it } from 'vitest';
import { tinyUnary } from '../../../node/src/onnx/tiny-onnx';
import type { WebGpuFacts } from '../devices/webgpu';
import { misfitOf } from './adapter-fit';

const adapter: WebGpuFacts = {
  software: false,
  vendor: 'intel',
  architecture: 'gen-9',
  description: '',
  shaderF16: { available: true },
  maxBufferSize: 2 ** 28,
  maxStorageBufferBindingSize: 2 ** 27,
};
const withoutF16: WebGpuFacts = { ...adapter, shaderF16: { available: false, reason: 'there is no shader-f16' } };
const modelOf = (type: 'float32' | 'float16') => tinyUnary('Relu', { type, shape: ['n'] });

/** A graph with one weight of so many bytes. */
function withWeight(bytes: number): Uint8Array {
  const varint = (value: number): number[] =>
    value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
  const weight = [0x10, 1, 0x4a, ...varint(bytes), ...new Uint8Array(bytes)];
  const graph = [0x2a, ...varint(weight.length), ...weight];
  return Uint8Array.from([0x3a, ...varint(graph.length), ...graph]);
}

describe('misfitOf', () => {
  it('has nothing against float32, nor against float16 where shaders know it', async () => {
    expect(await misfitOf(modelOf('float32'), withoutF16)).toBeUndefined();
    expect(await misfitOf(modelOf('float16'), adapter)).toBeUndefined();
  });

  it('refuses float16 on an adapter without shader-f16', async () => {
    expect(await misfitOf(modelOf('float16'), withoutF16)).toMatch(/float16.*no shader-f16.*float32 variant/);
  });

  it('refuses a weight that no buffer of the adapter holds, not a model of many small ones', async () => {
    const small = { ...adapter, maxBufferSize: 1000 };
    expect(await misfitOf(withWeight(2000), small)).toMatch(/a weight of 20\d\d bytes.*holds 1000/);
    expect(await misfitOf(withWeight(900), { ...adapter, maxBufferSize: 905 })).toBeUndefined();
  });
});
