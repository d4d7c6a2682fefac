import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FairleadError } from '../../errors';
import { csvField, parseCsv } from './csv';

const parse = (text: string, maxCells = 1000) => parseCsv(text, { maxCells });
const refusal = (text: string, maxCells = 1000): string => {
  try {
    parse(text, maxCells);
  } catch (error) {
    const { code, details } = error as FairleadError;
    return `${code} ${details.field}`;
  }
  return 'read';
};

describe('parseCsv', () => {
  it('reads fields, quoted or not, and lines of either end', () => {
    expect(parse('a,b\n1,2\r\n3,4')).toEqual([
      ['a', 'b'],
      ['1', '2'],
      ['3', '4'],
    ]);
    expect(parse('"a","b,c"\n"d""e","f\ng"\n')).toEqual([
      ['a', 'b,c'],
      ['d"e', 'f\ng'],
    ]);
    expect(parse('a,\n,b\n,')).toEqual([
      ['a', ''],
      ['', 'b'],
      ['', ''],
    ]);
    expect(parse('\ufeffa,b\n1,2')).toEqual([
      ['a', 'b'],
      ['1', '2'],
    ]);
    expect(parse('a\n""\n\n\nb')).toEqual([['a'], [''], ['b']]);
    expect(parse('')).toEqual([]);
    expect(parse('\n\r\n')).toEqual([]);
  });

  it('refuses what is no CSV, case by case', () => {
    expect(refusal('a,"b')).toBe('PROTOCOL_ERROR line 1');
    expect(refusal('a\n"b"c')).toBe('PROTOCOL_ERROR line 2');
    expect(refusal('a"b')).toBe('PROTOCOL_ERROR line 1');
    expect(refusal('a,b\n1')).toBe('INVALID_INPUT line 2');
    expect(refusal('a,b\n1,2,3')).toBe('INVALID_INPUT line 2');
    expect(refusal('1,2,3,4', 3)).toBe('LIMIT_EXCEEDED body');
    expect(refusal('\n\n\n1,2,3', 3)).toBe('read');
  });

  it('reads back every table that is written (500 cases)', () => {
    const table = fc.integer({ min: 1, max: 5 }).chain((width) =>
      fc.array(fc.array(fc.string({ unit: 'binary', maxLength: 8 }), { minLength: width, maxLength: width }), {
        maxLength: 6,
      }),
    );
    const check = (rows: string[][]): void => {
      expect(parse(rows.map((row) => row.map(csvField).join(',')).join('\r\n'))).toEqual(rows);
    };
    fc.assert(
      fc.property(
        table.filter((rows) => !rows[0]?.[0]?.startsWith('\ufeff')),
        check,
      ),
      { numRuns: 500 },
    );
  });

  it('answers any text with a table or a refusal (3,000 cases)', () => {
    const text = fc.string({ unit: fc.constantFrom('"', ',', '\n', '\r', 'a', ' '), maxLength: 40 });
    const check = (given: string): void => {
      expect(refusal(given)).toMatch(/^read$|^(PROTOCOL_ERROR|INVALID_INPUT) line \d+$/);
    };
    fc.assert(fc.property(text, check), { numRuns: 3000 });
  });
});
