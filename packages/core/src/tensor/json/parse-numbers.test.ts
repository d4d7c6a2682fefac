import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseNumbers } from './parse-numbers';

const utf8 = new TextEncoder();

/** Others lie around the text, as in a message; what comes close behind it is read otherwise than what does not. */
function parse(text: string, data: Parameters<typeof parseNumbers>[3], behind = ']7,7]'): boolean {
  const bytes = utf8.encode(`[7${text}${behind}`);
  return parseNumbers(bytes, 2, bytes.length - behind.length, data);
}
const farBehind = `],"datatype":"FP32","shape":[1,${'1'.repeat(40)}]`;

/** Numbers as many a client writes them. */
const numberText = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.integer().map(String),
  fc.double({ min: -1000, max: 1000, noNaN: true }).map((value) => value.toFixed(3)),
  fc.double({ min: 1e-30, max: 1e30, noNaN: true }).map((value) => value.toExponential(12)),
  fc
    .tuple(fc.boolean(), fc.nat(), fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 40 }))
    .map(([negative, whole, digits]) => `${negative ? '-' : ''}${whole}.${digits}`),
  fc
    .tuple(
      fc.string({ unit: fc.constantFrom(...'123456789'), minLength: 1, maxLength: 40 }),
      fc.integer({ min: -330, max: 310 }),
    )
    .map(([digits, exponent]) => `${digits}E${exponent}`),
);

describe('parseNumbers', () => {
  it('reads what JSON.parse reads, to the last bit', () => {
    fc.assert(
      fc.property(fc.array(numberText, { minLength: 1, maxLength: 20 }), (texts) => {
        const expected = texts.map((text) => Number(text));
        const text = texts.join(',');
        const doubles = new Float64Array(texts.length);
        expect(parse(text, doubles)).toBe(expected.every(Number.isFinite));
        if (expected.every(Number.isFinite)) expect(sameBits(doubles, Float64Array.from(expected)), text).toBe(true);
        const floats = new Float32Array(texts.length);
        const rounded = Float32Array.from(expected);
        const fits = rounded.every((value) => Number.isFinite(value));
        expect(parse(text, floats)).toBe(fits);
        if (fits) expect(sameBits(floats, rounded), text).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  it('reads float32s as it reads doubles and rounds them, wherever they lie and whatever is wrong with them', () => {
    const wrong = fc.constantFrom(
      '',
      '-',
      '.',
      '1.',
      '.5',
      '01',
      '-00.5',
      '1..2',
      '1.5.',
      '+1',
      '1e',
      '0x1',
      '1 2',
      '\v1',
      'é',
      '1.5E',
      '1_0',
    );
    const digits = (most: number) =>
      fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: most });
    const decimal = fc
      .tuple(fc.constantFrom('', '-'), fc.oneof(fc.constant('0'), fc.nat().map(String)), fc.nat(50), digits(30))
      .map(([sign, whole, zeros, rest]) => `${sign}${whole}.${'0'.repeat(zeros)}${rest}`);
    const space = fc.constantFrom('', '', '', ' ', '\n\t', '\r');
    const element = fc.oneof(
      { weight: 20, arbitrary: fc.oneof(decimal, numberText, digits(3)) },
      { weight: 1, arbitrary: wrong },
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(space, element, space), { minLength: 1, maxLength: 6 }), (parts) => {
        const text = parts.map((part) => part.join('')).join(',');
        let expected: readonly number[] | undefined;
        try {
          expected = JSON.parse(`[${text}]`);
        } catch {
          // No JSON.
        }
        const rounded = Float32Array.from(expected ?? []);
        const fits = rounded.length === parts.length && rounded.every(Number.isFinite);
        for (const behind of [']', ']}]}', farBehind]) {
          const floats = new Float32Array(parts.length);
          expect(parse(text, floats, behind), text).toBe(fits);
          if (fits) expect(sameBits(floats, rounded), text).toBe(true);
        }
      }),
      { numRuns: 5000 },
    );
  });

  it('rounds a float32 half-way between two as the double of its digits would be', () => {
    fc.assert(
      fc.property(
        fc.float({ min: 2 ** -20, max: 2 ** 20, noNaN: true }),
        fc.constantFrom('', '0', '1', '00000000000000000001', '4', '9'),
        (value, tail) => {
          const next = Math.fround(value * (1 + 2 ** -23));
          const middle = (value + next) / 2;
          const text = `${Number.isInteger(middle) ? `${middle}.` : middle}${tail}`.replace(/\.$/, '.0');
          const floats = new Float32Array(1);
          for (const behind of [']7,7]', farBehind]) {
            expect(parse(text, floats, behind)).toBe(true);
            expect(floats[0], text).toBe(Math.fround(Number(text)));
          }
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('reads whole numbers of every integer type, and refuses those past its range', () => {
    for (const make of [Int8Array, Int16Array, Int32Array, Uint8Array, Uint16Array, Uint32Array]) {
      const bits = make.BYTES_PER_ELEMENT * 8;
      const isSigned = make.name.startsWith('I');
      const [lowest, highest] = isSigned ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];
      const data = new make(3);
      expect(parse(` ${lowest} ,0,\n${highest}\t`, data), make.name).toBe(true);
      expect([...data]).toEqual([lowest, 0, highest]);
      for (const past of [lowest - 1, highest + 1, 1.5, '1.0', '1e0', '123456789012345678901']) {
        expect(parse(`0,${past},1`, data), `${make.name} ${past}`).toBe(false);
      }
    }
  });

  it('keeps the sign of zero', () => {
    for (const behind of [']', farBehind]) {
      const data = new Float32Array(6);
      expect(parse('-0,0,-0.0,-0e5,0.000,-0.00000000', data, behind)).toBe(true);
      expect([...data].map((value) => Object.is(value, -0))).toEqual([true, false, true, true, false, true]);
    }
  });

  it.each([
    '',
    ' ',
    '1',
    '1,2,3',
    '1,,2',
    '1,2,',
    ',1,2',
    '1 2',
    '1;2',
    '01,2',
    '-01,2',
    '+1,2',
    '.5,2',
    '5.,2',
    '-,2',
    '1e,2',
    '1e+,2',
    '--1,2',
    '1.2.3,4',
    '1e5.5,2',
    'NaN,2',
    'Infinity,2',
    'null,2',
    '"1",2',
    '[1],2',
    '0x10,2',
    '1_0,2',
    '１,2',
    '1,2\u00a0',
    '1e999,2',
    '1,2x',
  ])('refuses %j for two numbers', (text) => {
    expect(parse(text, new Float32Array(2))).toBe(false);
    expect(parse(text, new Float32Array(2), farBehind)).toBe(false);
    expect(parse(text, new Float64Array(2))).toBe(false);
  });

  it('ends at its closing bracket, and reads nothing without one', () => {
    const data = new Float64Array(2);
    for (const text of ['1,2345', '1,2e', '1,2.', '1,-', '1,0.12345678', '1,', '1']) {
      const bytes = utf8.encode(text);
      for (let to = 0; to <= bytes.length; to++) expect(parseNumbers(bytes, 0, to, data), text).toBe(false);
    }
    expect(parseNumbers(utf8.encode('1,2]345'), 0, 3, data)).toBe(true);
    expect([...data]).toEqual([1, 2]);
    expect(parseNumbers(utf8.encode('1,2]345]'), 0, 7, data)).toBe(false);
  });
});

function sameBits(a: Float32Array | Float64Array, b: Float32Array | Float64Array): boolean {
  return Buffer.compare(Buffer.from(a.buffer), Buffer.from(b.buffer)) === 0;
}
