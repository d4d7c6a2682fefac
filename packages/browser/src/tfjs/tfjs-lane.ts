import type { Backend } from '@fairlead/core';
import type { TfjsSettings } from './options';
import { supportOf } from './tfjs-devices';
import { createTfjsSession } from './tfjs-session';

/** Makes the backend of `tfjs()` in a lane's worker, of settings that the page has parsed. */
export function createBackend(settings: TfjsSettings): Backend {
  return {
    specVersion: 'v1',
    name: 'tensorflow.js',
    isSupported: () => supportOf(settings),
    // What is reported ends the worker, and the runner starts another one, which tries the devices anew.
    doCreateSession: (model, options) => createTfjsSession({ model, settings, onGpuLost: reportError }, options),
  };
}
