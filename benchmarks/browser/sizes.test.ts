import { expect, it } from 'vitest';
import { sizedEntries, sizeResults } from './sizes';

it('asks for entries that the size check has', async () => {
  const { default: config }: { default: readonly { name: string }[] } = await import(
    new URL('../../.size-limit.js', import.meta.url).href
  );
  expect(config.map(({ name }) => name)).toEqual(expect.arrayContaining([...sizedEntries]));
});

it('gives kilobytes, with the goals of the roots', () => {
  const results = sizeResults(sizedEntries.map((name, index) => ({ name, size: 7000 + index * 500 })));
  expect(results.map(({ value, unit, goal }) => [value, unit, goal])).toEqual([
    [7, 'kB', '<= 20'],
    [7.5, 'kB', '<= 24'],
    [8, 'kB', undefined],
    [8.5, 'kB', undefined],
  ]);
});

it('says which entry is missing', () => {
  expect(() => sizeResults([{ name: '@fairlead/core', size: 1 }])).toThrow('"@fairlead/core with @fairlead/browser"');
});
