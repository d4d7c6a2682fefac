import { describe, expect, test } from 'vitest';
import { readSignature, settleSignature, type ValueMetadata } from './signature';

const tensor = (name: string, shape: (number | string)[], type = 'float32'): ValueMetadata => ({
  name,
  isTensor: true,
  type,
  shape,
});

describe('readSignature', () => {
  test.each([
    ['one name everywhere', [['n', 4]], [['n', 2], ['n']], 'certain', true],
    ['no names at all', [['', 4]], [['', 2]], 'open', true],
    ['an output of another name', [['n', 4]], [['m', 2]], 'open', false],
    ['an output without a name', [['n', 4]], [['', 2]], 'open', true],
    [
      'inputs that disagree',
      [
        ['n', 4],
        ['m', 4],
      ],
      [['n', 2]],
      'none',
      false,
    ],
    ['a fixed input', [[1, 4]], [['n', 2]], 'none', true],
    ['a fixed output', [['n', 4]], [[1, 2]], 'none', true],
    ['a scalar output', [['n', 4]], [[]], 'none', true],
    ['no inputs', [], [['n', 2]], 'none', true],
  ])('%s', (_what, inputs, outputs, claim, namesAgree) => {
    const values = (shapes: (string | number)[][]): ValueMetadata[] =>
      shapes.map((shape, index) => tensor(`t${index}`, shape));
    expect(readSignature(values(inputs), values(outputs))).toMatchObject({ claim, namesAgree });
  });

  test('refuses what is no tensor by its name', () => {
    const sequence: ValueMetadata = { name: 'probabilities', isTensor: false };
    expect(() => readSignature([tensor('x', ['n'])], [tensor('label', ['n']), sequence])).toThrowError(
      expect.objectContaining({
        code: 'UNSUPPORTED',
        message: expect.stringContaining('output "probabilities" is a sequence'),
        details: expect.objectContaining({ field: 'probabilities' }),
      }),
    );
  });

  test('refuses a dtype that JavaScript cannot hold by its name', () => {
    expect(() => readSignature([tensor('x', [2], 'int4')], [])).toThrowError(
      expect.objectContaining({ code: 'UNSUPPORTED', message: expect.stringContaining('input "x" is of dtype int4') }),
    );
  });
});

describe('settleSignature', () => {
  test('gives dimensions without a name one of their own, and rows the name that there is', () => {
    const claim = readSignature([tensor('x', ['', '', 3]), tensor('z', ['n', 2])], [tensor('y', ['', ''])]);
    expect(settleSignature(claim, 0)).toEqual({
      inputs: [
        { name: 'x', dtype: 'float32', shape: ['n', 'x_dim1', 3] },
        { name: 'z', dtype: 'float32', shape: ['n', 2] },
      ],
      outputs: [{ name: 'y', dtype: 'float32', shape: ['n', 'y_dim1'] }],
      batchAxis: 0,
    });
    expect(settleSignature(claim, null).outputs[0]?.shape).toEqual(['y_dim0', 'y_dim1']);
  });
});
