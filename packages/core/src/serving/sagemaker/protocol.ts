import * as z from 'zod/mini';
import { parseOptions } from '../../config';
import { FairleadError } from '../../errors';
import { answerBody } from '../answer-body';
import type { ServiceRequest, ServiceResponse } from '../exchange';
import type { Call } from '../host/call';
import type { ModelHost } from '../host/model-host';
import { jsonResponse } from '../http-error';
import type { ServingProtocol } from '../protocol';
import { chooseMediaType, parseMediaType } from '../scoring/media-type';
import { meantModel, noSuchModel } from '../scoring/one-model';
import { checkInvocationType, dialect, invocationTypes, readInvocation, writeInvocation } from './formats';
import { addModelRoutes } from './model-routes';

/** Options of {@link sageMaker}. */
export interface SageMakerOptions {
  /** The model that `/invocations` asks. @default the only one that is served */
  readonly model?: string;
  /**
   * Milliseconds that an invocation may take: SageMaker gives up after 60 s, and what is computed past it is for nobody. More than 0.
   * @default 60000
   */
  readonly timeoutMs?: number;
  /**
   * Folder that the addresses of models lie in, which a multi-model endpoint sends; others are refused. @default '/opt/ml/models'
   */
  readonly modelRoot?: string;
  /**
   * Models that a multi-model endpoint may load at once; one more is answered with 507, upon which SageMaker unloads others. 1 or
   * more. @default 1000
   */
  readonly maxModels?: number;
}

// Made when it is asked for: who takes another protocol then has none of it in his bundle.
const schema = () =>
  z.strictObject({
    model: z.optional(z.string().check(z.minLength(1))),
    timeoutMs: z.optional(z.number().check(z.gt(0))),
    modelRoot: z.optional(
      z.string().check(z.regex(/^(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._-]+)+$/, 'an absolute path without ".."')),
    ),
    maxModels: z.optional(z.int().check(z.gte(1))),
  });

/** Headers that are sent back as they came, and the characters that each may have. */
const echoed: Readonly<Record<string, number>> = {
  'x-amzn-sagemaker-custom-attributes': 1024,
  'x-amzn-sagemaker-inference-id': 64,
};

/**
 * The contract of SageMaker's inference containers. `serve` chooses it, with its port, where the environment tells of SageMaker.
 *
 * - `GET /ping`: 200 when every model would answer
 * - `POST /invocations` with `application/json` (`instances`, `inputs`, `dataframe_split`, `dataframe_records`, or a bare list of
 *   instances, which is answered by a bare list), `text/csv` without a header (`text/csv; header=present` with one),
 *   `application/x-npy`, or `application/octet-stream`, the elements of the one input as they are in memory. `Accept` chooses
 *   among the same for the answer
 * - `POST /endpoints/NAME/invocations`, the same as SageMaker's runtime client asks, so that it may be pointed at this server:
 *   header `X-Amzn-SageMaker-Target-Model` names the model, else NAME does where a model is called so, else it is the one that `/invocations` asks
 * - where there is a repository, the contract of multi-model endpoints: `POST /models` `{model_name, url}`, 409 when it is loaded, 507
 *   when there is no room; `GET /models`, in pages; `GET` and `DELETE /models/N`, `POST /models/N/invoke`. How a model is loaded
 *   from the folder `url` is said by option `open` of `createModelRepository`
 *
 * `X-Amzn-SageMaker-Custom-Attributes` and `X-Amzn-SageMaker-Inference-Id` are sent back with every answer. In JSON, NaN and the
 * infinities are written as strings.
 *
 * @throws FairleadError `INVALID_OPTION`; also when the service is made, for a model that is not served, and for none of several
 */
export function sageMaker(options: SageMakerOptions = {}): ServingProtocol {
  const {
    model,
    timeoutMs = 60_000,
    modelRoot = '/opt/ml/models',
    maxModels = 1000,
  } = parseOptions(schema(), options, 'sageMaker');
  return {
    name: 'sagemaker',
    addRoutes(routes, { host, isReady }) {
      const meant = meantModel(host, model, 'sageMaker');
      const { repository } = host;
      const answer = (request: ServiceRequest, call: Call) => invoke(host, request, call, timeoutMs);
      routes.add('GET', '/ping', 'health', () => {
        const ready = isReady();
        return jsonResponse(ready ? 200 : 503, JSON.stringify({ ready }));
      });
      // The target is what a client of several models names; the container of a single one may pass it over.
      const target = ({ header }: ServiceRequest): string | undefined =>
        header('x-amzn-sagemaker-target-model') || undefined;
      const ofInvocation = (request: ServiceRequest) => target(request) ?? meant();
      const invocation = { operation: 'infer', headers: readEchoed } as const;
      routes.add('POST', '/invocations', { ...invocation, model: ofInvocation, meant }, (request, _parameters, call) =>
        answer(request, call),
      );
      const isServed = (name: string | undefined) => host.catalog.all().some((each) => each.name === name);
      const ofEndpoint = (request: ServiceRequest, { endpoint }: Readonly<Record<string, string>>) =>
        target(request) ?? (isServed(endpoint) ? endpoint : meant());
      routes.add(
        'POST',
        '/endpoints/:endpoint/invocations',
        { ...invocation, model: ofEndpoint, meant },
        (request, _parameters, call) => answer(request, call),
      );
      if (repository === undefined) return;
      addModelRoutes(routes, host, repository, { modelRoot, maxModels });
      routes.add('POST', '/models/:model/invoke', invocation, (request, _parameters, call) => answer(request, call));
    },
    describe: async (route, model) => (await import('./describe')).describeSageMaker(route, model, dialect),
  };
}

async function invoke(
  host: ModelHost,
  request: ServiceRequest,
  call: Call,
  timeoutMs: number,
): Promise<ServiceResponse> {
  checkEchoed(request);
  if (call.model === undefined) throw noSuchModel(host);
  const media = parseMediaType(request.header('content-type'));
  const type = checkInvocationType(media);
  const wanted = chooseMediaType(request.header('accept'), invocationTypes);
  if (wanted === undefined) return notAcceptable();
  return answerBody(host, call, request, (body, { runner: { signature } }) => {
    const { inputs, isBare } = readInvocation(type, media, body, signature, host.limits.maxTensorElements);
    const isCopied = type === 'application/json' || type === 'text/csv';
    return { inputs, isCopied, timeoutMs, write: ({ outputs }) => writeInvocation(wanted, outputs, signature, isBare) };
  });
}

function notAcceptable(): ServiceResponse {
  const expected = invocationTypes.join(', ');
  const error = `Header accept: this server answers ${expected}.`;
  return jsonResponse(406, JSON.stringify({ error, field: 'accept', expected }));
}

/** Those of the request that may be sent back. */
function readEchoed({ header }: ServiceRequest): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [name, maxLength] of Object.entries(echoed)) {
    const value = header(name) ?? undefined;
    if (value !== undefined && mayBeEchoed(value, maxLength)) headers[name] = value;
  }
  return headers;
}

/** @throws FairleadError `INVALID_ARGUMENT` for a value that SageMaker would not have let through */
function checkEchoed({ header }: ServiceRequest): void {
  for (const [name, maxLength] of Object.entries(echoed)) {
    if (mayBeEchoed(header(name) ?? '', maxLength)) continue;
    const expected = `at most ${maxLength} characters of ASCII`;
    throw new FairleadError('INVALID_ARGUMENT', `Header ${name}: expected ${expected}.`, {
      details: { field: name, expected },
    });
  }
}

function mayBeEchoed(value: string, maxLength: number): boolean {
  return value.length <= maxLength && /^[\x20-\x7e]*$/.test(value);
}
