import { describe, expect, it } from 'vitest';
import { loadLibrary } from './libraries';

const missing = (name: string) => () =>
  Promise.reject(
    Object.assign(new Error(`Cannot find package '${name}' imported from here`), { code: 'ERR_MODULE_NOT_FOUND' }),
  );

describe('loadLibrary', () => {
  it.each([
    ['csv-parse', 'npm install csv-parse'],
    ['apache-arrow', 'npm install apache-arrow'],
    ['hyparquet', 'npm install hyparquet'],
    ['hyparquet-compressors', 'npm install hyparquet hyparquet-compressors'],
  ] as const)('says how to install %s', async (name, command) => {
    await expect(loadLibrary(name, missing(name))).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: `The package ${name} is not installed. Run \`${command}\`.`,
    });
  });

  it('says so where a library is there and does not load, as when one of its own is missing', async () => {
    await expect(loadLibrary('apache-arrow', missing('flatbuffers'))).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringContaining('apache-arrow is installed but does not load here'),
    });
  });

  it('loads what is there', async () => {
    expect(typeof (await loadLibrary('csv-parse')).parse).toBe('function');
    expect(Object.keys((await loadLibrary('hyparquet-compressors')).compressors)).toContain('GZIP');
  });
});
