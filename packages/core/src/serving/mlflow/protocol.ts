import * as z from 'zod/mini';
import { version as packageVersion } from '../../../package.json';
import { parseOptions } from '../../config';
import { FairleadError } from '../../errors';
import { describeGiven } from '../../tensor/json/describe-given';
import { readJson } from '../../tensor/json/lenient-json';
import type { Tensor, Tensors } from '../../tensor/tensor';
import { answerBody, decodeText } from '../answer-body';
import type { ServiceRequest, ServiceResponse } from '../exchange';
import type { Call } from '../host/call';
import type { ServedModel } from '../host/catalog';
import { jsonResponse } from '../http-error';
import type { ProtocolContext, RouteUse, ServingProtocol } from '../protocol';
import { type MediaType, parseMediaType } from '../scoring/media-type';
import { meantModel, noSuchModel } from '../scoring/one-model';
import { encodePredictionValues } from '../scoring/predictions';
import { decodeScoringMessage, type ScoringDialect, scoringFormats } from '../scoring/scoring-message';
import { readCsvTable } from '../scoring/table';
import { tableToTensors } from '../scoring/table-tensors';
import { printerOf } from '../tensorflow/elements';
import { mlflowError } from './errors';

/** Options of {@link mlflowScoring}. */
export interface MlflowScoringOptions {
  /** The model that `/invocations` asks. @default the only one that is served */
  readonly model?: string;
  /** What `GET /version` answers, where a client of MLflow compares it with its own. @default the version of Fairlead */
  readonly version?: string;
}

// Made when it is asked for: who takes another protocol then has none of it in his bundle.
const schema = () =>
  z.strictObject({
    model: z.optional(z.string().check(z.minLength(1))),
    version: z.optional(z.string().check(z.regex(/^[\x21-\x7e]{1,100}$/, 'a version such as "3.1.0"'))),
  });

const dialect: ScoringDialect = { formats: scoringFormats, paramsField: 'params' };

/** As Python's json module reads and MLflow writes them: floats are told from integers, NaN is a bare token. */
const print = (tensor: Tensor): string => printerOf('', tensor)(tensor);

/**
 * The scoring contract of MLflow 3, as `mlflow models serve` has it.
 *
 * - `POST /invocations` with JSON that has exactly one of `dataframe_split`, `dataframe_records`, `instances` and `inputs`, and
 *   `params`; or with `text/csv`, the first line the names of the columns. Answered by `{"predictions": …}`, one a row
 * - `POST /endpoints/NAME/invocations`, the same of the model of that name, as MLflow's deployment client asks
 * - `GET /ping` and `/health`, 200 when every model would answer; `GET /version`
 *
 * Errors are `{"error_code", "message"}`, with Fairlead's `error`, `code` and facts beside them.
 *
 * A data frame's columns are inputs where they are called like them, else the columns of the model's one matrix. A parameter is
 * an input that has the same value for every row; a name that no input has is refused. NaN is written as the bare token that
 * Python reads.
 *
 * @throws FairleadError `INVALID_OPTION` when the service is made, for a model that is not served, and for none of several
 */
export function mlflowScoring(options: MlflowScoringOptions = {}): ServingProtocol {
  const { model: given, version = packageVersion } = parseOptions(schema(), options, 'mlflowScoring');
  return {
    name: 'mlflow',
    addRoutes(routes, context) {
      const meant = meantModel(context.host, given, 'mlflowScoring');
      const ping = (): ServiceResponse => text(context.isReady() ? 200 : 503, '\n');
      routes.add('GET', '/ping', 'health', ping);
      routes.add('GET', '/health', 'health', ping);
      routes.add('GET', '/version', 'metadata', () => text(200, version));
      const use: RouteUse = { operation: 'infer', errorBody: mlflowError };
      routes.add('POST', '/invocations', { ...use, meant }, (request, _parameters, call) =>
        score(context, request, call),
      );
      routes.add('POST', '/endpoints/:model/invocations', use, (request, _parameters, call) =>
        score(context, request, call),
      );
    },
    describe: async (route, model) => (await import('./describe')).describeMlflow(route, model, dialect),
  };
}

function text(status: number, body: string): ServiceResponse {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body };
}

async function score({ host }: ProtocolContext, request: ServiceRequest, call: Call): Promise<ServiceResponse> {
  const media = parseMediaType(request.header('content-type'));
  checkMediaType(media, request.header('content-type'));
  if (call.model === undefined) throw noSuchModel(host);
  return answerBody(host, call, request, (body, model) => ({
    isCopied: true,
    inputs: readInputs(media.type, body, model, host.limits.maxTensorElements),
    write: ({ outputs }) => {
      const predictions = encodePredictionValues(outputs, model.runner.signature, print);
      return jsonResponse(200, `{"predictions":${predictions}}`);
    },
  }));
}

function readInputs(type: string, body: Uint8Array, { runner }: ServedModel, maxElements: number): Tensors {
  const { signature } = runner;
  const content = decodeText(body);
  if (type === 'text/csv') return tableToTensors(readCsvTable(content, true, maxElements), signature, maxElements);
  return readJson(content, (message) => decodeScoringMessage(message, signature, dialect, maxElements));
}

/** What MLflow answers with 415, so is this; Parquet, which it reads too, is not read here. */
function checkMediaType({ type, parameters }: MediaType, header: string | null | undefined): void {
  const stray = [...parameters.keys()].find((name) => name !== 'charset');
  const isUtf8 = (parameters.get('charset') ?? 'utf-8').toLowerCase() === 'utf-8';
  if ((type === 'application/json' || type === 'text/csv') && stray === undefined && isUtf8) return;
  const expected = 'application/json or text/csv, in UTF-8';
  const given = header ? describeGiven(header) : 'none';
  throw new FairleadError('UNSUPPORTED', `Header content-type: expected ${expected}, given ${given}.`, {
    details: { field: 'content-type', expected, given },
  });
}
