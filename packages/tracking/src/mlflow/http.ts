import { type CallOptions, FairleadError, messageOf, throwIfAborted } from '@fairlead/core';
import type * as z from 'zod/mini';
import { pause } from '../pause';
import type { ClientSettings } from './client-options';
import { type Asked, answerError, unreachableError } from './http-errors';

/** The bytes of a request: themselves, or a function that makes the stream anew for every attempt. */
export type RequestBody = Uint8Array | (() => AsyncIterable<Uint8Array>);

/** One request. */
export interface MlflowRequest extends CallOptions {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  /** Behind the server's address, escaped. */
  readonly path: string;
  /** Another address, with no credentials of ours; `path` says what it is in errors. */
  readonly away?: string;
  readonly query?: Readonly<Record<string, string | number | readonly string[] | undefined>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is. */
  readonly body?: RequestBody;
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Whether it may be sent again although the first may have arrived. A request that makes something new each time may be
   * only where the server says that it did nothing. @default true
   */
  readonly repeatable?: boolean;
}

/** Sends requests to an MLflow server. */
export interface MlflowHttp {
  /** The answer, read against a schema. */
  ask<S extends z.ZodMiniType>(request: MlflowRequest, schema: S): Promise<z.output<S>>;
  /** The same of an answer that says nothing. */
  tell(request: MlflowRequest): Promise<void>;
  /** The answer's bytes. What breaks off in the middle is an error. */
  stream(request: MlflowRequest): AsyncIterable<Uint8Array>;
  /** Sends a part of an upload to where the server said, which is not told who asks. @returns its ETag */
  putAway(part: AwayPart): Promise<string>;
}

/** A part of an upload that goes past the server. */
export interface AwayPart extends CallOptions {
  /** Whoever has it may write there, so no error shows it. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** What it is, for errors. */
  readonly place: string;
}

const retried = new Set([408, 429, 500, 502, 503, 504]);
/** With these the server says that it has not begun. */
const untouched = new Set([429, 503]);

/** Milliseconds that the server asks to wait. */
function retryAfterMs(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  if (/^\d+(\.\d+)?$/.test(header.trim())) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function isRefused(error: unknown): boolean {
  const code = ((error as { cause?: unknown }).cause as { code?: unknown } | undefined)?.code;
  return code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EAI_AGAIN';
}

/** The bytes of a stream as `fetch` takes them, one piece at a time. */
function toBody(body: RequestBody, onFail: (error: unknown) => void): { body: BodyInit; duplex?: 'half' } {
  if (body instanceof Uint8Array) return { body: body as Uint8Array<ArrayBuffer> };
  const pieces = body()[Symbol.asyncIterator]();
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const next = await pieces.next();
        if (next.done) controller.close();
        else controller.enqueue(next.value);
      } catch (error) {
        onFail(error);
        throw error;
      }
    },
    async cancel() {
      await pieces.return?.();
    },
  });
  return { body: stream, duplex: 'half' };
}

/** A limit on how long nothing may happen, together with the signal of the caller. */
function createWatch(settings: ClientSettings, signal: AbortSignal | undefined) {
  const controller = new AbortController();
  let late = false;
  const expire = (): void => {
    late = true;
    controller.abort();
  };
  let timer = settings.clock.setTimer(expire, settings.timeoutMs);
  const onAbort = (): void => controller.abort();
  signal?.addEventListener('abort', onAbort, { once: true });
  return {
    signal: controller.signal,
    get late() {
      return late;
    },
    touch(): void {
      timer.clear();
      timer = settings.clock.setTimer(expire, settings.timeoutMs);
    },
    end(): void {
      timer.clear();
      signal?.removeEventListener('abort', onAbort);
    },
  };
}

type Watch = ReturnType<typeof createWatch>;

async function readBounded(response: Response, limit: number, asked: Asked, watch: Watch): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    watch.touch();
    size += piece.byteLength;
    if (size > limit) {
      throw new FairleadError(
        'LIMIT_EXCEEDED',
        `The answer to ${asked.method} ${asked.place} is larger than ${limit} bytes. Ask for less at once, or raise maxAnswerBytes.`,
        { details: { field: 'maxAnswerBytes', expected: `at most ${limit} bytes`, given: 'more' } },
      );
    }
    pieces.push(piece);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return new TextDecoder().decode(whole);
}

/** Makes the sender of requests. */
export function createHttp(settings: ClientSettings): MlflowHttp {
  const { clock, retry, credentials, maxAnswerBytes } = settings;

  const wait = (ms: number, signal: AbortSignal | undefined): Promise<void> => pause(clock, ms, signal, 'The request');

  const urlOf = ({ path, query = {} }: MlflowRequest): string => {
    const search = new URLSearchParams();
    for (const [key, value] of Object.entries(query)) {
      for (const one of Array.isArray(value) ? (value as readonly string[]) : [value]) {
        if (one !== undefined) search.append(key, String(one));
      }
    }
    const text = search.toString();
    return `${settings.url}${path}${text && `?${text}`}`;
  };

  const send = (request: MlflowRequest, watch: Watch, onFail: (error: unknown) => void): Promise<Response> => {
    const headers = new Headers(request.headers);
    if (credentials.header !== undefined && request.away === undefined)
      headers.set('authorization', credentials.header);
    const init: RequestInit & { duplex?: 'half' } = {
      method: request.method,
      headers,
      signal: watch.signal,
      redirect: 'manual',
    };
    if (request.json !== undefined) {
      headers.set('content-type', 'application/json');
      init.body = JSON.stringify(request.json);
    } else if (request.body !== undefined) {
      Object.assign(init, toBody(request.body, onFail));
    }
    return settings.fetch(request.away ?? urlOf(request), init);
  };

  /** Sends until an answer is a success, and hands it on with the watch, which the taker ends. */
  const attempt = async <T>(
    request: MlflowRequest,
    take: (response: Response, watch: Watch) => Promise<T>,
  ): Promise<T> => {
    const { signal, repeatable = true } = request;
    const place = request.away === undefined ? settings.url + request.path : request.path;
    const asked: Asked = { method: request.method, place };
    for (let failures = 0; ; failures++) {
      throwIfAborted(signal, 'The request');
      const watch = createWatch(settings, signal);
      let error: unknown;
      let again: boolean;
      let askedToWait: number | undefined;
      let handedOn = false;
      let broken: { readonly error: unknown } | undefined;
      try {
        const response = await send(request, watch, (error) => {
          broken = { error };
        });
        if (response.ok) {
          handedOn = true;
          return await take(response, watch);
        }
        const body = await readBounded(response, maxAnswerBytes, asked, watch);
        error = answerError(asked, response.status, credentials.redact(body));
        again = repeatable ? retried.has(response.status) : untouched.has(response.status);
        askedToWait = retryAfterMs(response.headers.get('retry-after'), clock.epochMs());
      } catch (thrown) {
        throwIfAborted(signal, 'The request');
        // What the body's own source threw, and an error of ours, is nothing that a repetition mends.
        if (broken !== undefined) throw broken.error;
        if (FairleadError.isInstance(thrown)) throw thrown;
        const why = watch.late ? `nothing came for ${settings.timeoutMs} ms` : networkTrouble(thrown);
        error = unreachableError(asked, credentials.redact(why), watch.late ? undefined : redacted(thrown));
        again = repeatable || (isRefused(thrown) && !handedOn);
      } finally {
        watch.end();
      }
      if (!again || failures >= retry.retries) throw error;
      const backoff = retry.backoffMs * 2 ** failures + Math.random() * retry.jitterMs;
      await wait(Math.min(Math.max(backoff, askedToWait ?? 0), retry.maxBackoffMs), signal);
    }
  };

  /** What went wrong below, without what may hold secrets. */
  const redacted = (thrown: unknown): Error => new Error(credentials.redact(networkTrouble(thrown)));

  const readAnswer = (request: MlflowRequest): Promise<string> =>
    attempt(request, (response, watch) =>
      readBounded(response, maxAnswerBytes, { method: request.method, place: settings.url + request.path }, watch),
    );

  return {
    async ask(request, schema) {
      const text = await readAnswer(request);
      let parsed: unknown;
      try {
        parsed = JSON.parse(text);
      } catch {
        // Refused below: no answer of MLflow's API is anything but JSON.
      }
      const result = schema.safeParse(parsed);
      if (result.success) return result.data;
      const field = result.error.issues[0]?.path.join('.') || 'the answer';
      throw new FairleadError(
        'PROTOCOL_ERROR',
        `${request.method} ${settings.url}${request.path} answered what MLflow's API does not: "${field}" is wrong. Check that \`url\` is that of an MLflow server, not of a page before it.`,
        { details: { field, given: credentials.redact(text.slice(0, 200)) } },
      );
    },
    async tell(request) {
      await readAnswer(request);
    },
    putAway({ url, place, ...part }) {
      return attempt({ method: 'PUT', path: place, away: url, ...part }, async (response, watch) => {
        await readBounded(response, maxAnswerBytes, { method: 'PUT', place }, watch);
        return response.headers.get('etag') ?? '';
      });
    },
    async *stream(request) {
      // The headers may be tried again, the stream itself not: its taker has seen a part of it.
      const response = await attempt(request, async (found) => found);
      const asked: Asked = { method: request.method, place: settings.url + request.path };
      const reader = response.body?.getReader();
      if (reader === undefined) return;
      const watch = createWatch(settings, request.signal);
      const onAbort = (): void => void reader.cancel().catch(() => undefined);
      watch.signal.addEventListener('abort', onAbort, { once: true });
      try {
        for (;;) {
          const { done, value } = await reader.read();
          throwIfAborted(request.signal, 'Reading the artifact');
          if (watch.late) throw unreachableError(asked, `the stream stood still for ${settings.timeoutMs} ms`);
          if (done) return;
          watch.touch();
          yield value;
          watch.touch();
        }
      } catch (thrown) {
        throwIfAborted(request.signal, 'Reading the artifact');
        if (FairleadError.isInstance(thrown)) throw thrown;
        throw unreachableError(asked, `the stream broke off (${credentials.redact(networkTrouble(thrown))})`);
      } finally {
        watch.end();
        await reader.cancel().catch(() => undefined);
      }
    },
  };
}

/** What a failed `fetch` is about: the system's error is in its cause. */
function networkTrouble(thrown: unknown): string {
  const cause = (thrown as { cause?: unknown } | undefined)?.cause;
  const code = (cause as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : messageOf(cause ?? thrown);
}
