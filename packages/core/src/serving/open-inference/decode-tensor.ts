import { FairleadError } from '../../errors';
import type { DType } from '../../tensor/dtype';
import { decodeData, decodeShape, type ElementOptions } from '../../tensor/json/decode-data';
import { describeGiven } from '../../tensor/json/describe-given';
import { elementCount, formatShape, type Tensor } from '../../tensor/tensor';
import type { BinaryReader } from './binary';
import { datatypeOf, dtypeOf } from './datatypes';

/** How tensors are read from JSON. */
export interface DecodeOptions extends ElementOptions {
  /** Elements that one tensor may have; checked on the shape, before anything is allocated. */
  readonly maxElements: number;
}

/** Where the elements of binary tensors are. */
type Binary = BinaryReader | undefined;

/** A tensor with the name that it travels under. */
export interface NamedTensor {
  readonly name: string;
  readonly tensor: Tensor;
}

/**
 * Reads one tensor of a message: `{name, shape, datatype, data}` with `data` flat or nested like the shape, or with
 * `parameters.binary_data_size` in its place and the elements behind the JSON.
 *
 * Floats may be numbers or the strings "NaN", "Infinity", "-Infinity"; INT64 and UINT64 numbers or strings of digits;
 * BOOL `true`, `false`, 1 or 0; BYTES strings.
 *
 * @param field how messages name the object, for example `inputs[0]`
 * @param expected the dtype that the model has under that name; undefined when it has no such name
 * @throws FairleadError `INVALID_INPUT`, `LIMIT_EXCEEDED`
 */
export function decodeTensor(
  value: unknown,
  field: string,
  expected: (name: string) => DType,
  options: DecodeOptions,
  binary: Binary,
): NamedTensor {
  if (typeof value !== 'object' || value === null)
    throw invalid(field, '{name, shape, datatype, data}', describeGiven(value));
  const { name, shape, datatype, data, parameters } = value as Record<string, unknown>;
  if (typeof name !== 'string') throw invalid(`${field}.name`, 'a string', describeGiven(name));
  const dtype = expected(name);
  if (dtypeOf(datatype) !== dtype) throw invalid(`${name}.datatype`, `"${datatypeOf(dtype)}"`, describeGiven(datatype));
  const sizes = decodeShape(shape, name);
  const count = elementCount(sizes);
  if (count > options.maxElements) {
    throw new FairleadError(
      'LIMIT_EXCEEDED',
      `Input ${name}.shape: expected at most ${options.maxElements} elements, given ${formatShape(sizes)}. Send fewer rows at once.`,
      {
        details: {
          field: `${name}.shape`,
          expected: `at most ${options.maxElements} elements`,
          given: formatShape(sizes),
        },
      },
    );
  }
  const size = binarySizeOf(parameters);
  if (data === undefined && size !== undefined) {
    if (binary !== undefined) return { name, tensor: binary.read(dtype, sizes, size, name) };
    const expected = 'header inference-header-content-length, and the data behind the JSON';
    throw invalid(`${name}.parameters.binary_data_size`, expected, 'no such header');
  }
  return { name, tensor: { dtype, shape: sizes, data: decodeData(dtype, sizes, data, name, options) } };
}

function binarySizeOf(parameters: unknown): unknown {
  if (typeof parameters !== 'object' || parameters === null) return undefined;
  return (parameters as Record<string, unknown>).binary_data_size;
}

function invalid(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_INPUT', `Input ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
