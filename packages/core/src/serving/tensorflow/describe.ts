import type { ModelSignature, TensorSpec } from '../../signature';
import { elementCount } from '../../tensor/tensor';
import { arraySchema, jsonBody, objectSchema, stringSchema } from '../description/bodies';
import { elementSchema, zeroOf } from '../description/elements';
import {
  exampleRows,
  exampleSizes,
  exampleTensors,
  givenSchema,
  haveExamples,
  haveRows,
  listSchema,
  nestedSchema,
  rowSchema,
  valueSchema,
  wholeSchema,
} from '../description/tensors';
import type { ServedModel } from '../host/catalog';
import type { JsonSchema, RouteDescription, RouteEntry } from '../protocol';
import { classifyOutputs, regressOutput } from './examples';
import { classifySignatures, predictSignatures, regressSignatures } from './signature-names';

const bytes = objectSchema({ b64: stringSchema('Bytes of UTF-8 in base64.') });

/** A string may be bytes, too. */
const givenElement = ({ dtype }: TensorSpec): JsonSchema =>
  elementSchema(dtype, { anyOf: [{ type: 'string' }, bytes] });

/** Outputs whose name says so are bytes; NaN and the infinities are bare tokens, which no schema tells. */
const answeredElement = ({ name, dtype }: TensorSpec): JsonSchema => {
  if (dtype.startsWith('float')) return { type: 'number', title: dtype };
  return elementSchema(dtype, name.endsWith('_bytes') ? bytes : { type: 'string' });
};

const statusSchema = objectSchema({
  model_version_status: arraySchema(
    objectSchema({
      version: stringSchema(),
      state: { enum: ['LOADING', 'AVAILABLE', 'UNLOADING', 'END'] },
      status: objectSchema({ error_code: stringSchema(), error_message: stringSchema() }),
    }),
  ),
});

const metadataSchema = objectSchema({
  model_spec: objectSchema({ name: stringSchema(), signature_name: stringSchema(), version: stringSchema() }),
  metadata: objectSchema({ signature_def: { type: 'object' } }),
});

/** Describes the protocol's routes; one that takes questions stands for three paths. */
export function describeTensorflow(
  { method, path, operation }: RouteEntry,
  model: ServedModel | undefined,
): RouteDescription | readonly RouteDescription[] {
  if (method === 'GET') {
    return operation === 'health'
      ? { summary: 'Whether a model is available', response: jsonBody(statusSchema) }
      : { summary: 'Tensors of a model, as its signature serving_default', response: jsonBody(metadataSchema) };
  }
  const base = path.replace(/:(\w+)/g, '{$1}');
  const signature = model?.runner.signature;
  return [
    { ...describePredict(signature), path: `${base}:predict` },
    ...verbs
      .filter(({ fits }) => signature === undefined || canDo(fits, signature))
      .map((verb) => ({
        summary: verb.summary,
        path: `${base}:${verb.name}`,
        request: jsonBody(examplesSchema(signature, verb.signatureNames), signature && examplesExample(signature)),
        response: jsonBody(objectSchema({ results: arraySchema(verb.result) })),
      })),
  ];
}

interface Verb {
  readonly name: string;
  readonly summary: string;
  readonly signatureNames: readonly string[];
  /** @throws FairleadError for a model that cannot do it */
  readonly fits: (signature: ModelSignature) => unknown;
  readonly result: JsonSchema;
}

const verbs: readonly Verb[] = [
  {
    name: 'classify',
    summary: 'Labels and scores of examples',
    signatureNames: classifySignatures,
    fits: classifyOutputs,
    result: arraySchema({
      type: 'array',
      minItems: 2,
      maxItems: 2,
      prefixItems: [
        { anyOf: [{ type: 'string' }, bytes], description: 'The label; empty where the model has none.' },
        { type: 'number', description: 'The score; 0 where the model has none.' },
      ],
      items: {},
    }),
  },
  {
    name: 'regress',
    summary: 'A number for each example',
    signatureNames: regressSignatures,
    fits: regressOutput,
    result: { type: 'number' },
  },
];

function canDo(fits: Verb['fits'], signature: ModelSignature): boolean {
  try {
    fits(signature);
  } catch {
    return false;
  }
  // A feature is a flat list, of which one open size can be told by its length.
  return signature.inputs.every(
    ({ shape }) => shape.length > 0 && shape.slice(1).filter((size) => typeof size === 'string').length <= 1,
  );
}

function signatureNameSchema(names: readonly string[]): JsonSchema {
  return { enum: ['', ...names], description: 'The signature; the default one where it is absent.' };
}

function describePredict(signature: ModelSignature | undefined): Omit<RouteDescription, 'path'> {
  const summary = 'Outputs of the model for rows, or for whole tensors';
  const signature_name = signatureNameSchema(predictSignatures);
  if (signature === undefined) {
    return {
      summary,
      request: jsonBody({ type: 'object', properties: { signature_name, instances: { type: 'array' }, inputs: {} } }),
      response: jsonBody({ type: 'object', properties: { predictions: { type: 'array' }, outputs: {} } }),
    };
  }
  const { inputs, outputs } = signature;
  const byRow = haveRows(inputs) && haveRows(outputs);
  const column: Form = {
    field: 'inputs',
    given: givenSchema(inputs, (spec) => wholeSchema(spec, givenElement)),
    answer: 'outputs',
    answered: valueSchema(outputs, (spec) => wholeSchema(spec, answeredElement)),
  };
  const row: Form = {
    field: 'instances',
    given: listSchema(
      inputs,
      givenSchema(inputs, (spec) => rowSchema(spec, givenElement)),
    ),
    answer: 'predictions',
    answered: arraySchema(valueSchema(outputs, (spec) => rowSchema(spec, answeredElement))),
  };
  const forms = byRow ? [row, column] : [column];
  const oneOf = (schemas: readonly JsonSchema[]): JsonSchema =>
    schemas.length === 1 ? (schemas[0] as JsonSchema) : { oneOf: schemas };
  const example = byRow ? { instances: exampleRows(inputs) } : { inputs: exampleTensors(inputs) };
  return {
    summary,
    request: jsonBody(
      oneOf(
        forms.map(({ field, given }) => ({
          ...objectSchema({ signature_name, [field]: given }, ['signature_name']),
          additionalProperties: false,
        })),
      ),
      haveExamples(inputs) ? example : undefined,
    ),
    response: jsonBody(oneOf(forms.map(({ answer, answered }) => objectSchema({ [answer]: answered })))),
  };
}

/** One of the two forms of a predict request, with that of its answer. */
interface Form {
  readonly field: string;
  readonly given: JsonSchema;
  readonly answer: string;
  readonly answered: JsonSchema;
}

function examplesSchema(signature: ModelSignature | undefined, names: readonly string[]): JsonSchema {
  const features: JsonSchema =
    signature === undefined
      ? { type: 'object' }
      : {
          type: 'object',
          properties: Object.fromEntries(signature.inputs.map((spec) => [spec.name, featureSchema(spec)])),
          additionalProperties: false,
        };
  return objectSchema(
    {
      signature_name: signatureNameSchema(names),
      examples: { type: 'array', minItems: 1, items: features },
      context: { ...features, description: 'Features that are the same in every example.' },
    },
    ['signature_name', 'context'],
  );
}

/** A value, or a flat list of them. */
function featureSchema(spec: TensorSpec): JsonSchema {
  const sizes = spec.shape.slice(1);
  const element = givenElement(spec);
  const fixed = sizes.every((size) => typeof size === 'number') ? elementCount(sizes as number[]) : 'elements';
  const list = nestedSchema(element, [fixed]);
  return fixed === 1 ? { anyOf: [element, list] } : list;
}

function examplesExample({ inputs }: ModelSignature): unknown {
  if (!haveExamples(inputs)) return undefined;
  const feature = ({ dtype, shape }: TensorSpec): unknown[] =>
    new Array(elementCount(exampleSizes(shape.slice(1)))).fill(zeroOf(dtype));
  const [rows = 1] = exampleSizes(inputs[0]?.shape ?? []);
  const example = Object.fromEntries(inputs.map((spec) => [spec.name, feature(spec)]));
  return { examples: new Array(rows).fill(example) };
}
