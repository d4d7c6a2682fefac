import type { Clock, ClockTimer } from '../clock';
import { deadlineError, noDeadline } from '../deadline';
import { abortedError, FairleadError, messageOf, throwIfAborted } from '../errors';
import { checkDeclaredLength, readStream } from '../serving/body';
import { headersOf, type RemoteHeaders, withoutCredentials } from './credentials';
import { type ErrorAnswer, errorOfResponse } from './remote-error';

/** What the exchanges of one runner have in common. */
export interface ExchangeSettings {
  readonly fetch: typeof globalThis.fetch;
  readonly headers: RemoteHeaders;
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
  readonly body?: string | Uint8Array<ArrayBuffer>;
  /** Asked for headers that prove who sends this very request, such as a signature; no error holds them. */
  readonly credentials?: () => Promise<Readonly<Record<string, string>>>;
  /** Takes the server's own error out of what a gateway put around it. @default as it came */
  readonly unwrapError?: (answer: ErrorAnswer) => ErrorAnswer;
  /** Absolute, on the clock. */
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
}

/** An answer with a status of 2xx. */
export interface ExchangeAnswer {
  readonly bytes: Uint8Array;
  readonly header: (name: string) => string | null;
}

const utf8 = new TextDecoder();

/**
 * Sends a request and reads the whole answer. What the user's headers hold stands in no error.
 *
 * @throws FairleadError `ABORTED`, `DEADLINE_EXCEEDED`, `LIMIT_EXCEEDED` for too long an answer, `REMOTE_FAILED` when
 * the server cannot be reached, and what an error status stands for
 */
export async function exchange(request: Exchange, settings: ExchangeSettings): Promise<ExchangeAnswer> {
  const { url, what, method, body, deadline, signal } = request;
  throwIfAborted(signal, `The request to ${what}`);
  const ending = createEnding(deadline, signal, settings.clock);
  let own: Readonly<Record<string, string>> = {};
  try {
    own = typeof settings.headers === 'function' ? await ending.orCut(headersOf(settings.headers)) : settings.headers;
    const { credentials } = request;
    const proof = credentials === undefined ? {} : await ending.orCut(credentials());
    if (credentials !== undefined) own = { ...own, ...proof };
    const response = await settings.fetch(url, {
      method,
      headers: { accept: 'application/json', ...own, ...request.headers, ...proof },
      signal: ending.signal,
      // Whoever is elsewhere would get the inputs, and headers with keys in them.
      redirect: 'manual',
      ...(body !== undefined && { body }),
    });
    if (isRedirect(response)) {
      response.body?.cancel().catch(() => {});
      throw redirected(what, response);
    }
    const { maxResponseBytes } = settings;
    let bytes: Uint8Array;
    try {
      checkDeclaredLength(response.headers.get('content-length'), maxResponseBytes);
      bytes = await readStream(response.body, maxResponseBytes);
    } catch (error) {
      throw FairleadError.isInstance(error, 'LIMIT_EXCEEDED') ? answerTooLarge(what, maxResponseBytes) : error;
    }
    if (!response.ok) {
      // Servers that debug themselves say what they were sent.
      const said = withoutCredentials(utf8.decode(bytes), own);
      const answer: ErrorAnswer = { status: response.status, headers: response.headers, text: said };
      const { unwrapError } = request;
      throw errorOfResponse(what, unwrapError === undefined ? answer : unwrapError(answer), settings.clock.epochMs());
    }
    return { bytes, header: (name) => response.headers.get(name) };
  } catch (error) {
    // Whatever a server answers to a request that was given up, the caller gets the reason for which it was.
    if (signal?.aborted) throw abortedError(signal, `The request to ${what}`);
    if (ending.expired()) throw deadlineError(`while ${what.replace(/^The /, 'the ')} was asked`);
    if (FairleadError.isInstance(error)) throw error;
    throw unreachable(what, error, own);
  } finally {
    ending.release();
  }
}

/** A page is told nothing of a redirect but that it was one. */
function isRedirect({ type, status, headers }: Response): boolean {
  return type === 'opaqueredirect' || (status >= 300 && status < 400 && headers.has('location'));
}

function redirected(what: string, { status, headers }: Response): FairleadError {
  const [place = ''] = (headers.get('location') ?? '').split(/[?#]/);
  const where = place === '' ? 'elsewhere' : `to ${place.slice(0, 200)}`;
  return new FairleadError(
    'REMOTE_FAILED',
    `${what} sends its clients ${where}. Nothing was sent there: give that address as "url", if you trust it.`,
    { details: { ...(status > 0 && { status }) } },
  );
}

function unreachable(what: string, error: unknown, headers: Readonly<Record<string, string>>): FairleadError {
  const reason = reasonOf(error);
  const clean = withoutCredentials(reason, headers);
  // A page is told nothing more than that it failed, for fear that it might learn about the network.
  const advice = isUntold(error) ? ' If this is a page: does the server allow its origin (CORS)?' : '';
  return new FairleadError('REMOTE_FAILED', `${what} cannot be reached: ${clean}. Is the server running?${advice}`, {
    cause: clean === reason ? error : new Error(clean),
  });
}

function isUntold(error: unknown): boolean {
  return error instanceof TypeError && error.cause === undefined;
}

interface Ending {
  readonly signal: AbortSignal;
  /** Waits for something that knows no signal. */
  orCut<T>(promise: Promise<T>): Promise<T>;
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
    orCut: (promise) =>
      new Promise((resolve, reject) => {
        controller.signal.addEventListener('abort', () => reject(controller.signal.reason), { once: true });
        promise.then(resolve, reject);
      }),
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
