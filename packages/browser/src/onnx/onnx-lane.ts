import type { Backend } from '@fairlead/core';
import { createSession } from './create-session';
import type { OnnxSettings } from './options';
import { supportOf } from './support';

/** Makes the backend of `onnx()` in a lane's worker, of settings that the page has parsed. */
export function createBackend(settings: OnnxSettings): Backend {
  return {
    specVersion: 'v1',
    name: 'onnxruntime-web',
    isSupported: () => supportOf(settings),
    doCreateSession: (model, options) => createSession({ model, settings, place: 'lane' }, options),
  };
}
