import { FairleadError } from '../../errors';
import type { DType } from '../../tensor/dtype';
import { describeGiven } from '../../tensor/json/describe-given';
import { encodeElements } from '../../tensor/json/encode-elements';
import type { ElementPrinter } from '../../tensor/json/encode-nested';
import type { Tensor } from '../../tensor/tensor';

/*
 * Elements as TensorFlow Serving writes and reads them. Floats are told from integers: a whole one is written with ".0", since
 * there a bare integer past 2^24 fits no float, and -0 would lose its sign. NaN and the infinities are bare tokens.
 * Bytes are {"b64": …}.
 */

/** Outputs and inputs whose name ends so hold bytes. */
const bytesSuffix = '_bytes';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Whether a value is an object for bytes, and not one of tensors by name. */
export function isBytes(value: unknown): value is { readonly b64: string } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return typeof (value as { b64?: unknown }).b64 === 'string' && Object.keys(value).length === 1;
}

/**
 * Turns bytes into the string that they are in UTF-8; leaves all else.
 * @throws FairleadError `INVALID_INPUT`
 */
export function stringOf(value: unknown, name: string): unknown {
  if (!isBytes(value)) return value;
  let binary: string;
  try {
    binary = atob(value.b64);
  } catch {
    throw invalid(`${name}.b64`, 'base64', describeGiven(value.b64));
  }
  try {
    return utf8.decode(Uint8Array.from(binary, (character) => character.charCodeAt(0)));
  } catch {
    throw invalid(`${name}.b64`, 'the bytes of UTF-8, since strings are text here', 'other bytes');
  }
}

/** What prints the elements of a tensor, whole or in part. */
export function printerOf(name: string, tensor: Tensor): ElementPrinter {
  if (tensor.dtype === 'string') return name.endsWith(bytesSuffix) ? printBytes : encodeElements;
  return isFloat(tensor.dtype) && !isPlain(tensor) ? printDecimals : encodeElements;
}

function isFloat(dtype: DType): boolean {
  return dtype === 'float32' || dtype === 'float64' || dtype === 'float16';
}

/** Whether every element has a fraction, so that it is printed as it has to be. */
function isPlain({ dtype, data }: Tensor): boolean {
  if (dtype === 'float16') return false;
  const values = data as Float32Array;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    // Of NaN and the infinities the difference is NaN.
    if (value - value !== 0 || value === Math.trunc(value)) return false;
  }
  return true;
}

function printDecimals(tensor: Tensor): string {
  return encodeElements(tensor).replace(/"|(?:^|,)-?\d+(?=,|$)/g, (found) => (found === '"' ? '' : `${found}.0`));
}

function printBytes(tensor: Tensor): string {
  return (tensor.data as string[]).map((text) => `{"b64":"${base64(text)}"}`).join(',');
}

function base64(text: string): string {
  let binary = '';
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function invalid(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_INPUT', `Input ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
