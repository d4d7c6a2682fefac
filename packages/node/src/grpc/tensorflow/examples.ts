import { FairleadError, type Tensor } from '@fairlead/core';
import {
  classifyOutputs,
  classifySignatures,
  compileExamplesDecoder,
  type HostLimits,
  halfToNumber,
  type ModelRequest,
  perModel,
  regressOutput,
  regressSignatures,
  type ServedModel,
} from '@fairlead/core/serving';
import type { Answer } from '../server/exchange';
import {
  ClassificationResponse,
  type Example,
  type Feature,
  type Input,
  type ModelSpec,
  RegressionResponse,
} from './messages';
import { specOf } from './model-spec';

/*
 * Classify and regress: rows as examples, whose features are the model's inputs, and answers in a fixed form. The features are read
 * as those that come by REST are.
 */

interface ExamplesRequest {
  readonly model_spec: ModelSpec | undefined;
  readonly input: Input | undefined;
}

/** Reads requests of examples as requests to a model. */
export type ReadExamples = (request: ExamplesRequest, model: ServedModel) => ModelRequest<Answer>;

/** @returns a function that throws FairleadError `INVALID_INPUT`, `INVALID_ARGUMENT` or `LIMIT_EXCEEDED` */
export function createReadClassify(limits: HostLimits): ReadExamples {
  const prepared = perModel(({ runner: { signature } }) => ({
    decode: compileExamplesDecoder(signature, limits.maxTensorElements, classifySignatures),
    outputs: classifyOutputs(signature),
  }));
  return (request, model) => {
    const { decode, outputs: wanted } = prepared(model);
    return {
      inputs: decode(plainOf(request)),
      write({ model: { version }, outputs }) {
        const scores = wanted.scores && (outputs[wanted.scores.name] as Tensor);
        const labels = wanted.classes && (outputs[wanted.classes.name] as Tensor);
        const [rows = 0, size = 1] = ((scores ?? labels) as Tensor).shape;
        if (labels !== undefined && labels.data.length !== rows * size) {
          throw new FairleadError('OUTPUT_INVALID', 'The model answered another number of classes than of scores.');
        }
        const classifications = Array.from({ length: rows }, (_row, row) => ({
          classes: Array.from({ length: size }, (_class, index) => ({
            label: labels === undefined ? '' : String(labels.data[row * size + index]),
            score: scores === undefined ? 0 : numberOf(scores, row * size + index),
          })),
        }));
        const model_spec = specOf(model.name, version, 'serving_default');
        return { message: ClassificationResponse.encode({ result: { classifications }, model_spec }) };
      },
    };
  };
}

/** @returns a function that throws FairleadError `INVALID_INPUT`, `INVALID_ARGUMENT` or `LIMIT_EXCEEDED` */
export function createReadRegress(limits: HostLimits): ReadExamples {
  const prepared = perModel(({ runner: { signature } }) => ({
    decode: compileExamplesDecoder(signature, limits.maxTensorElements, regressSignatures),
    output: regressOutput(signature),
  }));
  return (request, model) => {
    const { decode, output } = prepared(model);
    return {
      inputs: decode(plainOf(request)),
      write({ model: { version }, outputs }) {
        const tensor = outputs[output.name] as Tensor;
        const count = tensor.data.length;
        if (count !== tensor.shape[0]) {
          throw new FairleadError('OUTPUT_INVALID', `Output "${output.name}" has several values for an example.`);
        }
        const regressions = Array.from({ length: count }, (_value, row) => ({ value: numberOf(tensor, row) }));
        const model_spec = specOf(model.name, version, 'serving_default');
        return { message: RegressionResponse.encode({ result: { regressions }, model_spec }) };
      },
    };
  };
}

/** The request as it would come by REST. */
function plainOf({ model_spec: spec, input }: ExamplesRequest): object {
  const withContext = input?.example_list_with_context;
  const examples = (withContext?.examples ?? input?.example_list?.examples ?? []).map(featuresOf);
  const context = withContext?.context === undefined ? {} : { context: featuresOf(withContext.context) };
  return { signature_name: spec?.signature_name ?? '', examples, ...context };
}

function featuresOf({ features }: Example): Record<string, unknown> {
  // No prototype, so that a feature may have any name.
  const plain: Record<string, unknown> = Object.create(null);
  for (const [name, feature] of features?.feature ?? []) plain[name] = listOf(name, feature);
  return plain;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function listOf(name: string, { bytes_list: bytes, float_list: floats, int64_list: integers }: Feature): unknown[] {
  if (floats !== undefined) return Array.from(floats.value);
  // Past 2^53, digits alone keep them whole.
  if (integers !== undefined) {
    return Array.from(integers.value, (value) => (Number.isSafeInteger(Number(value)) ? Number(value) : String(value)));
  }
  return (bytes?.value ?? []).map((value) => {
    try {
      return utf8.decode(value);
    } catch {
      throw new FairleadError('INVALID_INPUT', `Request feature ${name}: expected UTF-8, given other bytes.`, {
        details: { field: name, expected: 'UTF-8', given: 'other bytes' },
      });
    }
  });
}

/** Scores and values are floats of any width. */
function numberOf({ dtype, data }: Tensor, index: number): number {
  return dtype === 'float16' ? halfToNumber(data[index] as number) : Number(data[index]);
}
