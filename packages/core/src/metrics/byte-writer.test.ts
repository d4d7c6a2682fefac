import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter, pieceOf } from './byte-writer';
import { formatValue } from './text';

describe('ByteWriter', () => {
  it('writes every number as it is written elsewhere', () => {
    const numbers = fc.oneof(
      fc.double(),
      fc.integer(),
      fc.integer({ min: 2 ** 31 - 3, max: 2 ** 31 + 3 }),
      fc.maxSafeNat(),
    );
    fc.assert(
      fc.property(fc.array(numbers), (values) => {
        const out = new ByteWriter(1);
        for (const value of values) out.number(value);
        expect(out.toString()).toBe(values.map(formatValue).join(''));
      }),
    );
    const out = new ByteWriter(1);
    for (const value of [0, 9, 10, 99, 100, 2147483647, -0, -Number.MAX_VALUE]) out.number(value);
    expect(out.toString()).toBe('0910991002147483647' + '0' + '-1.7976931348623157e+308');
  });

  it('joins texts and pieces in any order, whatever its first size', () => {
    const text = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(fc.array(fc.tuple(text, fc.boolean())), fc.integer({ min: 1, max: 40 }), (parts, capacity) => {
        const out = new ByteWriter(capacity);
        for (const [part, isPrepared] of parts) {
          if (isPrepared) out.piece(pieceOf(part));
          else out.text(part);
        }
        const whole = parts.map(([part]) => part).join('');
        expect(out.toString()).toBe(whole);
        expect(out.length).toBe(new TextEncoder().encode(whole).length);
        expect(out.bytes()).toEqual(new TextEncoder().encode(whole));
      }),
    );
  });

  it('forgets what it is told to', () => {
    const out = new ByteWriter();
    out.text('kept');
    const { length } = out;
    out.text(' and not');
    out.rewind(length);
    expect(out.toString()).toBe('kept');
  });
});
