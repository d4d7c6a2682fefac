import { describe, expect, test } from 'vitest';
import { thrownBy } from '../testing/test-kit.fixture';
import { type GoldenCase, type GoldenFile, goldenLimits } from './golden-file';
import { parseGolden } from './parse-golden';

const goodCase: GoldenCase = {
  inputs: { x: { dtype: 'float32', shape: [1, 2], data: [1, 2] } },
  outputs: { y: { dtype: 'float32', shape: [1, 2], data: [2, 4] } },
};
const good: GoldenFile = {
  format: 'fairlead-golden',
  version: 1,
  sha256: 'abc',
  tolerance: { y: { absolute: 0.5 } },
  cases: [goodCase],
};

const bytesOf = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
const parse = (value: unknown) => parseGolden(bytesOf(value), 'digits 2');

/** The file with another tensor in the place of its input. */
const withInput = (tensor: unknown) => ({ ...good, cases: [{ ...goodCase, inputs: { x: tensor } }] });

describe('golden rows', () => {
  test('are read with their tolerance, and what else the file says is left alone', () => {
    const golden = parse({ ...good, trueLabels: [3], producedBy: 'a script' });
    expect(golden.sha256).toBe('abc');
    expect(golden.tolerance.get('y')).toEqual({ absolute: 0.5 });
    expect(golden.cases).toEqual([
      {
        inputs: { x: { dtype: 'float32', shape: [1, 2], data: Float32Array.of(1, 2) } },
        outputs: { y: { dtype: 'float32', shape: [1, 2], data: Float32Array.of(2, 4) } },
      },
    ]);
  });

  test.each([
    ['float16', [1.5, 'NaN', '-Infinity'], Uint16Array.of(0x3e00, 0x7e00, 0xfc00)],
    ['float64', [1e300, 'Infinity', -0], Float64Array.of(1e300, Number.POSITIVE_INFINITY, 0)],
    ['int64', ['9007199254740993', -1, 5], BigInt64Array.of(9007199254740993n, -1n, 5n)],
    ['uint64', ['18446744073709551615', 0, 1], BigUint64Array.of(18446744073709551615n, 0n, 1n)],
    ['bool', [true, false, 1], Uint8Array.of(1, 0, 1)],
    ['string', ['a', '', 'c'], ['a', '', 'c']],
    ['int8', [[-128], [0], [127]], Int8Array.of(-128, 0, 127)],
  ])('of %s are read as their elements', (dtype, data, expected) => {
    const shape = Array.isArray(data[0]) ? [3, 1] : [3];
    expect(parse(withInput({ dtype, shape, data })).cases[0]?.inputs.x?.data).toEqual(expected);
  });

  test('are read as Python writes them: bare NaN, and whole numbers past 2^53', () => {
    const text = JSON.stringify(withInput({ dtype: 'int64', shape: [1], data: ['@'] })).replace(
      '"@"',
      '9007199254740993',
    );
    expect(parse(text).cases[0]?.inputs.x?.data).toEqual(BigInt64Array.of(9007199254740993n));
    const bare = JSON.stringify(withInput({ dtype: 'float32', shape: [1], data: ['@'] })).replace('"@"', 'NaN');
    expect(parse(bare).cases[0]?.inputs.x?.data).toEqual(Float32Array.of(Number.NaN));
  });

  test('may carry names that objects have already', () => {
    const text = JSON.stringify(good).replace('"x":', '"__proto__":');
    expect(Object.keys(parse(text).cases[0]?.inputs ?? {})).toEqual(['__proto__']);
  });

  test.each([
    ['nothing', '', 'golden'],
    ['half of a file', JSON.stringify(good).slice(0, 40), 'golden'],
    ['a page of HTML', '<!doctype html>', 'golden'],
    ['a list', [good], 'format'],
    ['another format', { ...good, format: 'fairlead-reference' }, 'format'],
    ['no version', { ...good, version: undefined }, 'version'],
    ['an earlier version', { ...good, version: 0 }, 'version'],
    ['a digest that is no text', { ...good, sha256: 5 }, 'sha256'],
    ['no cases', { ...good, cases: undefined }, 'cases'],
    ['an empty list of cases', { ...good, cases: [] }, 'cases'],
    ['a case that is none', { ...good, cases: [null] }, 'cases[0]'],
    ['a case without inputs', { ...good, cases: [{ outputs: goodCase.outputs }] }, 'cases[0].inputs'],
    ['a case without outputs', { ...good, cases: [{ inputs: goodCase.inputs }] }, 'cases[0].outputs'],
    ['no outputs to compare', { ...good, cases: [{ ...goodCase, outputs: {} }] }, 'cases[0].outputs'],
    ['a bare list as tensor', withInput([1, 2]), 'cases[0].inputs.x'],
    ['a dtype that is none', withInput({ dtype: 'float8', shape: [1], data: [1] }), 'cases[0].inputs.x.dtype'],
    ['half an axis', withInput({ dtype: 'int8', shape: [0.5], data: [1] }), 'cases[0].inputs.x.shape'],
    ['too few elements', withInput({ dtype: 'int8', shape: [2], data: [1] }), 'cases[0].inputs.x.data'],
    ['a number out of range', withInput({ dtype: 'int8', shape: [1], data: [300] }), 'cases[0].inputs.x.data[0]'],
    ['null as an element', withInput({ dtype: 'float32', shape: [1], data: [null] }), 'cases[0].inputs.x.data[0]'],
    ['a tolerance that is a number', { ...good, tolerance: { y: 0.1 } }, 'tolerance.y'],
    ['a negative tolerance', { ...good, tolerance: { y: { absolute: -1 } } }, 'tolerance.y.absolute'],
    ['an infinite tolerance', { ...good, tolerance: { y: { relative: 'Infinity' } } }, 'tolerance.y.relative'],
    ['a tolerance of another kind', { ...good, tolerance: { y: { top1: true } } }, 'tolerance.y.top1'],
    ['tolerances as a list', { ...good, tolerance: [] }, 'tolerance'],
  ])('with %s are STORE_CORRUPT, naming whose they are and the field', (_what, value, field) => {
    const error = thrownBy(() => parse(value), 'STORE_CORRUPT');
    expect(error.details.field).toBe(field);
    expect(error.message).toContain('digits 2');
    expect(error.message).toContain('recordGolden');
  });

  test('in bytes that are no UTF-8 are STORE_CORRUPT', () => {
    thrownBy(() => parseGolden(Uint8Array.of(0x7b, 0xff), 'digits 2'), 'STORE_CORRUPT');
  });

  test('with a whole number past 2^53 in an exponent are STORE_CORRUPT', () => {
    const text = JSON.stringify(withInput({ dtype: 'int64', shape: [1], data: ['@'] })).replace('"@"', '1e17');
    thrownBy(() => parse(text), 'STORE_CORRUPT');
  });

  test('of a later version are UNSUPPORTED', () => {
    expect(thrownBy(() => parse({ ...good, version: 2 }), 'UNSUPPORTED').message).toContain('Update');
  });

  test('past the limits are LIMIT_EXCEEDED', () => {
    thrownBy(() => parseGolden(new Uint8Array(goldenLimits.bytes + 1), 'digits 2'), 'LIMIT_EXCEEDED');
    const cases = new Array(goldenLimits.cases + 1).fill(goodCase);
    thrownBy(() => parse({ ...good, cases }), 'LIMIT_EXCEEDED');
  });
});
