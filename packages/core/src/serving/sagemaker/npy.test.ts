import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FairleadError } from '../../errors';
import { allocateData, type DType, dtypes } from '../../tensor/dtype';
import { elementCount, type Tensor } from '../../tensor/tensor';
import { castNumeric, decodeNpy, encodeNpy } from './npy';

const refusal = (bytes: Uint8Array, maxElements = 100): string => {
  try {
    decodeNpy(bytes, maxElements);
  } catch (error) {
    const { code, details } = error as FairleadError;
    return `${code} ${details.field}`;
  }
  return 'read';
};
const x: Tensor = { dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) };
const changed = (from: string, to: string): Uint8Array => {
  const bytes = encodeNpy(x);
  const text = String.fromCharCode(...bytes).replace(from, to);
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
};

describe('arrays of NumPy', () => {
  it('reads back what it writes, of every type and rank, with the elements at a multiple of 64', () => {
    for (const dtype of dtypes.filter((each) => each !== 'string')) {
      for (const shape of [[], [0], [3], [2, 3], [1, 2, 1, 2]]) {
        const data = allocateData(dtype, elementCount(shape));
        const bytes = encodeNpy({ dtype, shape, data } as Tensor);
        expect((10 + new DataView(bytes.buffer).getUint16(8, true)) % 64).toBe(0);
        expect(decodeNpy(bytes, 100)).toEqual({ dtype, shape, data });
      }
    }
    expect(decodeNpy(encodeNpy(x), 4)).toEqual(x);
    // A view of a larger buffer at an odd place.
    const shifted = new Uint8Array(encodeNpy(x).length + 3);
    shifted.set(encodeNpy(x), 3);
    expect(decodeNpy(shifted.subarray(3), 4)).toEqual(x);
  });

  it('refuses what is no array, case by case', () => {
    expect(refusal(new Uint8Array(0))).toBe('PROTOCOL_ERROR body');
    expect(refusal(new TextEncoder().encode('{"instances": [1, 2]}'))).toBe('PROTOCOL_ERROR body');
    expect(refusal(encodeNpy(x).subarray(0, 40))).toBe('PROTOCOL_ERROR body');
    expect(refusal(encodeNpy(x).subarray(0, -1))).toBe('INVALID_INPUT shape');
    expect(refusal(changed("'descr': '<f4'", "'descr': '>f4'"))).toBe('INVALID_INPUT descr');
    expect(refusal(changed("'descr': '<f4'", "'descr': '|O8'"))).toBe('INVALID_INPUT descr');
    expect(refusal(changed("'descr': '<f4'", "'descr': [<f4]"))).toBe('PROTOCOL_ERROR body');
    expect(refusal(changed('False', 'True '))).toBe('INVALID_INPUT fortran_order');
    expect(refusal(changed('(2, 2)', '(2, 3)'))).toBe('INVALID_INPUT shape');
    expect(refusal(changed('(2, 2)', '(-2,2'))).toBe('PROTOCOL_ERROR body');
    expect(refusal(changed("'shape': (2, 2), }   ", "'shape': (99999999,)}"))).toBe('LIMIT_EXCEEDED shape');
    expect(refusal(changed('NUMPY\x01', 'NUMPY\x09'))).toBe('PROTOCOL_ERROR body');
    const flags = encodeNpy({ dtype: 'bool', shape: [1], data: Uint8Array.of(7) });
    expect(refusal(flags)).toBe('INVALID_INPUT data');
    expect(() => encodeNpy({ dtype: 'string', shape: [1], data: ['a'] })).toThrow('JSON or CSV');
  });

  it('narrows doubles, which NumPy makes by itself, and nothing else', () => {
    const wide: Tensor = { dtype: 'float64', shape: [1], data: Float64Array.of(0.5) };
    expect(castNumeric(wide, 'float32', 'x')).toEqual({ dtype: 'float32', shape: [1], data: Float32Array.of(0.5) });
    expect(castNumeric(x, 'float32', 'x')).toBe(x);
    expect(() => castNumeric(x, 'int32' satisfies DType, 'x')).toThrow('int32');
  });

  it('answers bytes that were damaged with an array or a refusal (2,000 cases)', () => {
    const damage = fc.array(fc.tuple(fc.nat(150), fc.nat(255)), { minLength: 1, maxLength: 6 });
    const check = (changes: [number, number][]): void => {
      const bytes = encodeNpy(x);
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      expect(refusal(bytes)).toMatch(/^(read|PROTOCOL_ERROR \w+|INVALID_INPUT \w+|LIMIT_EXCEEDED \w+)$/);
    };
    fc.assert(fc.property(damage, check), { numRuns: 2000 });
  });
});
