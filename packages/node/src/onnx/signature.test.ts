import { describe, expect, test } from 'vitest';
import { readSignature as readSignatureOf, settleSignature, type ValueMetadata } from './signature';
import { zipMapModel } from './tiny-onnx';

/** The model's bytes count only where something is no tensor. */
const readSignature = (
  inputs: readonly ValueMetadata[],
  outputs: readonly ValueMetadata[],
  model: Uint8Array = new Uint8Array(),
) => readSignatureOf(inputs, outputs, model);

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

  test('refuses what is no tensor by its name and type', () => {
    const maps: ValueMetadata = { name: 'output_probability', isTensor: false };
    const read = (): unknown => readSignature([tensor('x', ['n', 4])], [tensor('label', ['n']), maps], zipMapModel());
    expect(read).toThrowError(
      expect.objectContaining({
        code: 'UNSUPPORTED',
        message:
          'The output "output_probability" is a sequence of maps from int64 to float32 tensors; expected a tensor. Export the model without it: in skl2onnx, with options={"zipmap": False}.',
        details: expect.objectContaining({ field: 'output_probability' }),
      }),
    );
  });

  test('refuses it by its name alone when its type cannot be read', () => {
    expect(() => readSignature([{ name: 'd', isTensor: false }], [])).toThrowError(
      expect.objectContaining({
        code: 'UNSUPPORTED',
        message: expect.stringContaining('The input "d" is a sequence, a map or optional; expected a tensor'),
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
