import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printable } from './printable';

describe('a printable text', () => {
  it('is visible ASCII, and the same again when it is decoded', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const written = printable(text);
        expect(written).toMatch(/^[\x21-\x7e]*$/);
        expect(decodeURIComponent(written)).toBe(text);
      }),
    );
  });

  it('stays as it is where it was one, but for percent signs', () => {
    expect(printable('replica-1.eu_west/a:b@c')).toBe('replica-1.eu_west/a:b@c');
    expect(printable('100%')).toBe('100%25');
    expect(printable('a\r\nset-cookie: b')).toBe('a%0D%0Aset-cookie:%20b');
    // Half a character is none.
    expect(printable('\ud800')).toBe('%EF%BF%BD');
  });
});
