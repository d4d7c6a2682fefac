import type { ErrorBody } from '../http-error';

/** TorchServe's names of what went wrong, by status. */
const types: Readonly<Record<number, string>> = {
  400: 'BadRequestException',
  401: 'InvalidKeyException',
  403: 'InvalidKeyException',
  404: 'ModelNotFoundException',
  405: 'MethodNotAllowedException',
  501: 'NotImplementedException',
  503: 'ServiceUnavailableException',
  504: 'RequestTimeoutException',
};

/** An error as TorchServe writes it: `{code, type, message}`, where the code is the status. */
export function torchError(status: number, { error: message, field }: ErrorBody): string {
  const isVersion = status === 404 && field === 'version';
  return JSON.stringify({ code: status, type: isVersion ? 'ModelVersionNotFoundException' : typeOf(status), message });
}

function typeOf(status: number): string {
  return types[status] ?? (status < 500 ? 'BadRequestException' : 'InternalServerException');
}
