import { FairleadError, messageOf } from '@fairlead/core';
import type { LoaderPackages, Tensorflow } from '@fairlead/core/tfjs';
import type * as Wasm from '@tensorflow/tfjs-backend-wasm';

/** The packages of TensorFlow.js, by their names without `@tensorflow/tfjs-`. */
export interface Packages extends LoaderPackages {
  readonly core: Tensorflow;
  readonly 'backend-webgpu': unknown;
  readonly 'backend-webgl': unknown;
  readonly 'backend-wasm': typeof Wasm;
  readonly 'backend-cpu': unknown;
}

/** The version that all of them must have. */
const version = '4.22.0';

/**
 * Fetches a package of TensorFlow.js, each a chunk of its own, when it is first used.
 * @throws FairleadError `BACKEND_UNAVAILABLE` that says what to install
 */
export async function loadPackage<Name extends keyof Packages>(name: Name): Promise<Packages[Name]> {
  return (await importPackage(name)) as Packages[Name];
}

async function importPackage(name: keyof Packages): Promise<unknown> {
  // Inside `try`, since bundlers then only warn of a package that somebody who never uses it has not installed.
  try {
    switch (name) {
      case 'core':
        return await import('@tensorflow/tfjs-core');
      case 'layers':
        return await import('@tensorflow/tfjs-layers');
      case 'converter':
        return await import('@tensorflow/tfjs-converter');
      case 'backend-webgpu':
        return await import('@tensorflow/tfjs-backend-webgpu');
      case 'backend-webgl':
        return await import('@tensorflow/tfjs-backend-webgl');
      case 'backend-wasm':
        return await import('@tensorflow/tfjs-backend-wasm');
      case 'backend-cpu':
        return await import('@tensorflow/tfjs-backend-cpu');
    }
  } catch (cause) {
    const given = messageOf(cause);
    // What that server says of a package that it serves as it is.
    const advice = /(module|exports|require) is not defined|does not provide an export/.test(given)
      ? `With Vite's development server, name it in \`optimizeDeps.include\``
      : `Install it with \`npm install @tensorflow/tfjs-${name}@${version}\`, and check that the page can fetch its own chunks`;
    throw new FairleadError(
      'BACKEND_UNAVAILABLE',
      `@tensorflow/tfjs-${name} could not be loaded (${given}). ${advice}.`,
      { cause, details: { field: `@tensorflow/tfjs-${name}`, expected: `version ${version}`, given } },
    );
  }
}
