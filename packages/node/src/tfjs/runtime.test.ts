import { expect, test } from 'vitest';
import { loadPackage } from './runtime';

const failing = (code: string, message: string) => (): Promise<unknown> =>
  Promise.reject(Object.assign(new Error(message), { code }));
const absent = (name: string) =>
  failing('ERR_MODULE_NOT_FOUND', `Cannot find package '@tensorflow/tfjs-${name}' imported from x.js`);

test('says how to install all of TensorFlow.js where its core is missing', async () => {
  await expect(loadPackage('core', absent('core'))).rejects.toMatchObject({
    code: 'BACKEND_UNAVAILABLE',
    message:
      'TensorFlow.js is not installed. Run `npm install @tensorflow/tfjs-core @tensorflow/tfjs-layers @tensorflow/tfjs-converter @tensorflow/tfjs-backend-cpu @tensorflow/tfjs-backend-wasm`.',
  });
});

test('says how to install one package, in the version of the others', async () => {
  const { version_core } = await loadPackage('core');
  await expect(loadPackage('backend-wasm', absent('backend-wasm'))).rejects.toMatchObject({
    code: 'BACKEND_UNAVAILABLE',
    message: expect.stringContaining(`Run \`npm install @tensorflow/tfjs-backend-wasm@${version_core}\``),
  });
});

test('says why a package that is installed does not load, and tries again at the next call', async () => {
  const broken = failing('ERR_MODULE_NOT_FOUND', "Cannot find package 'seedrandom' imported from tfjs-core.js");
  await expect(loadPackage('core', broken)).rejects.toMatchObject({
    code: 'BACKEND_UNAVAILABLE',
    message: expect.stringContaining(
      "@tensorflow/tfjs-core is installed but does not load here: Cannot find package 'seedrandom'",
    ),
  });
  expect(typeof (await loadPackage('core')).tensor).toBe('function');
  expect(typeof (await loadPackage('layers')).loadLayersModel).toBe('function');
  expect(typeof (await loadPackage('converter')).loadGraphModelSync).toBe('function');
});
