import type { ModelSignature, TensorSpec } from '../../signature';
import { elementCount } from '../../tensor/tensor';
import { arraySchema, type Bodies, jsonBody, objectSchema } from '../description/bodies';
import { zeroOf } from '../description/elements';
import {
  exampleRows,
  exampleSizes,
  exampleTensors,
  givenSchema,
  haveExamples,
  haveRows,
  listSchema,
  namedSchema,
  rowSchema,
  valueSchema,
  wholeSchema,
} from '../description/tensors';
import type { JsonSchema } from '../protocol';
import { csvField } from './csv';
import type { ScoringDialect, ScoringFormat } from './scoring-message';

/*
 * Descriptions of the bodies that MLflow, SageMaker, Vertex AI and Azure ML share in part.
 */

/** Whether rows lie on the first axis, so that they can be listed. */
export function canListRows({ inputs, batchAxis }: ModelSignature): boolean {
  return (batchAxis === null || batchAxis === 0) && haveRows(inputs);
}

/** A message with exactly one of the dialect's formats. */
export function messageSchema(
  signature: ModelSignature | undefined,
  { formats, paramsField }: ScoringDialect,
): JsonSchema {
  const fitting = formats.filter((format) => signature === undefined || format === 'inputs' || canListRows(signature));
  if (fitting.length === 0) return { not: {}, description: 'This model has no rows that could be listed.' };
  return {
    type: 'object',
    properties: {
      ...Object.fromEntries(fitting.map((format) => [format, formatSchema(format, signature)])),
      [paramsField]: paramsSchema(signature),
    },
    ...(fitting.length === 1 ? { required: fitting } : { oneOf: fitting.map((format) => ({ required: [format] })) }),
  };
}

function formatSchema(format: ScoringFormat, signature: ModelSignature | undefined): JsonSchema {
  const inputs = signature?.inputs ?? [];
  if (format === 'dataframe_split') return splitSchema(inputs);
  if (format === 'dataframe_records') {
    const description = `A row each: an object of values by column. ${columnsText(inputs)}`;
    return { type: 'array', minItems: 1, description, items: { type: 'object' } };
  }
  if (signature === undefined) return format === 'instances' ? { type: 'array', minItems: 1 } : {};
  return format === 'instances' ? instancesSchema(signature) : columnsSchema(signature);
}

/** A list of rows. */
export function instancesSchema({ inputs }: ModelSignature): JsonSchema {
  return listSchema(
    inputs,
    sharedSchema(inputs, (spec) => rowSchema(spec)),
  );
}

/** Whole tensors. */
export function columnsSchema({ inputs }: ModelSignature): JsonSchema {
  return sharedSchema(inputs, (spec) => wholeSchema(spec));
}

/** Parameters may give some of several inputs, and what is left may be one without a name. */
function sharedSchema(specs: readonly TensorSpec[], schemaOf: (spec: TensorSpec) => JsonSchema): JsonSchema {
  if (specs.length === 1) return givenSchema(specs, schemaOf);
  const { required, ...named } = namedSchema(specs, schemaOf);
  return { anyOf: [named, ...specs.map(schemaOf)] };
}

/** A data frame of columns and rows. */
export function splitSchema(inputs: readonly TensorSpec[]): JsonSchema {
  return {
    ...objectSchema(
      {
        columns: arraySchema({ type: ['string', 'number'] }),
        data: { type: 'array', minItems: 1, items: { type: 'array' } },
        index: { type: 'array', description: 'Labels of the rows, which are passed over.' },
      },
      ['columns', 'index'],
    ),
    description: `A data frame. ${columnsText(inputs)}`,
    additionalProperties: false,
  };
}

function columnsText(inputs: readonly TensorSpec[]): string {
  const names = inputs.map(({ name }) => JSON.stringify(name)).join(', ');
  const [only] = inputs;
  if (only === undefined) return 'Columns are inputs by their names, or those of the one matrix in their order.';
  if (inputs.length > 1 || only.shape.length !== 2) return `Columns: ${names}.`;
  return `Columns: ${names}, or ${only.shape[1]} of any names, in their order.`;
}

function paramsSchema(signature: ModelSignature | undefined): JsonSchema {
  const description = 'Inputs that have one value for all rows, by their names; the rows leave them out.';
  if (signature === undefined) return { type: ['object', 'null'], description };
  const { inputs } = signature;
  return {
    type: ['object', 'null'],
    description,
    properties: Object.fromEntries(inputs.map(({ name }) => [name, {}])),
    additionalProperties: false,
  };
}

/** A message that a model takes: a row of zeros, or whole tensors where there are no rows. Undefined where it would be long. */
export function messageExample(
  signature: ModelSignature | undefined,
  { formats }: ScoringDialect,
): Readonly<Record<string, unknown>> | undefined {
  if (signature === undefined || !haveExamples(signature.inputs)) return undefined;
  if (formats.includes('instances') && canListRows(signature)) return { instances: exampleRows(signature.inputs) };
  return formats.includes('inputs') ? { inputs: exampleTensors(signature.inputs) } : undefined;
}

/** A body of JSON in a dialect. */
export function messageBody(signature: ModelSignature | undefined, dialect: ScoringDialect): Bodies {
  return jsonBody(messageSchema(signature, dialect), messageExample(signature, dialect));
}

/** Predictions: one a row where rows lie on the first axis, else whole tensors. */
export function predictionsSchema(signature: ModelSignature | undefined): JsonSchema {
  if (signature === undefined) return {};
  const { outputs, batchAxis } = signature;
  if (batchAxis === 0) return arraySchema(valueSchema(outputs, (spec) => rowSchema(spec)));
  return valueSchema(outputs, (spec) => wholeSchema(spec));
}

/**
 * A body of comma-separated values, for models whose rows fit into cells.
 *
 * @param hasHeader whether the first line names the columns
 * @returns no body where they do not
 */
export function csvBody(signature: ModelSignature | undefined, hasHeader: boolean): Bodies {
  const first = hasHeader ? 'The first line names the columns.' : 'No line names the columns.';
  if (signature === undefined) return { 'text/csv': { schema: { type: 'string', description: first } } };
  const columns = csvColumns(signature, hasHeader);
  if (columns === undefined) return {};
  const { inputs } = signature;
  const schema = { type: 'string', description: `${first} ${columnsText(inputs)}` };
  if (!haveExamples(inputs)) return { 'text/csv': { schema } };
  const [rows = 1] = exampleSizes(inputs[0]?.shape ?? []);
  const line = (cells: readonly string[]): string => `${cells.map(csvField).join(',')}\n`;
  const cells = inputs.flatMap((spec) => new Array<string>(rowWidth(spec)).fill(String(zeroOf(spec.dtype))));
  const example = (hasHeader ? line(columns) : '') + line(cells).repeat(rows);
  return { 'text/csv': { schema, example } };
}

/**
 * Names of columns; undefined where rows have no cells: of several inputs each has to be one cell, and a line has to name them.
 */
function csvColumns(signature: ModelSignature, hasHeader: boolean): readonly string[] | undefined {
  const { inputs } = signature;
  const [only] = inputs;
  if (!canListRows(signature) || only === undefined) return undefined;
  const width = rowWidth(only);
  if (inputs.length === 1 && only.shape.length === 2 && width > 1)
    return Array.from({ length: width }, (_, index) => `${only.name}[${index}]`);
  if (!hasHeader && (inputs.length > 1 || only.shape.length > 2)) return undefined;
  return inputs.every((spec) => rowWidth(spec) === 1) ? inputs.map(({ name }) => name) : undefined;
}

/** Elements of a row; open sizes are 1. */
function rowWidth({ shape }: TensorSpec): number {
  return elementCount(exampleSizes(shape.slice(1)));
}
