import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairleadError } from '../../errors';
import type { RunnerHealth } from '../../runner/runner';
import type { ModelSignature } from '../../signature';
import { dtypes } from '../../tensor/dtype';
import { decodeServingMetadata, encodeServingMetadata, encodeStatus, isAvailable } from './metadata';

const model = { name: 'm', version: '123', digest: '' };
const signature: ModelSignature = {
  inputs: [
    { name: 'x', dtype: 'float32', shape: ['batch', 2, 'x_2'] },
    { name: '__proto__', dtype: 'string', shape: ['batch'] },
  ],
  outputs: [{ name: 'y', dtype: 'int64', shape: ['batch', 1] }],
  batchAxis: 0,
};

describe('the metadata of a model', () => {
  it('is written as TensorFlow Serving writes it', () => {
    const [x, , y] = [...signature.inputs, ...signature.outputs];
    const text = encodeServingMetadata('m', model, { ...signature, inputs: [x as never], outputs: [y as never] });
    expect(JSON.parse(text)).toEqual({
      model_spec: { name: 'm', signature_name: '', version: '123' },
      metadata: {
        signature_def: {
          signature_def: {
            serving_default: {
              inputs: {
                x: {
                  dtype: 'DT_FLOAT',
                  tensor_shape: {
                    dim: [
                      { size: '-1', name: '' },
                      { size: '2', name: '' },
                      { size: '-1', name: '' },
                    ],
                    unknown_rank: false,
                  },
                  name: 'x',
                },
              },
              outputs: {
                y: {
                  dtype: 'DT_INT64',
                  tensor_shape: {
                    dim: [
                      { size: '-1', name: '' },
                      { size: '1', name: '' },
                    ],
                    unknown_rank: false,
                  },
                  name: 'y',
                },
              },
              method_name: 'tensorflow/serving/predict',
            },
          },
        },
      },
    });
  });

  it('comes back as it went, for every dtype', () => {
    const back = decodeServingMetadata(JSON.parse(encodeServingMetadata('m', model, signature)), 'serving_default');
    expect(back).toEqual({ version: '123', signature });
    const all: ModelSignature = {
      inputs: dtypes.map((dtype) => ({ name: dtype, dtype, shape: [] })),
      outputs: dtypes.map((dtype) => ({ name: dtype, dtype, shape: [2, `${dtype}_1`] })),
      batchAxis: null,
    };
    const again = decodeServingMetadata(JSON.parse(encodeServingMetadata('m', model, all)), 'serving_default');
    expect(again.signature).toEqual(all);
  });

  const tensor = (dtype: unknown, tensorShape: unknown) => ({
    model_spec: { name: 'm', version: '1' },
    metadata: {
      signature_def: {
        signature_def: {
          other: { inputs: { x: { dtype, tensor_shape: tensorShape, name: 'x:0' } }, outputs: {}, method_name: '' },
        },
      },
    },
  });

  it('is read as exporters write it: variables, sizes as numbers, scalars without dim', () => {
    const read = (dtype: unknown, shape: unknown) => decodeServingMetadata(tensor(dtype, shape), 'other').signature;
    expect(read('DT_FLOAT_REF', { dim: [{ size: -1 }, { size: 3 }] })).toMatchObject({
      inputs: [{ dtype: 'float32', shape: ['batch', 3] }],
      batchAxis: 0,
    });
    expect(read('DT_STRING', { unknown_rank: false })).toMatchObject({ inputs: [{ shape: [] }], batchAxis: null });
    expect(read('DT_STRING', undefined)).toMatchObject({ inputs: [{ shape: [] }] });
  });

  it.each<[what: string, message: unknown, code: string]>([
    ['null', null, 'PROTOCOL_ERROR'],
    ['a list', [], 'PROTOCOL_ERROR'],
    ['no metadata', { model_spec: {} }, 'PROTOCOL_ERROR'],
    ['no such signature', { model_spec: {}, metadata: { signature_def: { signature_def: {} } } }, 'NOT_FOUND'],
    ['a type that there is not here', tensor('DT_COMPLEX64', {}), 'UNSUPPORTED'],
    ['an unknown rank', tensor('DT_FLOAT', { dim: [], unknown_rank: true }), 'UNSUPPORTED'],
    ['a size that is none', tensor('DT_FLOAT', { dim: [{ size: '-2' }] }), 'PROTOCOL_ERROR'],
    ['a size that is no number', tensor('DT_FLOAT', { dim: [{ size: 'x' }] }), 'PROTOCOL_ERROR'],
    ['sizes that are no list', tensor('DT_FLOAT', { dim: 3 }), 'PROTOCOL_ERROR'],
  ])('%s is told', (_what, message, code) => {
    expect(() => decodeServingMetadata(message, 'other')).toThrow(expect.objectContaining({ code }));
  });

  it('any JSON is read or refused, 1000 cases', () => {
    const json = fc.oneof(
      fc.jsonValue(),
      fc.jsonValue().map((value) => tensor('DT_FLOAT', value)),
    );
    const property = fc.property(json, (value) => {
      for (const read of [() => decodeServingMetadata(value, 'other'), () => isAvailable(value)]) {
        try {
          read();
        } catch (error) {
          expect(FairleadError.isInstance(error)).toBe(true);
        }
      }
    });
    fc.assert(property, { numRuns: 1000 });
  });
});

describe('the status of a model', () => {
  const health = (status: RunnerHealth['status'], ready: boolean) => ({ status, ready }) as RunnerHealth;
  it.each<[state: string, code: string, health: RunnerHealth | undefined, isServing: boolean]>([
    ['AVAILABLE', 'OK', undefined, true],
    ['AVAILABLE', 'OK', health('degraded', true), true],
    ['LOADING', 'UNAVAILABLE', health('failed', false), true],
    ['END', 'UNAVAILABLE', health('closed', false), true],
    ['UNLOADING', 'OK', health('ready', true), false],
  ])('%s, %s', (state, code, given, isServing) => {
    const message = JSON.parse(encodeStatus(model, given, isServing)) as { model_version_status: unknown[] };
    expect(message.model_version_status).toMatchObject([{ version: '123', state, status: { error_code: code } }]);
    expect(isAvailable(message)).toBe(state === 'AVAILABLE');
  });
});
