import { describe, expect, it } from 'vitest';
import { signatureFrom, type ValueMetadata } from './signature';

const value = (name: string, shape: (number | string)[], type = 'float32'): ValueMetadata => ({
  name,
  isTensor: true,
  type,
  shape,
});

describe('signatureFrom', () => {
  it('keeps names, dtypes and shapes', () => {
    const signature = signatureFrom([value('pixels', ['batch', 64])], [value('label', ['batch'], 'int64')]);
    expect(signature).toEqual({
      inputs: [{ name: 'pixels', dtype: 'float32', shape: ['batch', 64] }],
      outputs: [{ name: 'label', dtype: 'int64', shape: ['batch'] }],
      batchAxis: 0,
    });
  });

  it('reads a dimension without a size as one without a name', () => {
    expect(signatureFrom([value('x', [-1, 4])], [value('y', ['', 2])]).inputs[0]?.shape).toEqual(['', 4]);
  });

  it.each<[string, (number | string)[][], (number | string)[][], number | null]>([
    ['all open with one name', [['n', 4]], [['n', 2], ['n']], 0],
    ['open without names', [[-1, 4]], [['', 2]], 0],
    ['one of them fixed', [['n', 4]], [[1, 2]], null],
    ['two names, as for a list of boxes', [['n', 4]], [['boxes', 2]], null],
    ['a scalar output', [['n', 4]], [[]], null],
    ['a fixed input', [[1, 4]], [[1, 2]], null],
  ])('batch axis with %s', (_name, inputs, outputs, batchAxis) => {
    const signature = signatureFrom(
      inputs.map((shape, index) => value(`x${index}`, shape)),
      outputs.map((shape, index) => value(`y${index}`, shape)),
    );
    expect(signature.batchAxis).toBe(batchAxis);
  });

  it('refuses a sequence of maps and says how to export without one', () => {
    expect(() => signatureFrom([value('x', ['n', 4])], [{ name: 'output_probability', isTensor: false }])).toThrow(
      expect.objectContaining({ code: 'MODEL_INVALID', message: expect.stringContaining('zipmap=False') }),
    );
  });

  it('refuses a dtype that tensors do not have', () => {
    expect(() => signatureFrom([value('x', ['n', 4], 'int4')], [])).toThrow(
      expect.objectContaining({
        code: 'MODEL_INVALID',
        details: { field: 'x', expected: 'a known dtype', given: 'int4' },
      }),
    );
  });
});
