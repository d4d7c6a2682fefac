import type { LaneHost } from '@fairlead/core';

/** Whether this thread can start Web Workers. On Node, onnxruntime-web gives the name `Worker` to another class. */
export function hasWebWorkers(): boolean {
  const { Worker: found } = globalThis as { Worker?: { readonly prototype?: object } };
  return found?.prototype !== undefined && 'addEventListener' in found.prototype;
}

/** Opens sessions in Web Workers, each in one of its own. */
export const webWorkerLanes: LaneHost = {
  staysInWorker: true,
  async openLane(module, model, options) {
    const { openWorkerLane } = await import('./open-lane');
    return (await openWorkerLane(module, model, options)).session;
  },
};
