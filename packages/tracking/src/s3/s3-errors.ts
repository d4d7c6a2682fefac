import { abortedError, FairleadError, messageOf } from '@fairlead/core';

/** What an error of the client says. */
interface S3Failure {
  readonly name?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

const advice: Readonly<Record<string, string>> = {
  NoSuchBucket: 'Make the bucket first, or correct its name.',
  AccessDenied: 'The credentials of the client may not do this.',
  InvalidAccessKeyId: 'Check the credentials of the client.',
  SignatureDoesNotMatch: 'Check the credentials of the client.',
};

/** Whether an error says that an object, an upload or a part is not there. A bucket that is missing is another matter. */
export function isMissing(error: unknown): boolean {
  const { name, $metadata } = (error ?? {}) as S3Failure;
  return name !== 'NoSuchBucket' && $metadata?.httpStatusCode === 404;
}

/** Makes a `FairleadError` of whatever the client threw. */
export function toStoreError(error: unknown, action: string, signal: AbortSignal | undefined): FairleadError {
  if (FairleadError.isInstance(error)) return error;
  if (signal?.aborted) return abortedError(signal, action);
  const { name = 'Error', $metadata } = (error ?? {}) as S3Failure;
  const status = $metadata?.httpStatusCode;
  const hint = advice[name] ?? 'See the cause; the client has retried what can be.';
  return new FairleadError('STORE_FAILED', `${action} failed: ${name}: ${messageOf(error)}. ${hint}`, {
    cause: error,
    details: { error: name, ...(status === undefined ? {} : { status }) },
  });
}
