import * as z from 'zod/mini';
import { parseOptions } from '../../config';
import { FairleadError } from '../../errors';
import type { ModelSignature } from '../../signature';
import { describeGiven } from '../../tensor/json/describe-given';
import { readJson } from '../../tensor/json/lenient-json';
import type { Tensors } from '../../tensor/tensor';
import { answerBody, decodeText } from '../answer-body';
import type { ServiceRequest, ServiceResponse } from '../exchange';
import { jsonResponse } from '../http-error';
import type { ProtocolContext, ServingProtocol } from '../protocol';
import { meantModel, noSuchModel } from '../scoring/one-model';
import { encodePredictionValues } from '../scoring/predictions';
import { decodeScoringMessage, type ScoringDialect, scoringFormats } from '../scoring/scoring-message';

/** Options of {@link azureMl}. */
export interface AzureMlOptions {
  /** The model that `/score` asks. @default the only one that is served */
  readonly model?: string;
}

// Made when it is asked for: who takes another protocol then has none of it in his bundle.
const schema = () => z.strictObject({ model: z.optional(z.string().check(z.minLength(1))) });

const dialect: ScoringDialect = { formats: scoringFormats, paramsField: 'params' };

/** Characters that an id of a request may have; past it, 431. */
const maxIdLength = 100;

/**
 * The contract of Azure ML's inference server. `serve` chooses it, with its port, where the environment tells of Azure ML.
 *
 * - `GET /`: `Healthy` when every model would answer
 * - `POST /score` with `{"input_data": …}`, a data frame `{columns, data}`, one array, or arrays by input, as Azure's endpoints of
 *   MLflow models take it, or `{"data": [[…]]}`, as its examples write it: answered by the list of predictions alone. Or with
 *   MLflow's `dataframe_split`, `dataframe_records`, `instances` or `inputs`: answered by `{"predictions": …}`
 *
 * Each answer carries `x-request-id` and `x-ms-request-id`, those of the request or new ones, and `x-ms-client-request-id` where the
 * request has one. NaN and the infinities are written as strings.
 *
 * @throws FairleadError `INVALID_OPTION` when the service is made
 */
export function azureMl(options: AzureMlOptions = {}): ServingProtocol {
  const { model: given } = parseOptions(schema(), options, 'azureMl');
  return {
    name: 'azure-ml',
    addRoutes(routes, context) {
      const { host, basePath, isReady } = context;
      const meant = meantModel(host, given, 'azureMl');
      // The service takes a slash at the end away, but from the root.
      routes.add('GET', basePath === '' ? '/' : '', 'health', () => {
        const ready = isReady();
        return { status: ready ? 200 : 503, headers: plain, body: ready ? 'Healthy' : 'Unhealthy' };
      });
      routes.add('POST', '/score', { operation: 'infer', meant, headers: idsOf }, (request, _parameters, call) => {
        const refusal = refuseIds(request);
        if (refusal !== undefined) return refusal;
        if (call.model === undefined) throw noSuchModel(host);
        return answerBody(host, call, request, (body, { runner: { signature } }) => {
          const { inputs, isBare } = readScore(body, signature, context);
          const write = (values: string): string => (isBare ? values : `{"predictions":${values}}`);
          return {
            inputs,
            isCopied: true,
            write: ({ outputs }) => jsonResponse(200, write(encodePredictionValues(outputs, signature))),
          };
        });
      });
    },
    describe: async (route, model) => (await import('./describe')).describeAzure(route, model, dialect),
  };
}

const plain = { 'content-type': 'text/plain; charset=utf-8' };

function readScore(body: Uint8Array, signature: ModelSignature, { host }: ProtocolContext) {
  const { maxTensorElements } = host.limits;
  return readJson(decodeText(body), (message): { inputs: Tensors; isBare: boolean } => {
    const field = ['input_data', 'data'].find((name) => hasField(message, name));
    if (field === undefined)
      return { inputs: decodeScoringMessage(message, signature, dialect, maxTensorElements), isBare: false };
    const { [field]: value, ...rest } = message as Record<string, unknown>;
    const stray = Object.keys(rest).find((name) => name !== 'params');
    if (stray !== undefined) throw invalid(stray.slice(0, 100), `nothing beside "${field}" but "params"`, rest[stray]);
    const format = hasField(value, 'data') ? 'dataframe_split' : 'inputs';
    const plainMessage = { [format]: value, ...(rest.params !== undefined && { params: rest.params }) };
    return { inputs: decodeScoringMessage(plainMessage, signature, dialect, maxTensorElements), isBare: true };
  });
}

function hasField(value: unknown, name: string): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, name);
}

const idNames = ['x-request-id', 'x-ms-request-id', 'x-ms-client-request-id'] as const;

function isId(value: string): boolean {
  return value.length <= maxIdLength && /^[\x20-\x7e]*$/.test(value);
}

/** The answer to an id that cannot be sent back; undefined where each can. */
function refuseIds({ header }: ServiceRequest): ServiceResponse | undefined {
  const name = idNames.find((each) => !isId(header(each) ?? ''));
  if (name === undefined) return undefined;
  const error = `Header ${name}: expected at most ${maxIdLength} characters of ASCII.`;
  return jsonResponse(431, JSON.stringify({ error, field: name }));
}

/**
 * The ids that an answer carries. `x-ms-request-id` was both ids once, so that old clients still send it and read it: it falls back on the
 * client's id, and that on it.
 */
function idsOf({ header }: ServiceRequest): Readonly<Record<string, string>> {
  const [own, both, clients] = idNames.map((name) => {
    const value = header(name) ?? '';
    return value !== '' && isId(value) ? value : undefined;
  });
  const request = own ?? globalThis.crypto.randomUUID();
  const client = clients ?? both;
  return {
    'x-request-id': request,
    'x-ms-request-id': both ?? client ?? request,
    ...(client !== undefined && { 'x-ms-client-request-id': client }),
  };
}

function invalid(field: string, expected: string, value: unknown): FairleadError {
  const given = describeGiven(value);
  return new FairleadError('INVALID_INPUT', `Request ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
