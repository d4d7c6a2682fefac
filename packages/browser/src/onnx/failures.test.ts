import { FairleadError, type LoadedModel } from '@fairlead/core';
import { describe, expect, it } from 'vitest';
import { createFailure } from './failures';

const model: LoadedModel = {
  bytes: new Uint8Array(3),
  digest: '',
  name: 'digits',
  version: '1',
  sidecar: async () => undefined,
};

describe('createFailure', () => {
  it.each<[string, 'wasm' | 'webgpu', string]>([
    ['no available backend found. ERR: [wasm] TypeError: Failed to fetch', 'wasm', 'BACKEND_UNAVAILABLE'],
    ["Can't create a session. ERROR_CODE: 7, ERROR_MESSAGE: protobuf parsing failed.", 'wasm', 'MODEL_INVALID'],
    ["Can't create a session. ERROR_CODE: 7, ERROR_MESSAGE: protobuf parsing failed.", 'webgpu', 'MODEL_INVALID'],
    ["Can't create a session. ERROR_CODE: 10, ERROR_MESSAGE: This is an invalid model.", 'webgpu', 'MODEL_INVALID'],
    ["Can't create a session. ERROR_CODE: 9, ERROR_MESSAGE: no kernel for Foo(1)", 'wasm', 'MODEL_INVALID'],
    ["Can't create a session. ERROR_CODE: 1, ERROR_MESSAGE: shader-f16 is required", 'webgpu', 'BACKEND_UNAVAILABLE'],
    ["Can't create a session. ERROR_CODE: 6, ERROR_MESSAGE: std::bad_alloc", 'wasm', 'LIMIT_EXCEEDED'],
  ])('reads "%s" on %s as %s', (message, device, code) => {
    const cause = new Error(message);
    const failure = createFailure(cause, device, model);
    expect(failure).toMatchObject({ code, cause });
    expect(failure.message).toContain(message);
  });

  it('takes a full memory for what it is', () => {
    const failure = createFailure(new RangeError('Array buffer allocation failed'), 'wasm', model);
    expect(failure).toMatchObject({ code: 'LIMIT_EXCEEDED', message: expect.stringContaining('3 bytes') });
  });

  it('takes no bytes at all for no model, whatever the device says of them', () => {
    const failure = createFailure(new Error('unknown'), 'webgpu', { ...model, bytes: new Uint8Array() });
    expect(failure.code).toBe('MODEL_INVALID');
  });

  it('passes on errors that have a code', () => {
    const error = new FairleadError('ABORTED', 'left');
    expect(createFailure(error, 'webgpu', model)).toBe(error);
  });
});
