import type { Clock, ClockTimer } from '../clock';
import { deadlineError, noDeadline } from '../deadline';
import { abortedError, FairleadError, messageOf, throwIfAborted } from '../errors';
import { checkDeclaredLength, readStream } from '../serving/body';
import { errorOfResponse } from './remote-error';

/** What the exchanges of one runner have in common. */
export interface ExchangeSettings {
  readonly fetch: typeof globalThis.fetch;
  readonly headers: Readonly<Record<string, string>>;
  readonly maxResponseBytes: number;
  readonly clock: Clock;
}

/** One request over HTTP. */
export interface Exchange {
  readonly url: string;
  /** How messages name the server. */
  readonly what: string;
  readonly method: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Absolute, on the clock. */
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
}

const utf8 = new TextDecoder();

/**
 * Sends a request and reads the whole answer.
 *
 * @returns the text of an answer with a status of 2xx
 * @throws FairleadError `ABORTED`, `DEADLINE_EXCEEDED`, `LIMIT_EXCEEDED` for too long an answer, `REMOTE_FAILED` when
 * the server cannot be reached, and what an error status stands for
 */
export async function exchange(request: Exchange, settings: ExchangeSettings): Promise<string> {
  const { url, what, method, body, deadline, signal } = request;
  throwIfAborted(signal, `The request to ${what}`);
  const ending = createEnding(deadline, signal, settings.clock);
  try {
    const response = await settings.fetch(url, {
      method,
      headers: { accept: 'application/json', ...settings.headers, ...request.headers },
      signal: ending.signal,
      ...(body !== undefined && { body }),
    });
    const { maxResponseBytes } = settings;
    let text: string;
    try {
      checkDeclaredLength(response.headers.get('content-length'), maxResponseBytes);
      text = utf8.decode(await readStream(response.body, maxResponseBytes));
    } catch (error) {
      throw FairleadError.isInstance(error, 'LIMIT_EXCEEDED') ? answerTooLarge(what, maxResponseBytes) : error;
    }
    if (!response.ok) throw errorOfResponse(what, response, text, settings.clock.epochMs());
    return text;
  } catch (error) {
    // Whatever a server answers to a request that was given up, the caller gets the reason for which it was.
    if (signal?.aborted) throw abortedError(signal, `The request to ${what}`);
    if (ending.expired()) throw deadlineError(`while ${what} was asked`);
    if (FairleadError.isInstance(error)) throw error;
    throw new FairleadError('REMOTE_FAILED', `${what} cannot be reached: ${reasonOf(error)}. Is the server running?`, {
      cause: error,
    });
  } finally {
    ending.release();
  }
}

interface Ending {
  readonly signal: AbortSignal;
  expired(): boolean;
  release(): void;
}

/** Aborts the fetch when the caller's signal or the deadline says so; releases timer and listener afterwards. */
function createEnding(deadline: number, callerSignal: AbortSignal | undefined, clock: Clock): Ending {
  const controller = new AbortController();
  let expired = false;
  let timer: ClockTimer | undefined;
  if (deadline !== noDeadline) {
    timer = clock.setTimer(
      () => {
        expired = true;
        controller.abort();
      },
      Math.max(0, deadline - clock.now()),
    );
  }
  const onAbort = (): void => controller.abort(callerSignal?.reason);
  callerSignal?.addEventListener('abort', onAbort, { once: true });
  return {
    signal: controller.signal,
    expired: () => expired,
    release() {
      timer?.clear();
      callerSignal?.removeEventListener('abort', onAbort);
    },
  };
}

function answerTooLarge(what: string, maxBytes: number): FairleadError {
  return new FairleadError(
    'LIMIT_EXCEEDED',
    `${what} answered more than ${maxBytes} bytes. Send fewer rows at once, or raise maxResponseBytes.`,
    { details: { field: 'maxResponseBytes', expected: `at most ${maxBytes} bytes` } },
  );
}

/** Node's fetch says "fetch failed" and hides the reason in the cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = (cause as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : messageOf(cause ?? error);
}
