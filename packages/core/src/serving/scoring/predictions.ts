import { FairleadError } from '../../errors';
import type { ModelSignature } from '../../signature';
import { encodeElements } from '../../tensor/json/encode-elements';
import { type ElementPrinter, encodeNested } from '../../tensor/json/encode-nested';
import type { Tensor, Tensors } from '../../tensor/tensor';
import { encodeRowList } from '../tensorflow/predict';
import { csvField } from './csv';

/**
 * Writes predictions as a JSON value. Where the model's rows can be joined on the first axis it is a list with one prediction a row: of
 * one output its value, of several an object by name. Else it is the one output as nested arrays, or several by name.
 *
 * @param print what writes elements. @default NaN and the infinities as strings
 * @throws FairleadError `OUTPUT_INVALID` when outputs have not as many rows as each other
 */
export function encodePredictionValues(
  outputs: Tensors,
  { outputs: specs, batchAxis }: ModelSignature,
  print: ElementPrinter = encodeElements,
): string {
  const names = specs.map(({ name }) => name);
  const tensors = names.map((name) => outputs[name] as Tensor);
  const [first] = tensors;
  if (batchAxis === 0) {
    rowsOf(tensors, names);
    return encodeRowList(specs, tensors, () => print);
  }
  if (first !== undefined && tensors.length === 1) return encodeNested(first, print);
  return `{${tensors.map((tensor, index) => `${JSON.stringify(names[index])}:${encodeNested(tensor, print)}`).join(',')}}`;
}

/**
 * Writes predictions as comma-separated values: a line a row, the elements of its outputs one after the other, no header.
 *
 * @throws FairleadError `UNSUPPORTED` for a model whose rows lie on another axis than the first
 */
export function encodePredictionsCsv(outputs: Tensors, { outputs: specs, batchAxis }: ModelSignature): string {
  const names = specs.map(({ name }) => name);
  const tensors = names.map((name) => outputs[name] as Tensor);
  if (batchAxis !== 0 && tensors.some(({ shape }) => shape.length === 0)) {
    throw new FairleadError('UNSUPPORTED', 'The answer of this model has no rows for CSV. Ask for JSON.');
  }
  const rows = rowsOf(tensors, names);
  const lines: string[] = [];
  for (let row = 0; row < rows; row++) lines.push(tensors.flatMap((tensor) => fieldsOf(tensor, row, rows)).join(','));
  return `${lines.join('\n')}\n`;
}

function fieldsOf(tensor: Tensor, row: number, rows: number): string[] {
  const { dtype, data } = tensor;
  const width = data.length / rows;
  const [from, to] = [row * width, (row + 1) * width];
  if (Array.isArray(data)) return data.slice(from, to).map(csvField);
  const part = { dtype, shape: [width], data: data.slice(from, to) } as Tensor;
  // Numbers hold no comma; NaN and the infinities stand in quotes in JSON alone.
  return width === 0 ? [] : encodeElements(part).replaceAll('"', '').split(',');
}

function rowsOf(tensors: readonly Tensor[], names: readonly string[]): number {
  const rows = tensors[0]?.shape[0] ?? 0;
  const odd = tensors.findIndex(({ shape }) => shape[0] !== rows);
  if (odd === -1) return rows;
  throw new FairleadError('OUTPUT_INVALID', `Output "${names[odd]}" has not as many rows as "${names[0]}".`);
}
