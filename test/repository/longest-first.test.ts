import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { repository } from '../../scripts/entries';
import { longest } from '../../scripts/longest-first';

it('begins with test files that exist, each named once', () => {
  expect(longest.filter((file) => !existsSync(`${repository}${file}`))).toEqual([]);
  expect(new Set(longest).size).toBe(longest.length);
});
