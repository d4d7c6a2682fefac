import { afterEach, expect, test, vi } from 'vitest';
import { loadPackage } from './runtime';

afterEach(() => {
  vi.doUnmock('@tensorflow/tfjs-converter');
  vi.resetModules();
});

function broken(message: string): void {
  vi.doMock('@tensorflow/tfjs-converter', () => {
    throw new Error(message);
  });
}

test('says how to install a package that is not there', async () => {
  broken('Failed to fetch dynamically imported module');
  await expect(loadPackage('converter')).rejects.toMatchObject({
    code: 'BACKEND_UNAVAILABLE',
    message: expect.stringContaining('npm install @tensorflow/tfjs-converter@4.22.0'),
    details: { field: '@tensorflow/tfjs-converter', expected: 'version 4.22.0' },
  });
});

test('loads one that is there, and tries again after a failure', async () => {
  broken('Failed to fetch');
  await expect(loadPackage('converter')).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
  vi.doUnmock('@tensorflow/tfjs-converter');
  vi.resetModules();
  expect(typeof (await loadPackage('converter')).loadGraphModelSync).toBe('function');
});
