import { messageOf } from '../../errors';
import type { ServiceResponse } from '../exchange';
import type { ModelHost } from '../host/model-host';
import { type ErrorBody, errorResponse, jsonResponse } from '../http-error';
import type { RouteHandler } from '../protocol';

/** TorchServe's names of what went wrong, by status. */
const types: Readonly<Record<number, string>> = {
  400: 'BadRequestException',
  401: 'InvalidKeyException',
  403: 'InvalidKeyException',
  404: 'ModelNotFoundException',
  501: 'NotImplementedException',
  503: 'ServiceUnavailableException',
  504: 'RequestTimeoutException',
};

/** An error as TorchServe writes it: `{code, type, message}`, where the code is the status. */
export function torchError(
  status: number,
  message: string,
  headers?: Readonly<Record<string, string>>,
): ServiceResponse {
  return answer(status, typeOf(status), message, headers);
}

function typeOf(status: number): string {
  return types[status] ?? (status < 500 ? 'BadRequestException' : 'InternalServerException');
}

function answer(
  status: number,
  type: string,
  message: string,
  headers?: Readonly<Record<string, string>>,
): ServiceResponse {
  return jsonResponse(status, JSON.stringify({ code: status, type, message }), headers);
}

/** Answers what a handler throws in TorchServe's form. */
export function withTorchErrors(host: ModelHost, handler: RouteHandler): RouteHandler {
  return async (request, parameters, call) => {
    try {
      return await handler(request, parameters, call);
    } catch (error) {
      const { status, headers, body } = errorResponse(error);
      // What it answers is no failure of the route any more, so who watches is told here.
      call.end(error);
      if (status >= 500) {
        const details = { error, method: request.method, path: request.path, status };
        host.logger.error(details, `A request was answered with ${status}: ${messageOf(error)}`);
      }
      const { error: message, field } = JSON.parse(body as string) as ErrorBody;
      const isVersion = status === 404 && field === 'version';
      return answer(status, isVersion ? 'ModelVersionNotFoundException' : typeOf(status), message, headers);
    }
  };
}
