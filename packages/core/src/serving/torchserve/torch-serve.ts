import { FairleadError } from '../../errors';
import { describeGiven } from '../../tensor/json/describe-given';
import { readJson } from '../../tensor/json/lenient-json';
import { answerBody, decodeText } from '../answer-body';
import type { ServiceRequest, ServiceResponse } from '../exchange';
import type { Operation } from '../host/call';
import type { ServedModel } from '../host/catalog';
import type { ModelHost } from '../host/model-host';
import { perModel } from '../host/per-model';
import { jsonResponse } from '../http-error';
import { decodeRawRequest } from '../open-inference/raw-request';
import type { ProtocolContext, ProtocolRoutes, RouteHandler, RouteUse, ServingProtocol } from '../protocol';
import { torchError } from './errors';
import { encodeModelDescription, encodeModelList } from './management';
import { compilePredictionDecoder, encodeAnswer, type Prediction } from './messages';

/**
 * TorchServe's inference API, and what its management API tells of models, for its clients. Nothing is registered, scaled or
 * unregistered by it.
 *
 * - `GET /ping`
 * - `POST` or `PUT /predictions/M[/V]` with JSON, or with the elements of the only input as bytes (`application/octet-stream`,
 *   little-endian) or as the text of a string (`text/plain`); TorchServe leaves the form of JSON to each model's handler, and
 *   here it follows from the signature: the value of the only input, or an object of values by input name; whole tensors, or one
 *   row each, which is answered by one row
 * - `/explanations/M[/V]`: 501, there is no explainer
 * - `GET /models?limit=…&next_page_token=…`, `GET /models/M[/V|/all]`
 *
 * Errors are `{"code", "type", "message"}`. A version is known while it is the one that answers.
 */
export function torchServe(): ServingProtocol {
  return {
    name: 'torchserve',
    addRoutes(routes, context) {
      addInferenceRoutes(routes, context);
      addManagementRoutes(routes, context);
    },
    describe: async (route, model) => (await import('./describe')).describeTorchServe(route, model),
  };
}

const versions = ['', '/:version'];

/** Whoever refuses a request, it is told so in TorchServe's form. */
const use = (operation: Operation): RouteUse => ({ operation, errorBody: torchError });

function addInferenceRoutes(routes: ProtocolRoutes, { host, isReady }: ProtocolContext): void {
  routes.add('GET', '/ping', use('health'), () => {
    const ready = isReady();
    return jsonResponse(ready ? 200 : 503, JSON.stringify({ status: ready ? 'Healthy' : 'Unhealthy' }));
  });
  const predict = createPredict(host);
  const explain: RouteHandler = (_request, { model = '', version }) => {
    const { name } = host.catalog.find(model, version);
    const error = `Model ${describeGiven(name)} has no explainer. Ask /predictions/${encodeURIComponent(name)}.`;
    return jsonResponse(501, torchError(501, { error }));
  };
  for (const method of ['POST', 'PUT'] as const) {
    for (const version of versions) {
      routes.add(method, `/predictions/:model${version}`, use('infer'), predict);
      routes.add(method, `/explanations/:model${version}`, use('infer'), explain);
    }
  }
}

function addManagementRoutes(routes: ProtocolRoutes, { host }: ProtocolContext): void {
  const { catalog } = host;
  routes.add('GET', '/models', use('list'), (request) =>
    jsonResponse(200, encodeModelList(catalog.all(), request.query ?? '')),
  );
  const describe: RouteHandler = (_request, { model = '', version }) =>
    jsonResponse(200, encodeModelDescription(catalog.find(model, version === 'all' ? undefined : version)));
  for (const version of versions) routes.add('GET', `/models/:model${version}`, use('metadata'), describe);
}

function createPredict(host: ModelHost): RouteHandler {
  const { maxTensorElements } = host.limits;
  const decoderOf = perModel(({ runner }) => compilePredictionDecoder(runner.signature, maxTensorElements));
  const readRaw = (body: Uint8Array, { runner: { signature } }: ServedModel): Prediction => {
    const { inputs } = decodeRawRequest(body, signature, maxTensorElements);
    return { inputs, write: ({ outputs }) => encodeAnswer(signature.outputs, outputs, false) };
  };
  const readText = (body: Uint8Array, { runner: { signature } }: ServedModel): Prediction => {
    const { inputs } = decodeRawRequest(body, signature, maxTensorElements);
    return { inputs, write: ({ outputs }) => encodeAnswer(signature.outputs, outputs, signature.batchAxis === 0) };
  };
  return (request, _parameters, call) => {
    const form = formOf(request);
    return answerBody<ServiceResponse>(host, call, request, (body, model) => {
      const { inputs, write } =
        form === 'bytes'
          ? readRaw(body, model)
          : form === 'text' && takesText(model)
            ? readText(body, model)
            : readJson(decodeText(body), decoderOf(model));
      return { inputs, isCopied: form !== 'bytes', write: (result) => jsonResponse(200, write(result)) };
    });
  };
}

function takesText({ runner }: ServedModel): boolean {
  const { inputs } = runner.signature;
  return inputs.length === 1 && inputs[0]?.dtype === 'string';
}

/**
 * What a body is. Whatever says nothing of use, such as the form that curl takes everything for, is JSON.
 * @throws FairleadError `UNSUPPORTED`
 */
function formOf(request: ServiceRequest): 'json' | 'bytes' | 'text' {
  const type = (request.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (type === 'application/octet-stream') return 'bytes';
  if (type === 'text/plain') return 'text';
  if (!/^(multipart|image|audio|video)\//.test(type)) return 'json';
  const expected = 'application/json, application/octet-stream or text/plain';
  const given = describeGiven(type);
  throw new FairleadError('UNSUPPORTED', `Header content-type: expected ${expected}, given ${given}.`, {
    details: { field: 'content-type', expected, given },
  });
}
