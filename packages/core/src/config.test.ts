import { expect, test } from 'vitest';
import * as z from 'zod/mini';
import { parseOptions } from './config';

const schema = z.strictObject({
  name: z.optional(z.string().check(z.minLength(2), z.maxLength(5))),
  steps: z.optional(z.array(z.int()).check(z.minLength(1))),
  range: z.optional(z.tuple([z.number(), z.number()])),
  arms: z.optional(z.record(z.string(), z.number())),
  share: z.optional(z.number().check(z.gt(0), z.lte(1))),
});

test.each([
  [{ name: '' }, 'name', 'at least 2 characters, given ""'],
  [{ name: 'too long' }, 'name', 'at most 5 characters, given "too long"'],
  [{ steps: [] }, 'steps', 'at least 1, given []'],
  [{ steps: [1.5] }, 'steps.0', 'an int, given 1.5'],
  [{ range: 5 }, 'range', 'a list, given 5'],
  [{ arms: [0.5] }, 'arms', 'a plain object, given [0.5]'],
  [{ share: 0 }, 'share', 'more than 0, given 0'],
  [{ share: '5 %' }, 'share', 'a number, given "5 %"'],
  [{ shares: 1 }, 'shares', 'no such option, given 1'],
  [[], 'options', 'an object, given []'],
])('%j is told in words: option %s', (options, field, sentence) => {
  expect(() => parseOptions(schema, options, 'make')).toThrow(
    `make: option "${field}" is wrong: expected ${sentence}.`,
  );
});
