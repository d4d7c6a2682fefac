import type * as Converter from '@tensorflow/tfjs-converter';
import type * as Core from '@tensorflow/tfjs-core';
import type * as Layers from '@tensorflow/tfjs-layers';

/** The module `@tensorflow/tfjs-core`. */
export type Tensorflow = typeof Core;

/** The packages that load a model, by their names without `@tensorflow/tfjs-`. */
export interface LoaderPackages {
  readonly layers: typeof Layers;
  readonly converter: typeof Converter;
}

/** Where TensorFlow.js computes: on the GPU, by WebAssembly, or in plain JavaScript, slower and with every operator. */
export type TfjsDevice = 'webgpu' | 'webgl' | 'wasm' | 'cpu';

/** What the platform gives to sessions: the packages, the devices, and turns on the one engine of a thread. */
export interface TfjsPlatform {
  /** @throws FairleadError `BACKEND_UNAVAILABLE` */
  loadPackage<Name extends keyof LoaderPackages>(name: Name): Promise<LoaderPackages[Name]>;
  /**
   * Makes a device of this thread's engine ready.
   * @throws FairleadError `BACKEND_UNAVAILABLE` when it does not work here
   */
  prepareDevice(device: TfjsDevice): Promise<Tensorflow>;
  /**
   * Does work when it is its turn; the event loop turns at least once before it.
   * @throws FairleadError `ABORTED` while it waits, or what the work throws
   */
  inTurn<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T>;
  /**
   * Watches over the computing of one run on a device that tells of failures elsewhere than in its answer; without it,
   * nothing is watched.
   * @throws FairleadError `RUN_FAILED`, or what the work throws
   */
  watch?<T>(tf: Tensorflow, device: TfjsDevice, work: () => Promise<T>): Promise<T>;
}
