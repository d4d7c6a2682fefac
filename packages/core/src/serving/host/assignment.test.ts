import { describe, expect, it } from 'vitest';
import { FairleadError } from '../../errors';
import { readContext, readKey } from './assignment';

function refusal(read: () => unknown): FairleadError {
  try {
    read();
  } catch (error) {
    if (FairleadError.isInstance(error)) return error;
  }
  return expect.fail('nothing was refused');
}

describe('a key', () => {
  it('is that of the header, else of the parameters; an empty header says nothing', () => {
    expect(readKey('user-7', 'user-8')).toBe('user-7');
    expect(readKey('', 'user-8')).toBe('user-8');
    expect(readKey(null, undefined)).toBeUndefined();
    expect(readKey(undefined, '')).toBe('');
    expect(readKey(undefined, 'grüß\n')).toBe('grüß\n');
    expect(readKey('x'.repeat(256), undefined)).toHaveLength(256);
  });

  it('that is none is refused, and never told again', () => {
    const secret = 'Ada.Lovelace';
    for (const [header, parameter] of [
      [`${secret}\n`, undefined],
      [`${secret}é`, undefined],
      [secret.repeat(22), undefined],
      [undefined, secret.repeat(22)],
      [undefined, 7],
      [undefined, null],
      [undefined, [secret]],
      [undefined, { secret }],
    ] as const) {
      const { code, message, details } = refusal(() => readKey(header, parameter));
      expect(code).toBe('INVALID_ARGUMENT');
      expect(details.field).toBe(header === undefined ? 'parameters.key' : 'x-fairlead-key');
      expect(JSON.stringify([message, details])).not.toContain('Lovelace');
    }
  });
});

describe('a context', () => {
  it('is numbers, of the header or else of the parameters', () => {
    expect(readContext('1, -0.5,2e-3', '7')).toEqual([1, -0.5, 0.002]);
    expect(readContext('', '7')).toEqual([7]);
    expect(readContext(undefined, undefined)).toBeUndefined();
    const numbers = Array.from({ length: 256 }, (_, index) => -Math.PI * 10 ** (index - 290));
    expect(readContext(numbers.join(','), undefined)).toEqual(numbers);
  });

  it('of anything else, or of too much, is refused', () => {
    for (const wrong of ['1,', ',', 'one', '1,,2', 'NaN', 'Infinity', '1;2', new Array(257).fill('1').join(',')])
      expect(refusal(() => readContext(wrong, undefined)).details.field).toBe('x-fairlead-context');
    for (const wrong of [1, [1, 2], null, '', '0'.repeat(10_000)])
      expect(refusal(() => readContext(undefined, wrong)).details.field).toBe('parameters.context');
  });
});
