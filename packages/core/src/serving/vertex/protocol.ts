import * as z from 'zod/mini';
import { parseOptions } from '../../config';
import { readJson } from '../../tensor/json/lenient-json';
import { answerBody, decodeText } from '../answer-body';
import { jsonResponse } from '../http-error';
import type { ServingProtocol } from '../protocol';
import { meantModel, noSuchModel } from '../scoring/one-model';
import { encodePredictionValues } from '../scoring/predictions';
import { decodeScoringMessage, type ScoringDialect } from '../scoring/scoring-message';

/** Options of {@link vertexAi}. */
export interface VertexAiOptions {
  /** The model that is asked. @default the only one that is served */
  readonly model?: string;
  /** Path that Vertex AI asks for health: `AIP_HEALTH_ROUTE`. @default '/health' */
  readonly healthRoute?: string;
  /** Path that it asks for predictions: `AIP_PREDICT_ROUTE`. @default '/predict' */
  readonly predictRoute?: string;
  /** Id that answers carry, as those of an endpoint do: `AIP_DEPLOYED_MODEL_ID`. @default none */
  readonly deployedModelId?: string;
}

/** A part that begins with a colon would be a pattern; a colon within one, as Vertex AI's own routes have it, is none. */
const routePattern = /^(\/(?!:)[A-Za-z0-9._~@:-]*)+$/;

// Made when it is asked for: who takes another protocol then has none of it in his bundle.
const schema = () => {
  const text = z.optional(z.string().check(z.minLength(1)));
  const route = z.optional(z.string().check(z.regex(routePattern, 'a path such as "/predict"')));
  return z.strictObject({ model: text, healthRoute: route, predictRoute: route, deployedModelId: text });
};

/** The service takes a slash at the end of what is asked for away. */
function withoutSlash(route: string): string {
  return route.length > 1 && route.endsWith('/') ? route.slice(0, -1) : route;
}

const dialect: ScoringDialect = { formats: ['instances'], paramsField: 'parameters' };

/**
 * The contract of Vertex AI's containers for prediction. `serve` chooses it, with its routes and its port, where the environment tells
 * of Vertex AI.
 *
 * - `GET` the health route: 200 when every model would answer
 * - `POST` the predict route with `{"instances": […], "parameters"?: {…}}`: answered by `{"predictions": […]}`, one an instance,
 *   and what is known of the deployed model
 *
 * An instance is the value of the model's one input for a row, or an object with the values of all by name. A parameter is an
 * input that has the same value for every instance. NaN and the infinities are written as strings.
 *
 * @throws FairleadError `INVALID_OPTION` when the service is made
 */
export function vertexAi(options: VertexAiOptions = {}): ServingProtocol {
  const parsed = parseOptions(schema(), options, 'vertexAi');
  const { deployedModelId } = parsed;
  const healthRoute = withoutSlash(parsed.healthRoute ?? '/health');
  const predictRoute = withoutSlash(parsed.predictRoute ?? '/predict');
  return {
    name: 'vertex-ai',
    addRoutes(routes, { host, isReady }) {
      const meant = meantModel(host, parsed.model, 'vertexAi');
      routes.add('GET', healthRoute, 'health', () => {
        const ready = isReady();
        return jsonResponse(ready ? 200 : 503, JSON.stringify({ ready }));
      });
      routes.add('POST', predictRoute, { operation: 'infer', meant }, async (request, _parameters, call) => {
        if (call.model === undefined) throw noSuchModel(host);
        const { maxTensorElements } = host.limits;
        return answerBody(host, call, request, (body, { name, runner }) => ({
          isCopied: true,
          inputs: readJson(decodeText(body), (message) =>
            decodeScoringMessage(message, runner.signature, dialect, maxTensorElements),
          ),
          write: ({ outputs, model }) => {
            const predictions = encodePredictionValues(outputs, runner.signature);
            const facts = { deployedModelId, model: name, modelVersionId: model.version };
            return jsonResponse(200, `{"predictions":${predictions},${JSON.stringify(facts).slice(1)}`);
          },
        }));
      });
    },
    describe: async (route, model) => (await import('./describe')).describeVertex(route, model, dialect),
  };
}
