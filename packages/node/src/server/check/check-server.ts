import { FairleadError, messageOf, parseOptions } from '@fairlead/core';
import * as z from 'zod/mini';
import { checkBinary } from './binary-checks';
import type { CheckContext } from './context';
import { checkErrors } from './error-checks';
import { checkExtensions } from './extension-checks';
import { checkInfer } from './infer-checks';
import { checkModel } from './model-checks';
import { createProbe, isObject, type Probe } from './probe';
import { createRecorder, type Recorder, type ServerReport } from './report';

/** Options of {@link checkServer}. */
export interface CheckServerOptions {
  /** Name of the model that is asked. @default the first one that the server's repository index calls ready */
  readonly model?: string;
  /** Milliseconds that one request may take. 1 or more. @default 10000 */
  readonly timeoutMs?: number;
  /** Headers of every request, for a server that asks who calls: `{ authorization: 'Bearer KEY' }`. @default none */
  readonly headers?: Readonly<Record<string, string>>;
}

const schema = z.strictObject({
  model: z.optional(z.string().check(z.minLength(1))),
  timeoutMs: z.optional(z.number().check(z.gte(1), z.lte(2 ** 31 - 1))),
  // Looked at by checkHeaders, whose messages tell no values.
  headers: z.optional(z.unknown()),
});

/**
 * Tries a server, this one or any other's, against the Open Inference Protocol v2 over REST, and against those of Triton's
 * extensions that it says it offers. The model is asked by inputs that its metadata describes, of zeros, halves and short
 * strings; it is run some twenty times, and nothing is loaded or unloaded.
 *
 * @param url address in front of `/v2`
 * @throws FairleadError `INVALID_OPTION`; `INVALID_ARGUMENT` for an address that is none, or where no model is named and none is listed;
 * `REMOTE_FAILED` when nobody answers at all
 */
export async function checkServer(url: string, options?: CheckServerOptions): Promise<ServerReport> {
  const base = baseOf(url);
  const { model: named, timeoutMs = 10_000 } = parseOptions(schema, options, 'checkServer');
  const probe = createProbe(base, timeoutMs, checkHeaders(options?.headers ?? {}));
  const recorder = createRecorder();
  try {
    await probe.get('/v2/health/live');
  } catch (cause) {
    const why = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
    throw new FairleadError('REMOTE_FAILED', `Nobody answers at ${base}: ${messageOf(why)}. ${adviceFor(why)}`, {
      cause,
    });
  }
  const extensions = await checkTop(probe, recorder);
  const model = named ?? (await firstModel(probe));
  const path = `/v2/models/${encodeURIComponent(model)}`;
  const described = await checkModel(probe, recorder, model, path);
  // Without metadata nothing can be asked of the model.
  if (described !== undefined) {
    const context: CheckContext = { probe, recorder, model, path, extensions, ...described };
    await checkInfer(context);
    await checkErrors(context);
    await checkBinary(context);
    await checkExtensions(context);
  }
  const { checks } = recorder;
  return { url: base, model, passes: checks.every(({ outcome }) => outcome !== 'fail'), checks };
}

/** Health and metadata of the server. */
async function checkTop(probe: Probe, { check }: Recorder): Promise<readonly string[]> {
  for (const name of ['live', 'ready']) {
    const path = `/v2/health/${name}`;
    await check('server', `GET ${path}`, '200', async () => statusIs(200, await probe.get(path)));
  }
  let extensions: readonly string[] = [];
  await check('server', 'GET /v2', '200 with {name, version, extensions}', async () => {
    const { status, json, text } = await probe.get('/v2');
    const found = isObject(json) ? json : {};
    const isRight =
      status === 200 &&
      typeof found.name === 'string' &&
      typeof found.version === 'string' &&
      Array.isArray(found.extensions) &&
      found.extensions.every((each) => typeof each === 'string');
    if (!isRight) return `${status}: ${text.slice(0, 120)}`;
    extensions = found.extensions as string[];
    return true;
  });
  await check('server', 'a path that is none', '4xx', async () => {
    const { status } = await probe.get('/v2/there-is-no-such-path');
    return (status >= 400 && status < 500) || String(status);
  });
  return extensions;
}

function statusIs(expected: number, { status }: { readonly status: number }): true | string {
  return status === expected || String(status);
}

async function firstModel(probe: Probe): Promise<string> {
  const { json } = await probe.post('/v2/repository/index', '{}');
  const entries = Array.isArray(json) ? json.filter(isObject) : [];
  const name = entries.find(({ state }) => state === 'READY')?.name;
  if (typeof name === 'string') return name;
  const message = 'The server lists no model that is ready. Name one by --model (option "model").';
  throw new FairleadError('INVALID_ARGUMENT', message, { details: { field: 'model', expected: 'a name' } });
}

/** @throws FairleadError `INVALID_OPTION`, which quotes no value: it may be a secret */
function checkHeaders(headers: unknown): Readonly<Record<string, string>> {
  const isObject = typeof headers === 'object' && headers !== null && !Array.isArray(headers);
  const wrong = isObject ? Object.entries(headers).find((entry) => !isHeader(entry))?.[0] : '';
  if (wrong === undefined) return headers as Readonly<Record<string, string>>;
  const field = wrong === '' ? 'headers' : `headers.${wrong}`;
  const expected = wrong === '' ? 'an object of strings' : 'a header that HTTP allows';
  throw new FairleadError('INVALID_OPTION', `checkServer: option "${field}" is wrong: expected ${expected}.`, {
    details: { field, expected },
  });
}

function isHeader([name, value]: [string, unknown]): boolean {
  try {
    return typeof value === 'string' && new Headers([[name, value]]).has(name);
  } catch {
    return false;
  }
}

function baseOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed !== undefined && /^https?:$/.test(parsed.protocol)) return url.replace(/\/+$/, '');
  throw new FairleadError(
    'INVALID_ARGUMENT',
    `"${url}" is no address. Expected one such as http://127.0.0.1:8080, the part in front of /v2.`,
    { details: { field: 'url', expected: 'an http or https address', given: url } },
  );
}

/** A server whose certificate is not trusted is up, and says nothing to who does not trust it. */
function adviceFor(error: unknown): string {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  if (typeof code !== 'string' || !/CERT|ISSUER|LEAF_SIGNATURE|SELF_SIGNED/.test(code)) return 'Is the server up?';
  return 'Its certificate is not trusted here: name a file with its authority in PEM by NODE_EXTRA_CA_CERTS, and check the name in the address.';
}
