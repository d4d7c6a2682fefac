import { messageOf } from '../../errors';
import type { ServiceRequest, ServiceResponse } from '../exchange';
import type { Call } from '../host/call';
import type { ModelHost } from '../host/model-host';
import { errorResponse } from '../http-error';

/**
 * Answers with headers that go with every answer, refusals and failures included, as ids of a request do.
 *
 * @param work what answers; what it throws becomes the answer that the service would have given
 */
export async function respondWith(
  { logger }: ModelHost,
  call: Call,
  { method, path }: ServiceRequest,
  headers: Readonly<Record<string, string>>,
  work: () => Promise<ServiceResponse>,
): Promise<ServiceResponse> {
  let response: ServiceResponse;
  try {
    response = await work();
  } catch (error) {
    call.end(error);
    response = errorResponse(error);
    if (response.status >= 500) {
      const details = { error, method, path, status: response.status };
      logger.error(details, `A request was answered with ${response.status}: ${messageOf(error)}`);
    }
  }
  return { ...response, headers: { ...response.headers, ...headers } };
}
