import type { Backend } from '@fairlead/core';
import { createSession } from './create-session';
import { supportOf } from './devices';
import type { TfjsSettings } from './options';

/** Makes the backend of `tfjs()` in a lane's worker, of settings that the page has parsed. */
export function createBackend(settings: TfjsSettings): Backend {
  return {
    specVersion: 'v1',
    name: 'tensorflow.js',
    isSupported: () => supportOf(settings),
    // What is reported ends the worker, and the runner starts another one, which tries the devices anew.
    doCreateSession: (model, options) => createSession({ model, settings, onGpuLost: reportError }, options),
  };
}
