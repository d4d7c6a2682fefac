import type { TensorSpec } from '../../signature';
import type { DType } from '../../tensor/dtype';
import { integerRanges } from '../../tensor/json/decode-data';
import type { JsonSchema } from '../protocol';

/**
 * One element of a tensor: NaN and the infinities may be words, and an integer of 64 bits its digits.
 *
 * @param strings what a string is, where a protocol has another form for it. @default text
 */
export function elementSchema(dtype: DType, strings: JsonSchema = { type: 'string' }): JsonSchema {
  if (dtype === 'string') return strings;
  if (dtype === 'bool') return { type: 'boolean' };
  if (dtype.startsWith('float')) {
    return { anyOf: [{ type: 'number', title: dtype }, { enum: ['NaN', 'Infinity', '-Infinity'] }] };
  }
  const [minimum, maximum] = integerRanges[dtype] ?? [];
  if (minimum !== undefined) return { type: 'integer', title: dtype, minimum, maximum };
  const isSigned = dtype === 'int64';
  return {
    anyOf: [
      { type: 'integer', title: dtype, ...(!isSigned && { minimum: 0 }) },
      { type: 'string', pattern: isSigned ? '^-?[0-9]{1,19}$' : '^[0-9]{1,20}$' },
    ],
  };
}

/** The schema of a tensor's elements, chosen by its name and type. */
export type ElementOf = (spec: TensorSpec) => JsonSchema;

/** Elements as {@link elementSchema} has them. */
export const plainElement: ElementOf = ({ dtype }) => elementSchema(dtype);

/** The element that examples are made of. */
export function zeroOf(dtype: DType): number | string | boolean {
  if (dtype === 'string') return 'text';
  return dtype === 'bool' ? false : 0;
}
