import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairleadError } from '../../errors';
import { cellsOf } from '../batch/csv-cells';
import { parseCsv } from '../scoring/csv';
import { writeField } from './field';
import { scalarOfText } from './value';

/** What both readers make of one line. */
function both(line: string): readonly [whole: unknown, record: unknown] {
  const tried = (read: () => unknown): unknown => {
    try {
      return read();
    } catch (error) {
      expect(error).toBeInstanceOf(FairleadError);
      return (error as FairleadError).code;
    }
  };
  return [tried(() => parseCsv(line, { maxCells: 1000 })[0]), tried(() => cellsOf(line))];
}

describe('a line of CSV', () => {
  it('is read alike as a whole text and as a record (3,000 cases)', () => {
    const text = fc.string({ unit: fc.constantFrom('"', ',', 'a', ' ', 'é'), minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(text, (line) => {
        const [whole, record] = both(line);
        expect(record).toEqual(whole);
      }),
      { numRuns: 3000 },
    );
  });

  it('reads back as it was written (500 cases)', () => {
    const cells = fc.array(fc.string({ unit: 'binary', maxLength: 8 }), { minLength: 2, maxLength: 5 });
    const check = (row: string[]): void => {
      const line = row.map(writeField).join(',');
      expect(cellsOf(line)).toEqual(row);
      expect(parseCsv(line, { maxCells: 100 })).toEqual([row]);
    };
    fc.assert(
      fc.property(
        cells.filter(([first]) => !first?.startsWith('\ufeff')),
        check,
      ),
      { numRuns: 500 },
    );
  });

  it('has no carriage return within a field that is not quoted', () => {
    expect(() => cellsOf('a\rb,c')).toThrow('a comma or the end of the record');
    expect(cellsOf('"a\rb",c')).toEqual(['a\rb', 'c']);
  });
});

describe('the value of a cell', () => {
  it.each([
    ['string', ' 1 ', ' 1 '],
    ['float32', ' 1.5e3 ', 1500],
    ['float64', '.5', 0.5],
    ['float32', '-INF', '-Infinity'],
    ['float32', '+Infinity', 'Infinity'],
    ['float32', 'NA', null],
    ['float16', 'None', null],
    ['float32', '', null],
    ['float32', 'one', 'one'],
    ['int32', '7', 7],
    ['int32', '1.5', 1.5],
    ['int32', '', null],
    ['int32', 'NA', 'NA'],
    ['int64', '+9007199254740993', '9007199254740993'],
    ['uint64', '18446744073709551615', '18446744073709551615'],
    ['float64', '9007199254740993', 9007199254740992],
    ['bool', 'TRUE', true],
    ['bool', '0', false],
    ['bool', 'constructor', 'constructor'],
    ['bool', '', null],
  ] as const)('of %s "%s"', (dtype, text, value) => {
    expect(scalarOfText(dtype, text)).toBe(value);
  });
});
