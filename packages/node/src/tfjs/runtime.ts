import { FairleadError, messageOf } from '@fairlead/core';
import type { LoaderPackages, Tensorflow } from '@fairlead/core/tfjs';
import type * as Wasm from '@tensorflow/tfjs-backend-wasm';

interface Modules extends LoaderPackages {
  core: Tensorflow;
  'backend-cpu': unknown;
  'backend-wasm': typeof Wasm;
}

const imports: { readonly [Name in keyof Modules]: () => Promise<unknown> } = {
  core: () => import('@tensorflow/tfjs-core'),
  layers: () => import('@tensorflow/tfjs-layers'),
  converter: () => import('@tensorflow/tfjs-converter'),
  'backend-cpu': () => import('@tensorflow/tfjs-backend-cpu'),
  'backend-wasm': () => import('@tensorflow/tfjs-backend-wasm'),
};

/**
 * Imports a package of TensorFlow.js, all of which are peer dependencies, when it is first used. Node keeps what it has
 * imported; a failed import is tried again by the next call.
 *
 * @param name without `@tensorflow/tfjs-`
 * @param importModule for tests
 * @throws FairleadError `BACKEND_UNAVAILABLE` that says how to install it
 */
export async function loadPackage<Name extends keyof Modules>(
  name: Name,
  importModule: () => Promise<unknown> = imports[name],
): Promise<Modules[Name]> {
  const module = await importModule().catch((cause: unknown) => unavailable(name, cause));
  // They are CommonJS modules; which of their exports Node names depends on Node's version.
  return ((module as { default?: unknown }).default ?? module) as Modules[Name];
}

async function unavailable(name: keyof Modules, cause: unknown): Promise<never> {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  const message = messageOf(cause);
  const absent =
    (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') && message.includes(`'@tensorflow/tfjs-${name}'`);
  const text = absent
    ? await howToInstall(name)
    : `@tensorflow/tfjs-${name} is installed but does not load here: ${message}`;
  throw new FairleadError('BACKEND_UNAVAILABLE', text, { cause });
}

/** All packages must be of one version; where the core is missing, so are most likely all. */
async function howToInstall(name: keyof Modules): Promise<string> {
  if (name === 'core') {
    const all = Object.keys(imports).map((other) => `@tensorflow/tfjs-${other}`);
    return `TensorFlow.js is not installed. Run \`npm install ${all.join(' ')}\`.`;
  }
  const { version_core: version } = await loadPackage('core');
  return `The package @tensorflow/tfjs-${name} is not installed. Run \`npm install @tensorflow/tfjs-${name}@${version}\`.`;
}
