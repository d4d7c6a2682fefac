import type { ModelSignature, TensorSpec } from '../../signature';
import { elementCount } from '../../tensor/tensor';
import { writeField } from '../csv/field';
import { type Bodies, objectSchema, stringSchema } from '../description/bodies';
import { plainElement, zeroOf } from '../description/elements';
import { exampleSizes, haveExamples, namedSchema, nestedSchema, type Sizes, zeros } from '../description/tensors';
import type { ServedModel } from '../host/catalog';
import type { BodyDescription, JsonSchema, RouteDescription } from '../protocol';
import type { BatchFormat, ColumnNames } from './format';

/**
 * Describes the protocol's routes.
 *
 * @param formats those that bodies may have
 * @param columns what clients call the elements of inputs, by model
 */
export function describeBatch(
  model: ServedModel | undefined,
  formats: readonly BatchFormat[],
  columns: Readonly<Record<string, ColumnNames>>,
): RouteDescription {
  const names = model !== undefined && Object.hasOwn(columns, model.name) ? columns[model.name] : undefined;
  const signature = model?.runner.signature;
  const bodies = (describe: (contentType: string) => BodyDescription): Bodies =>
    Object.fromEntries(formats.map(({ contentType }) => [contentType, describe(contentType)]));
  return {
    summary: 'Rows, answered one by one while the rest still comes',
    parameters: [
      {
        name: 'id',
        in: 'query',
        description: 'Name of the column, or key, that is the id of a row; "id" where it is absent',
      },
    ],
    request: bodies((contentType) => requestBody(contentType, signature, names ?? {})),
    response: bodies((contentType) => responseBody(contentType, signature)),
  };
}

const linesText = 'One value of JSON a line; the schema is that of a line.';

function requestBody(
  contentType: string,
  signature: ModelSignature | undefined,
  columns: ColumnNames,
): BodyDescription {
  const example = signature && haveExamples(signature.inputs) ? exampleOf(contentType, signature, columns) : undefined;
  return { schema: requestSchema(contentType, signature, columns), ...(example !== undefined && { example }) };
}

function requestSchema(contentType: string, signature: ModelSignature | undefined, columns: ColumnNames): JsonSchema {
  if (contentType === ndjsonType) return linesSchema(signature === undefined ? {} : rowSchema(signature, columns));
  if (contentType === csvType) {
    const names = signature?.inputs.map(({ name }) => JSON.stringify(name)).join(', ');
    const first = 'The first line names the columns';
    return stringSchema(
      names === undefined
        ? `${first}.`
        : `${first}: ${names}, or a column for each of their elements, and "id" if you like.`,
    );
  }
  return { description: 'A row of the model each.' };
}

const ndjsonType = 'application/x-ndjson';
const csvType = 'text/csv';

function linesSchema(line: JsonSchema): JsonSchema {
  return { type: 'string', description: linesText, contentMediaType: ndjsonType, contentSchema: line };
}

/** A row has its id, and its inputs by name or by the columns that the server was told of; or the value of the only input. */
function rowSchema({ inputs, batchAxis }: ModelSignature, columns: ColumnNames): JsonSchema {
  const schemaOf = (spec: TensorSpec): JsonSchema => nestedSchema(plainElement(spec), sizesOf(spec, batchAxis));
  const isRenamed = inputs.some(({ name }) => Object.hasOwn(columns, name));
  const named = namedSchema(inputs, schemaOf);
  const id = { type: ['string', 'number', 'null'], description: 'Comes back with the answer.' };
  const row = isRenamed
    ? { type: 'object' }
    : { ...named, properties: { id, ...(named.properties as Readonly<Record<string, JsonSchema>>) } };
  return inputs.length === 1 ? { anyOf: [row, ...inputs.map(schemaOf)] } : row;
}

function sizesOf({ shape }: TensorSpec, batchAxis: number | null): Sizes {
  return shape.filter((_size, axis) => axis !== batchAxis);
}

function exampleOf(contentType: string, signature: ModelSignature, columns: ColumnNames): string | undefined {
  const { inputs, batchAxis } = signature;
  if (contentType === ndjsonType) {
    const row = Object.fromEntries(inputs.map((spec) => [spec.name, zeros(spec, sizesOf(spec, batchAxis))]));
    return `${JSON.stringify(row)}\n`;
  }
  if (contentType !== csvType) return undefined;
  const line = (cells: readonly string[]): string => `${cells.map(writeField).join(',')}\n`;
  const cells = inputs.map((spec) => cellsOf(spec, batchAxis, columns));
  if (cells.some(({ names }) => names.length === 0)) return undefined;
  return line(cells.flatMap(({ names }) => names)) + line(cells.flatMap(({ values }) => values));
}

/** A column for each element, or one for an input of a single one or of open sizes, which is written as JSON. */
function cellsOf(spec: TensorSpec, batchAxis: number | null, columns: ColumnNames) {
  const { name, dtype } = spec;
  const sizes = sizesOf(spec, batchAxis);
  const given = Object.hasOwn(columns, name) ? columns[name] : undefined;
  const isOpen = sizes.some((size) => typeof size === 'string');
  const count = elementCount(exampleSizes(sizes));
  if (isOpen) return { names: [name], values: [JSON.stringify(zeros(spec, sizes))] };
  const names = given ?? (count === 1 ? [name] : Array.from({ length: count }, (_, index) => `${name}[${index}]`));
  return { names, values: new Array<string>(count).fill(String(zeroOf(dtype))) };
}

function responseBody(contentType: string, signature: ModelSignature | undefined): BodyDescription {
  if (contentType === ndjsonType) return { schema: linesSchema(answeredSchema(signature)) };
  if (contentType === csvType)
    return { schema: stringSchema('Columns index, id, those of the outputs, error and code.') };
  return { schema: { description: 'The outputs of a row each.' } };
}

function answeredSchema(signature: ModelSignature | undefined): JsonSchema {
  const index = { type: 'integer', minimum: 0, description: 'Place of the row in the request.' };
  const id = { type: ['string', 'number'] };
  const outputs: JsonSchema =
    signature === undefined
      ? { type: 'object' }
      : namedSchema(signature.outputs, (spec) => nestedSchema(plainElement(spec), sizesOf(spec, signature.batchAxis)));
  const failed = objectSchema({ index, id, error: stringSchema(), code: stringSchema() }, ['index', 'id', 'code']);
  return { anyOf: [objectSchema({ index, id, outputs }, ['id']), failed] };
}
