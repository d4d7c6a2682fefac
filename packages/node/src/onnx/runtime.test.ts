import { expect, test } from 'vitest';
import { loadRuntime } from './runtime';

const failing = (code: string, message: string) => (): Promise<unknown> =>
  Promise.reject(Object.assign(new Error(message), { code }));

test('says how to install a runtime that is missing, and tries again at the next call', async () => {
  const missing = failing('ERR_MODULE_NOT_FOUND', "Cannot find package 'onnxruntime-node' imported from index.js");
  await expect(loadRuntime(missing)).rejects.toMatchObject({
    code: 'BACKEND_UNAVAILABLE',
    message: expect.stringContaining('npm install onnxruntime-node'),
  });
  const broken = failing('ERR_DLOPEN_FAILED', 'GLIBC_2.38 not found');
  await expect(loadRuntime(broken)).rejects.toMatchObject({
    code: 'BACKEND_UNAVAILABLE',
    message: expect.stringContaining(`does not load on ${process.platform}-${process.arch}: GLIBC_2.38 not found`),
  });
  const ort = await loadRuntime();
  expect(typeof ort.InferenceSession.create).toBe('function');
  expect(ort.env.logLevel).toBe('error');
  expect(await loadRuntime(missing)).toBe(ort);
});
