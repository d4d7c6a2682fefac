import { describe, expect, it } from 'vitest';
import type { ModelSignature } from '../../signature';
import { decodeMetadata, encodeMetadata } from './metadata';

const model = { name: 'm', version: '3', digest: 'abc' };
const spec = (shape: unknown[], datatype = 'FP32') => ({ name: 'x', datatype, shape });

describe('metadata', () => {
  it('tells a signature, so that a client gets the same one but for the names of open axes', () => {
    const signature: ModelSignature = {
      inputs: [{ name: 'tokens', dtype: 'int64', shape: ['n', 'length'] }],
      outputs: [{ name: 'logits', dtype: 'float32', shape: ['n', 5] }],
      batchAxis: 0,
    };
    const read = decodeMetadata(JSON.parse(encodeMetadata('served', model, signature)));
    expect(read.signature).toEqual({
      inputs: [{ name: 'tokens', dtype: 'int64', shape: ['batch', 'tokens_1'] }],
      outputs: [{ name: 'logits', dtype: 'float32', shape: ['batch', 5] }],
      batchAxis: 0,
    });
    expect(read).toMatchObject({ versions: ['3'], digest: 'abc' });
  });

  it('believes a server that says there is no batch axis, though the first axis is open', () => {
    const message = { inputs: [spec([-1, 2])], outputs: [spec([-1])], parameters: { batch_axis: null } };
    expect(decodeMetadata(message).signature).toMatchObject({ batchAxis: null, inputs: [{ shape: ['x_0', 2] }] });
  });

  it('takes the first axis as the batch when it is open everywhere, as Triton and MLServer write it', () => {
    expect(decodeMetadata({ inputs: [spec([-1, 64])], outputs: [spec(['-1', '10'])] }).signature).toEqual({
      inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 64] }],
      outputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 10] }],
      batchAxis: 0,
    });
    expect(decodeMetadata({ inputs: [spec([-1, 64])], outputs: [spec([10])] }).signature?.batchAxis).toBeNull();
  });

  it('has no signature where the server describes no tensors', () => {
    expect(decodeMetadata({ name: 'm', inputs: [], outputs: [] }).signature).toBeUndefined();
  });

  it.each([
    ['an unknown datatype', { inputs: [spec([1], 'FP8')], outputs: [spec([1])] }],
    ['a shape that is none', { inputs: [spec([1.5])], outputs: [spec([1])] }],
    ['a negative size', { inputs: [spec([-2])], outputs: [spec([1])] }],
    ['an input that is no object', { inputs: [null], outputs: [spec([1])] }],
    ['a batch axis that is fixed', { inputs: [spec([1])], outputs: [spec([1])], parameters: { batch_axis: 0 } }],
    ['no object', 'nothing'],
  ])('refuses %s', (_what, message) => {
    expect(() => decodeMetadata(message)).toThrow(expect.objectContaining({ code: 'PROTOCOL_ERROR' }) as Error);
  });
});
