import { describeValue } from '../../config';
import { FairleadError } from '../../errors';
import type { RunResult } from '../../runner/runner';
import { readJson } from '../../tensor/json/lenient-json';
import type { Tensors } from '../../tensor/tensor';
import { answerBody, decodeText } from '../answer-body';
import type { ServiceResponse } from '../exchange';
import { notFound, type ServedModel } from '../host/catalog';
import type { ModelHost } from '../host/model-host';
import { perModel } from '../host/per-model';
import { jsonResponse } from '../http-error';
import type {
  PathParameters,
  ProtocolContext,
  ProtocolRoutes,
  RouteHandler,
  RouteUse,
  ServingProtocol,
} from '../protocol';
import {
  classifyOutputs,
  compileExamplesDecoder,
  encodeClassifications,
  encodeRegressions,
  regressOutput,
} from './examples';
import { encodeServingMetadata, encodeStatus } from './metadata';
import { compilePredictDecoder, encodePredictions } from './predict';
import { classifySignatures, regressSignatures } from './signature-names';
import { createLabelResolver, type ResolveLabel, type VersionLabels } from './version-labels';

/** Options of {@link tensorflowServing}. */
export interface TensorflowServingOptions {
  /**
   * Versions that clients may ask for by a label, by model: `{ digits: { stable: '3', canary: '4' } }`; or a function that is asked
   * at each such request, for example for an alias of a registry. A label answers while its version is the one that is served.
   * @default none
   */
  readonly versionLabels?: VersionLabels;
}

/**
 * TensorFlow Serving's REST API, for its clients. Served on whichever port the server has; theirs expect 8501.
 *
 * - `GET /v1/models/M[/versions/V|/labels/L]`: whether it is available
 * - `GET …/metadata`: its tensors, as the signature `serving_default`
 * - `POST …:predict` with `{"instances": [row, …]}`, answered by `predictions`, or `{"inputs": …}`, answered by `outputs`
 * - `POST …:classify` and `…:regress` with `{"examples": [{feature: …}], "context": {…}}`, answered by `results`, for models whose
 *   outputs are so: `scores` [batch, classes] of floats and `classes` of strings, or `outputs` [batch] or [batch, 1], by name or
 *   as the only one of its kind
 *
 * A version or label is known while its version is the one that answers. Strings may be `{"b64": …}` of UTF-8, and are so in
 * answers where an output's name ends in `_bytes`. NaN and the infinities are bare tokens, 64-bit integers have all their digits,
 * and whole floats end in ".0". What is left of a client's time comes in header `x-request-timeout-ms`.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function tensorflowServing(options: TensorflowServingOptions = {}): ServingProtocol {
  const resolve = createLabelResolver(checkOptions(options).versionLabels, 'tensorflowServing');
  return {
    name: 'tensorflow-serving',
    addRoutes(routes, context) {
      addModelRoutes(routes, context, resolve);
      addCallRoutes(routes, context.host, resolve);
    },
    describe: async (route, model) => (await import('./describe')).describeTensorflow(route, model),
  };
}

function checkOptions(options: TensorflowServingOptions): TensorflowServingOptions {
  const stray = Object.keys(options).find((name) => name !== 'versionLabels');
  if (stray === undefined) return options;
  throw new FairleadError('INVALID_OPTION', `tensorflowServing: there is no option "${stray}", but "versionLabels".`, {
    details: { field: stray, expected: 'versionLabels', given: describeValue(stray) },
  });
}

/** The paths of a model: whichever version answers, a version, a label. */
const paths = ['', '/versions/:version', '/labels/:label'];

function addModelRoutes(routes: ProtocolRoutes, { host, isOpen }: ProtocolContext, resolve: ResolveLabel): void {
  const { catalog } = host;
  const find = ({ model = '', version, label }: PathParameters): ServedModel => {
    if (label === undefined) return catalog.find(model, version);
    // An unknown model is told before an unknown label.
    catalog.find(model);
    return catalog.find(model, versionOf(resolve, model, label));
  };
  for (const path of paths) {
    const use = useOf(resolve, ({ model = '' }) => model);
    routes.add('GET', `/v1/models/:model${path}`, { ...use, operation: 'health' }, (_request, parameters) => {
      const { runner } = find(parameters);
      return jsonResponse(200, encodeStatus(runner.model, runner.health?.(), isOpen()));
    });
    routes.add(
      'GET',
      `/v1/models/:model${path}/metadata`,
      { ...use, operation: 'metadata' },
      (_request, parameters) => {
        const { name, runner } = find(parameters);
        return jsonResponse(200, encodeServingMetadata(name, runner.model, runner.signature));
      },
    );
  }
}

/** What a POST may end in. */
type Verb = 'predict' | 'classify' | 'regress';

/** Reads a body for a model, and says how its answer is written. */
type ReadCall = (message: unknown) => { readonly inputs: Tensors; write(result: RunResult): string };

function addCallRoutes(routes: ProtocolRoutes, host: ModelHost, resolve: ResolveLabel): void {
  const { maxTensorElements } = host.limits;
  const readers: Readonly<Record<Verb, (model: ServedModel) => ReadCall>> = {
    predict: perModel((model) => predictReader(model, maxTensorElements)),
    classify: perModel((model) => classifyReader(model, maxTensorElements)),
    regress: perModel((model) => regressReader(model, maxTensorElements)),
  };
  const answer: RouteHandler = (request, parameters, call) => {
    const { model, label, verb } = targetOf(parameters);
    if (verb === undefined) throw noVerb(request.path);
    host.catalog.find(model);
    if (label !== undefined) versionOf(resolve, model, label);
    return answerBody<ServiceResponse>(host, call, request, (body, served) => {
      const { inputs, write } = readJson(decodeText(body), readers[verb](served));
      return { inputs, isCopied: true, write: (result) => jsonResponse(200, write(result)) };
    });
  };
  const use = useOf(resolve, (parameters) => targetOf(parameters).model);
  routes.add('POST', '/v1/models/:model', { ...use, operation: 'infer', suffix: ':predict' }, answer);
  routes.add('POST', '/v1/models/:model/versions/:version', { ...use, operation: 'infer' }, answer);
  routes.add('POST', '/v1/models/:model/labels/:label', { ...use, operation: 'infer' }, answer);
}

function predictReader({ runner: { signature } }: ServedModel, maxElements: number): ReadCall {
  const decode = compilePredictDecoder(signature, maxElements);
  return (message) => {
    const { inputs, format } = decode(message);
    return { inputs, write: ({ outputs }) => encodePredictions(signature.outputs, outputs, format) };
  };
}

function classifyReader({ runner: { signature } }: ServedModel, maxElements: number): ReadCall {
  const decode = compileExamplesDecoder(signature, maxElements, classifySignatures);
  return (message) => {
    const found = classifyOutputs(signature);
    return { inputs: decode(message), write: ({ outputs }) => encodeClassifications(found, outputs) };
  };
}

function regressReader({ runner: { signature } }: ServedModel, maxElements: number): ReadCall {
  const decode = compileExamplesDecoder(signature, maxElements, regressSignatures);
  return (message) => {
    const found = regressOutput(signature);
    return { inputs: decode(message), write: ({ outputs }) => encodeRegressions(found, outputs) };
  };
}

/** What a request means, for guards and observers; of a label the version that it stands for. */
function useOf(resolve: ResolveLabel, modelOf: (parameters: PathParameters) => string): Omit<RouteUse, 'operation'> {
  return {
    model: (_request, parameters) => modelOf(parameters),
    version(_request, parameters) {
      const { model, version, label } = targetOf(parameters);
      // An unknown label is refused by who answers.
      return label === undefined ? version : (resolve(model, label) ?? label);
    },
  };
}

interface Target {
  readonly model: string;
  readonly version: string | undefined;
  readonly label: string | undefined;
  readonly verb: Verb | undefined;
}

const verbs: readonly string[] = ['predict', 'classify', 'regress'] satisfies Verb[];

/** The last parameter of a path ends in the verb: `M:predict`. */
function targetOf({ model = '', version, label }: PathParameters): Target {
  const last = label ?? version ?? model;
  const colon = last.lastIndexOf(':');
  const found = last.slice(colon + 1);
  const verb = colon !== -1 && verbs.includes(found) ? (found as Verb) : undefined;
  const bare = verb === undefined ? last : last.slice(0, colon);
  if (label !== undefined) return { model, version: undefined, label: bare, verb };
  if (version !== undefined) return { model, version: bare, label: undefined, verb };
  return { model: bare, version: undefined, label: undefined, verb };
}

/** @throws FairleadError `NOT_FOUND` */
function versionOf(resolve: ResolveLabel, model: string, label: string): string {
  const version = resolve(model, label);
  if (version !== undefined) return version;
  throw notFound('label', label, `no such label of "${model}" (option versionLabels)`);
}

function noVerb(path: string): FairleadError {
  const expected = verbs.map((verb) => `":${verb}"`).join(', ');
  const given = describeValue(path.slice(0, 100));
  return new FairleadError('NOT_FOUND', `Path: expected one that ends in ${expected}, given ${given}.`, {
    details: { field: 'path', expected, given },
  });
}
