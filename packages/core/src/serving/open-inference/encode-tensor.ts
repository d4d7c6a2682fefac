import type { NumericData } from '../../tensor/dtype';
import { halfToNumber } from '../../tensor/float16';
import type { Tensor } from '../../tensor/tensor';
import { datatypeOf } from './datatypes';

/**
 * Writes a tensor as the protocol's JSON object, `data` flat and row-major.
 *
 * Every finite number reads back as the same element. Integers are written with all their digits, past 2^53 too; NaN and
 * the infinities, which JSON lacks, as the strings "NaN", "Infinity" and "-Infinity", as in the JSON mapping of
 * Protocol Buffers.
 */
export function encodeTensor(name: string, tensor: Tensor): string {
  const head = `{"name":${JSON.stringify(name)},"shape":[${tensor.shape.join(',')}],"datatype":"${datatypeOf(tensor.dtype)}"`;
  return `${head},"data":[${encodeElements(tensor)}]}`;
}

/** The elements of a tensor, separated by commas. */
function encodeElements(tensor: Tensor): string {
  switch (tensor.dtype) {
    case 'float32':
      return encodeFloat32(tensor.data as Float32Array);
    case 'float64':
      return encodeFloat64(tensor.data as Float64Array);
    case 'float16':
      return encodeFloat32(Float32Array.from(tensor.data as Uint16Array, halfToNumber));
    case 'bool':
      return encodeBool(tensor.data as Uint8Array);
    case 'string':
      return JSON.stringify(tensor.data).slice(1, -1);
    default:
      return (tensor.data as NumericData).join(',');
  }
}

/*
 * The hot path. Printing a float32 by way of its double gives up to 19 digits and costs a search for the shortest of
 * them. Nine decimals are enough to read the same float32 back for most magnitudes below 1, seven for most up to 200,
 * and digits of a small integer cost half as much: 57 against 100 to 140 ns an element, and two thirds of the bytes.
 * `k / scale` is the double that a parser makes of those digits, so the check against the element is exact; what fails
 * it is printed in full.
 */
function encodeFloat32(data: Float32Array): string {
  let text = '';
  for (let index = 0; index < data.length; index++) {
    const separated = index === 0 ? '' : ',';
    text += separated + printFloat32(data[index] as number);
  }
  return text;
}

function printFloat32(value: number): string | number {
  const magnitude = value < 0 ? -value : value;
  const sign = value < 0 ? '-' : '';
  if (magnitude < 1) {
    if (magnitude === 0) return Object.is(value, -0) ? '-0' : '0';
    const k = Math.round(magnitude * 1e9);
    if (k < 1e9 && Math.fround(k / 1e9) === magnitude) return `${sign}0.${String(1e9 + k).slice(1)}`;
  } else if (magnitude < 200) {
    if (Number.isInteger(value)) return value;
    const k = Math.round(magnitude * 1e7);
    if (Math.fround(k / 1e7) === magnitude) {
      const whole = Math.floor(magnitude);
      const rest = k - whole * 1e7;
      if (rest < 1e7) return `${sign}${whole}.${String(1e7 + rest).slice(1)}`;
    }
  }
  return value - value === 0 ? value : nonFinite(value);
}

function encodeFloat64(data: Float64Array): string {
  let plain = true;
  const values = new Array<number>(data.length);
  for (let index = 0; index < data.length; index++) {
    const value = data[index] as number;
    values[index] = value;
    if (value - value !== 0 || Object.is(value, -0)) plain = false;
  }
  if (plain) return JSON.stringify(values).slice(1, -1);
  return values
    .map((value) => (Object.is(value, -0) ? '-0' : value - value === 0 ? value : nonFinite(value)))
    .join(',');
}

function encodeBool(data: Uint8Array): string {
  let text = '';
  for (let index = 0; index < data.length; index++) {
    text += (index === 0 ? '' : ',') + (data[index] === 0 ? 'false' : 'true');
  }
  return text;
}

function nonFinite(value: number): string {
  return `"${value}"`;
}
