import * as z from 'zod/mini';
import { parseOptions } from '../config';
import { encodeColumns, encodeInstances } from '../serving/scoring/client-messages';
import type { ErrorAnswer } from './remote-error';
import type { RemoteProtocol } from './remote-protocol';
import { connectScoring, predictionsOf, type ScoringContract, type SignableRequest } from './scoring-connection';

/** Where a client asks, behind the address that `remote` is given. */
export interface ScoringRoutes {
  /** Path that answers predictions. */
  readonly predictRoute?: string;
  /** Path that answers for health; endpoints of the platforms have none, containers do. @default none: nothing is asked */
  readonly healthRoute?: string;
}

/** Options of {@link sageMakerClient}. */
export interface SageMakerClientOptions extends ScoringRoutes {
  /**
   * Answers the headers to send with a request, its signature of AWS among them; see `docs/serving/platforms.md` for how AWS's own signer
   * does it. A `fetch` that signs, given to `remote`, serves as well. @default nothing is signed
   */
  readonly sign?: (request: SignableRequest) => Promise<Readonly<Record<string, string>>>;
  /** Which model of a multi-model endpoint answers: `X-Amzn-SageMaker-Target-Model`. @default none */
  readonly targetModel?: string;
  /** Which variant of the endpoint answers: `X-Amzn-SageMaker-Target-Variant`. @default the endpoint chooses */
  readonly targetVariant?: string;
  /** What the container is told beside the body: `X-Amzn-SageMaker-Custom-Attributes`. @default none */
  readonly customAttributes?: string;
}

/** Options of {@link azureClient}. */
export interface AzureClientOptions extends ScoringRoutes {
  /** Which deployment of the endpoint answers: `azureml-model-deployment`. @default the endpoint chooses */
  readonly deployment?: string;
}

// Made when they are asked for: who takes another protocol then has none of them in his bundle.
const routeFields = () => {
  /** Begins with a slash, or like Vertex AI's methods with a colon. */
  const route = z.optional(z.string().check(z.regex(/^$|^[/:][\x21-\x7e]*$/, 'a path such as "/invocations"')));
  return { predictRoute: route, healthRoute: route };
};
const headerField = () =>
  z.optional(z.string().check(z.regex(/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/, 'text of ASCII')));
const sageMakerSchema = () =>
  z.strictObject({
    ...routeFields(),
    sign: z.optional(
      z.custom<SageMakerClientOptions['sign']>(
        (value) => typeof value === 'function',
        'a function that answers headers',
      ),
    ),
    targetModel: headerField(),
    targetVariant: headerField(),
    customAttributes: headerField(),
  });
const vertexSchema = () => z.strictObject(routeFields());
const azureSchema = () => z.strictObject({ ...routeFields(), deployment: headerField() });

/**
 * A model behind an endpoint of SageMaker, for `remote`: `url` is that of the runtime
 * (`https://runtime.sagemaker.REGION.amazonaws.com`), `model` the endpoint's name. It needs the option `signature`, and takes no
 * `version`.
 *
 * Inputs travel as `{"instances": [row, …]}`, and `{"predictions": …}` comes back, as SageMaker's containers of TensorFlow and MLflow,
 * and Fairlead's own, have it. What a container refuses, which SageMaker answers with 424, is the error that the container meant.
 * With `predictRoute: '/invocations'` and `healthRoute: '/ping'` it asks a container itself.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function sageMakerClient(options?: SageMakerClientOptions): RemoteProtocol {
  const parsed = parseOptions(sageMakerSchema(), options, 'sageMakerClient');
  const { sign } = parsed;
  const headers = withoutUndefined({
    'x-amzn-sagemaker-target-model': parsed.targetModel,
    'x-amzn-sagemaker-target-variant': parsed.targetVariant,
    'x-amzn-sagemaker-custom-attributes': parsed.customAttributes,
  });
  return {
    name: 'sagemaker',
    connect: (target) =>
      connectScoring(target, {
        owner: 'sageMakerClient',
        predictRoute: parsed.predictRoute ?? `/endpoints/${encodeURIComponent(target.model)}/invocations`,
        healthRoute: parsed.healthRoute,
        headers,
        encode: encodeInstancesMessage,
        read: (message) => (Array.isArray(message) ? { predictions: message } : predictionsOf(message)),
        unwrapError: unwrapSageMakerError,
        ...(sign !== undefined && { sign }),
      }),
  };
}

/**
 * A model behind an endpoint of Vertex AI, for `remote`: `url` is the endpoint
 * (`https://LOCATION-aiplatform.googleapis.com/v1/projects/P/locations/LOCATION/endpoints/E`), and its access token goes into
 * the option `headers`. It needs the option `signature`, and takes no `version`; `model.version` is the one that answers name.
 *
 * Inputs travel as `{"instances": [row, …]}` to `:predict`. With `predictRoute: '/predict'` and `healthRoute: '/health'` it asks a
 * container itself.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function vertexClient(options?: ScoringRoutes): RemoteProtocol {
  const { predictRoute = ':predict', healthRoute } = parseOptions(vertexSchema(), options, 'vertexClient');
  return {
    name: 'vertex-ai',
    connect: (target) =>
      connectScoring(target, {
        owner: 'vertexClient',
        predictRoute,
        healthRoute,
        encode: encodeInstancesMessage,
        read(message) {
          const { predictions } = predictionsOf(message);
          const { modelVersionId } = message as { modelVersionId?: unknown };
          return { predictions, modelVersion: typeof modelVersionId === 'string' ? modelVersionId : undefined };
        },
      }),
  };
}

/**
 * A model behind an online endpoint of Azure ML, for `remote`: `url` is its scoring address, `/score` included, and its key goes into the
 * option `headers` as `authorization: 'Bearer …'`. It needs the option `signature`, and takes no `version`.
 *
 * Inputs travel as `{"input_data": {name: array}}`; a bare list of predictions comes back, or `{"predictions": …}`. What a container
 * refuses, which Azure ML answers with 424, is the error that the container meant.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function azureClient(options?: AzureClientOptions): RemoteProtocol {
  const { predictRoute = '', healthRoute, deployment } = parseOptions(azureSchema(), options, 'azureClient');
  return {
    name: 'azure-ml',
    connect: (target) =>
      connectScoring(target, {
        owner: 'azureClient',
        predictRoute,
        healthRoute,
        headers: withoutUndefined({ 'azureml-model-deployment': deployment }),
        encode: (tensors, signature) => `{"input_data":${encodeColumns(tensors, signature)}}`,
        read: (message) => (Array.isArray(message) ? { predictions: message } : predictionsOf(message)),
        unwrapError: unwrapAzureError,
      }),
  };
}

const encodeInstancesMessage: ScoringContract['encode'] = (tensors, signature) =>
  `{"instances":${encodeInstances(tensors, signature)}}`;

/** `ModelError`: status and body of the container stand in the body. */
function unwrapSageMakerError(answer: ErrorAnswer): ErrorAnswer {
  if (answer.status !== 424) return answer;
  const { OriginalStatusCode: status, OriginalMessage: text } = objectOf(answer.text);
  return isStatus(status) ? { ...answer, status, text: typeof text === 'string' ? text : answer.text } : answer;
}

/** The container's status stands in a header, its body is the body. */
function unwrapAzureError(answer: ErrorAnswer): ErrorAnswer {
  if (answer.status !== 424) return answer;
  const status = Number(answer.headers.get('ms-azureml-model-error-statuscode') ?? Number.NaN);
  return isStatus(status) ? { ...answer, status } : answer;
}

function isStatus(status: unknown): status is number {
  return Number.isInteger(status) && (status as number) >= 400 && (status as number) <= 599;
}

function objectOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    // A gateway that answers no JSON has put nothing around an error.
    return {};
  }
}

function withoutUndefined(headers: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  const given = Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(given);
}
