import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { FairleadError } from '../../errors';
import { readJson, roundedInteger } from './lenient-json';

/** Decodes like a decoder that needs every digit: complains once, as long as it sees a rounded number. */
function needsDigits(message: unknown): unknown {
  JSON.stringify(message, (_key, value: unknown) => {
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) throw roundedInteger;
    return value;
  });
  return message;
}

describe('readJson', () => {
  it('parses ordinary JSON once', () => {
    const decode = vi.fn((message: unknown) => message);
    expect(readJson('{"a":[1,2.5,"NaN"]}', decode)).toEqual({ a: [1, 2.5, 'NaN'] });
    expect(decode).toHaveBeenCalledTimes(1);
  });

  it('keeps the digits of long integers when the decoder asks, and leaves all else as it was', () => {
    const text =
      '{"big":[9007199254740993,-9223372036854775808,1],"f":1.2345678901234567,"e":1e3,"s":"9007199254740993 \\" NaN"}';
    expect(readJson(text, needsDigits)).toEqual({
      big: ['9007199254740993', '-9223372036854775808', 1],
      f: 1.2345678901234567,
      e: 1000,
      s: '9007199254740993 " NaN',
    });
  });

  it('reads the bare tokens that Python and Triton write', () => {
    const read = readJson('{"d": [NaN, -Infinity, Infinity, 1], "s": "NaN \\\\"}', (message) => message);
    expect(read).toEqual({ d: ['NaN', '-Infinity', 'Infinity', 1], s: 'NaN \\' });
  });

  it.each(['', '{', '{"a":NaN', '[1,]', '{"a":"Infinity}', '\u0000', '"\\'])('refuses %j', (text) => {
    expect(() => readJson(text, (message) => message)).toThrow(
      expect.objectContaining({ code: 'PROTOCOL_ERROR' }) as Error,
    );
  });

  it('refuses a rounded number whose digits the text does not have', () => {
    expect(() => readJson('[1e19]', needsDigits)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }) as Error);
  });

  it('reads any JSON as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(readJson(text, (message) => message)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('answers any text with a value or a PROTOCOL_ERROR', () => {
    const piece = fc.constantFrom(
      '"',
      '\\',
      'NaN',
      '-',
      'Infinity',
      '12345678901234567',
      '[',
      ']',
      '{',
      '}',
      ',',
      ':',
      ' ',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        try {
          readJson(pieces.join(''), needsDigits);
        } catch (error) {
          expect(FairleadError.isInstance(error, 'PROTOCOL_ERROR')).toBe(true);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('refuses a long text that is nested without end, before it is parsed', () => {
    const parse = vi.spyOn(JSON, 'parse');
    for (const open of ['[', '{"a":', '[NaN,']) {
      expect(() => readJson(open.repeat(2 ** 20), () => undefined)).toThrow('at most 1000 deep');
    }
    expect(parse).not.toHaveBeenCalled();
    parse.mockRestore();
    // Brackets in strings are none, and many beside each other are not deep.
    const rows = Array.from({ length: 200_000 }, () => [1]);
    const wide = JSON.stringify({ text: '[{"'.repeat(100_000), rows, deep: [[[[[['end']]]]]] });
    expect(wide.length).toBeGreaterThan(2 ** 20);
    expect(readJson(wide, (message) => (message as { rows: unknown[] }).rows.length)).toBe(200_000);
  });

  it('refuses a long text of very many names, before it is parsed, and counts those alone', () => {
    const names = (count: number, open = '{"', close = '":0}') =>
      `[${Array.from({ length: count }, (_, index) => `${open}name ${index}${close}`).join(',')}]`;
    const parse = vi.spyOn(JSON, 'parse');
    const one = `{${Array.from({ length: 100_000 }, (_, index) => `"${index}" :null`).join(',')}}`;
    for (const text of [names(100_000), one, names(80_000).replace('0', 'NaN')]) {
      expect(() => readJson(text, () => undefined)).toThrow(
        'fields of at most 65536 different names, given more. Send values',
      );
    }
    expect(parse).not.toHaveBeenCalled();
    parse.mockRestore();
    const lengthOf = (message: unknown): number => (message as unknown[]).length;
    expect(readJson(names(60_000), lengthOf)).toBe(60_000);
    // Names that come again are none more, and strings that are values are none at all.
    const rows = JSON.stringify(Array.from({ length: 100_000 }, (_, row) => ({ id: row, 'a "b": c': `:${row}` })));
    expect(readJson(rows, lengthOf)).toBe(100_000);
    expect(readJson(names(100_000, '"', '"'), lengthOf)).toBe(100_000);
  });

  it('refuses a long text of arrays and objects that hold nothing', () => {
    const lengthOf = (message: unknown): number => (message as unknown[]).length;
    for (const empty of ['[]', '{}', '{ \n}']) {
      const text = (count: number): string => `[${new Array(count).fill(empty).join(',')}]`;
      expect(() => readJson(text(200_000), lengthOf)).toThrow('at most 65536 arrays and objects that are empty');
      expect(readJson(text(60_000).padEnd(2 ** 19), lengthOf)).toBe(60_000);
    }
    expect(readJson(`[${'"[]",[0],'.repeat(100_000)}0]`, lengthOf)).toBe(200_001);
  });

  it('reads strings full of backslashes in linear time', () => {
    const text = `{"a":NaN,"b":"${'\\\\'.repeat(500_000)}"}`;
    expect(readJson(text, (message) => (message as { b: string }).b.length)).toBe(500_000);
  });
});
