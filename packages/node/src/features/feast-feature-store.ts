import { abortedError, FairleadError, messageOf, throwIfAborted } from '@fairlead/core';
import type { FeatureStore } from '@fairlead/core/features';
import { optionError } from '../option-error';
import { columnarEntities, parseAnswer } from './feast-wire';

/** Options of {@link feastFeatureStore}. */
export interface FeastFeatureStoreOptions {
  /** Where Feast's feature server is, such as `http://127.0.0.1:6566`. */
  readonly url: string;
  /**
   * The feature service that knows which features there are; with it, the server is asked for all of them.
   * @default none: the server is asked for the features by name
   */
  readonly featureService?: string;
  /** Headers of every request, such as `authorization`; a function is asked each time. @default none */
  readonly headers?: Readonly<Record<string, string>> | (() => Readonly<Record<string, string>>);
  /** Most bytes that an answer may have. 1 or more. @default 16777216 (16 MiB) */
  readonly maxAnswerBytes?: number;
  /** @default globalThis.fetch */
  readonly fetch?: typeof globalThis.fetch;
}

const owner = 'feastFeatureStore';
const optionNames = ['url', 'featureService', 'headers', 'maxAnswerBytes', 'fetch'];

/**
 * Looks features up on Feast's HTTP feature server (`feast serve`). Features are named as Feast does, `view:feature`, and
 * join keys too: `entity: { driver_id: 'int64' }`. One read is one `POST /get-online-features`.
 *
 * Feast tells of each value whether it is there and when it was true, to the second, by which its age is known. It answers
 * JSON, in which whole numbers past 2^53 lose their last digits: such a value is refused where the input is an int64.
 *
 * @throws FairleadError `INVALID_OPTION`. Reads fail with `REMOTE_FAILED` where the server answers an error or not at all,
 * `PROTOCOL_ERROR` where its answer is none, `LIMIT_EXCEEDED` where that is too long, `INVALID_ARGUMENT` for entities of
 * different join keys
 */
export function feastFeatureStore(options: FeastFeatureStoreOptions): FeatureStore {
  const { url, featureService, headers = {}, maxAnswerBytes = 16 * 2 ** 20, fetch } = options ?? {};
  for (const key of Object.keys(options ?? {})) {
    if (!optionNames.includes(key))
      throw optionError(owner, key, 'no such option', (options as unknown as Record<string, unknown>)[key]);
  }
  if (!isHttpUrl(url)) throw optionError(owner, 'url', 'an address such as http://127.0.0.1:6566', url);
  if (featureService !== undefined && (typeof featureService !== 'string' || featureService === '')) {
    throw optionError(owner, 'featureService', 'the name of a feature service', featureService);
  }
  if (typeof headers !== 'function') checkHeaders(headers);
  if (!Number.isSafeInteger(maxAnswerBytes) || maxAnswerBytes < 1) {
    throw optionError(owner, 'maxAnswerBytes', 'a whole number, 1 or more', maxAnswerBytes);
  }
  if (fetch !== undefined && typeof fetch !== 'function')
    throw optionError(owner, 'fetch', 'a function like fetch', fetch);
  const address = `${url.replace(/\/+$/, '')}/get-online-features`;

  const ask = async (body: string, signal: AbortSignal | undefined): Promise<string> => {
    const own = typeof headers === 'function' ? headers() : headers;
    if (typeof headers === 'function') checkHeaders(own);
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await (fetch ?? globalThis.fetch)(address, {
          method: 'POST',
          headers: { ...own, 'content-type': 'application/json' },
          body,
          // A redirect would send keys and headers to somebody else.
          redirect: 'error',
          ...(signal === undefined ? {} : { signal }),
        });
        const text = await readText(response, maxAnswerBytes);
        if (response.ok) return text;
        throw answeredError(response.status, text);
      } catch (error) {
        if (signal?.aborted) throw abortedError(signal, 'The read of features');
        if (FairleadError.isInstance(error)) throw error;
        // The server had closed the kept connection, which it does after an error of its own. A read may be repeated.
        if (attempt === 1 && wasClosed(error)) continue;
        const reason = messageOf((error as { cause?: unknown }).cause ?? error);
        throw new FairleadError(
          'REMOTE_FAILED',
          `Feast's feature server cannot be reached: ${reason}. Is it running?`,
          {
            details: { store: 'feast' },
          },
        );
      }
    }
  };

  return {
    name: 'feast',
    isLocal: false,
    async read(entities, features, { signal }) {
      throwIfAborted(signal, 'The read of features');
      const isFull = features.some((name) => name.includes(':'));
      if (featureService === undefined) {
        const bare = features.find((name) => !name.includes(':'));
        if (bare !== undefined) throw bareName(bare);
      }
      const what = featureService === undefined ? { features } : { feature_service: featureService };
      const rest = JSON.stringify({ ...what, full_feature_names: isFull });
      const text = await ask(`{"entities":${columnarEntities(entities)},${rest.slice(1)}`, signal);
      return parseAnswer(text, features, entities.length);
    },
  };
}

function wasClosed(error: unknown): boolean {
  const code = (error as { cause?: { code?: unknown } }).cause?.code;
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE';
}

function isHttpUrl(value: unknown): value is string {
  if (typeof value !== 'string' || !URL.canParse(value)) return false;
  const { protocol, search, hash, username, password } = new URL(value);
  return ['http:', 'https:'].includes(protocol) && search + hash + username + password === '';
}

/** Never tells a value: it may be a secret. */
function checkHeaders(headers: unknown): void {
  try {
    new Headers(headers as Record<string, string>);
  } catch {
    throw new FairleadError(
      'INVALID_OPTION',
      `${owner}: option "headers" is wrong: expected an object of headers that HTTP allows.`,
      {
        details: { field: 'headers', expected: 'an object of headers that HTTP allows' },
      },
    );
  }
}

/** Reads an answer that may not be longer than allowed. */
async function readText(response: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > maxBytes) {
      throw new FairleadError(
        'LIMIT_EXCEEDED',
        `Feast answered more than ${maxBytes} bytes. Raise maxAnswerBytes, or lower maxReadEntities.`,
        {
          details: { field: 'maxAnswerBytes', expected: `at most ${maxBytes} bytes` },
        },
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function answeredError(status: number, text: string): FairleadError {
  const said = text.length > 300 ? `${text.slice(0, 297)}...` : text;
  const message = `Feast's feature server answered ${status}: ${said}`;
  return new FairleadError('REMOTE_FAILED', message, { details: { store: 'feast', status } });
}

function bareName(name: string): FairleadError {
  const expected = 'a feature as Feast names it, "view:feature"';
  return new FairleadError(
    'INVALID_ARGUMENT',
    `${owner}: expected ${expected}, given "${name}". Name its view, or give a featureService.`,
    {
      details: { field: 'features', expected, given: name },
    },
  );
}
