import { FairleadError, messageOf } from '@fairlead/core';

/** What a download is, for messages. */
export interface Target {
  readonly href: string;
  /** The URL as messages show it, without its secrets. */
  readonly shown: string;
}

/** How large a file may be. */
export interface SizeLimit {
  /** Bytes. */
  readonly maxBytes: number;
  /** What to do about a larger file, as a sentence. */
  readonly limitAdvice: string;
}

/** The error of an answer with a status that brings no file. */
export function refused(target: Target, { status }: Response): FairleadError {
  const details = { field: 'model', expected: 'status 200', given: `status ${status}`, url: target.shown, status };
  if (status >= 500 || status === 429) {
    const advice = 'The server has trouble of its own; try again later.';
    return new FairleadError('REMOTE_FAILED', `${target.shown} answered with status ${status}. ${advice}`, { details });
  }
  const advice =
    status === 401 || status === 403
      ? 'The server wants credentials, or hides that the file is missing: check the path and the rights on it'
      : 'Check the path, and that the file is deployed beside the page';
  return new FairleadError('MODEL_NOT_FOUND', `${target.shown} answered with status ${status}. ${advice}.`, {
    details,
  });
}

/**
 * The error of a request that got no answer: which of the usual causes, a page is not told.
 * @param note what else there is to say, as a part of a sentence
 */
export function unreachable(target: Target, error: unknown, note?: string): FairleadError {
  const scope = globalThis as { location?: { origin?: string }; navigator?: { onLine?: boolean } };
  const origin = scope.location?.origin;
  const crossOrigin = origin !== undefined && /^https?:/.test(target.href) && new URL(target.href).origin !== origin;
  const causes = [
    scope.navigator?.onLine === false ? 'the device is offline' : 'check the address and that the server runs',
    ...(crossOrigin
      ? [`since it lies on another origin, its server must answer with "Access-Control-Allow-Origin: ${origin}"`]
      : []),
    ...(note === undefined ? [] : [note]),
  ];
  return new FairleadError(
    'MODEL_NOT_FOUND',
    `${target.shown} could not be fetched (${messageOf(error)}): ${causes.join('; ')}. The browser's network log says which.`,
    { cause: error, details: { field: 'model', expected: 'a URL that answers', given: target.shown, crossOrigin } },
  );
}

/** The error of a file that is larger than somebody allowed. */
export function tooLarge(target: Target, { maxBytes, limitAdvice }: SizeLimit, given: string): FairleadError {
  return new FairleadError('LIMIT_EXCEEDED', `${target.shown} is larger than ${maxBytes} bytes. ${limitAdvice}`, {
    details: { field: 'model', expected: `at most ${maxBytes} bytes`, given, url: target.shown },
  });
}

/** The error of a body that ended before its end. */
export function brokenOff(target: Target, size: number, length: number | undefined, cause?: unknown): FairleadError {
  const of = length === undefined ? '' : ` of ${length}`;
  return new FairleadError(
    'REMOTE_FAILED',
    `The download of ${target.shown} broke off after ${size}${of} bytes. Try again.`,
    {
      cause,
      details: {
        field: 'model',
        expected: length === undefined ? 'the whole file' : `${length} bytes`,
        given: `${size} bytes`,
      },
    },
  );
}
