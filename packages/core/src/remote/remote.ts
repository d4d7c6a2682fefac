import { deadlineError, deadlineOf, noDeadline } from '../deadline';
import { FairleadError, messageOf, throwIfAborted } from '../errors';
import { createEvents, type EventSource } from '../events';
import { type CallOptions, closeable } from '../lifecycle';
import { isLocalOnly } from '../privacy';
import { byName, compileDoor } from '../runner/door';
import type { ModelInfo, ModelRunner, RunnerEventMap, RunnerHealth, RunOptions, RunResult } from '../runner/runner';
import { joinBody, jsonLengthHeader, splitBody } from '../serving/open-inference/binary';
import {
  decodeInferResponse,
  encodeInferRequest,
  type InferRequestParameters,
  type InferResponse,
} from '../serving/open-inference/messages';
import { decodeMetadata } from '../serving/open-inference/metadata';
import { timeoutHeader } from '../serving/request-deadline';
import type { AnySignature, ModelSignature } from '../signature';
import { readJson } from '../tensor/json/lenient-json';
import type { Tensor, Tensors } from '../tensor/tensor';
import { type Exchange, type ExchangeAnswer, exchange } from './exchange';
import { createInFlight } from './in-flight';
import { parseRemoteOptions, type RemoteOptions, type RemoteSettings } from './options';
import { createRemoteHealth } from './remote-health';

/** How a remote runner is connected; a plain object that survives JSON, without headers. */
export interface RemoteDescription {
  /** Address of the model. */
  readonly url: string;
  readonly model: ModelInfo;
  /** How tensors travel. */
  readonly encoding: 'binary' | 'json';
  /** Requests in flight. */
  readonly inFlight: number;
}

/** A model on a server. */
export interface RemoteRunner<S extends AnySignature = AnySignature> extends ModelRunner<S> {
  /**
   * How the server stands, by how the last requests ended; nothing is sent. It is `failed` after three failures in a row,
   * until ten seconds have passed in which the next request may find out.
   */
  health(): RunnerHealth;
  /**
   * Asks the server whether the model is ready (`GET …/ready`), which counts for `health()` too.
   * @throws FairleadError `ABORTED`, `CLOSED`
   */
  checkHealth(options?: CallOptions): Promise<RunnerHealth>;
  describe(): RemoteDescription;
}

/**
 * Connects to a model on a server of the Open Inference Protocol v2 (Fairlead's own, Triton, MLServer, KServe): the
 * runner that comes back takes and answers what a local one does. Tensors travel as bytes where the server offers that, else
 * as JSON.
 *
 * Inputs are checked here, against the signature from the server's metadata, before anything is sent. What is left of a
 * request's time travels in header `x-request-timeout-ms` and parameter `timeout`, so that the server does not compute
 * for nobody; an abort ends the exchange. `timing.computeMs` is the whole round trip as measured here and `queueMs` is
 * 0; `model.digest` is empty where the server does not tell it; `batchSize` counts the rows of this request alone.
 *
 * As bytes, every element arrives bit for bit; strings travel as JSON. There every finite number arrives as it was sent,
 * integers past 2^53 too; NaN and the infinities travel as the strings "NaN", "Infinity" and "-Infinity"; in answers, bare
 * tokens and `null` (NaN) are understood as well.
 *
 * Nothing is tried twice here: `withRetry` does that, for failures that pass and after the `Retry-After` of the server. A
 * request with `privacy: 'local-only'` is refused before anything is sent. No error holds a value of `headers`.
 *
 * @throws FairleadError `INVALID_OPTION`; `NOT_FOUND` when the server has no such model or version; `REMOTE_FAILED`,
 * `PROTOCOL_ERROR`, `DEADLINE_EXCEEDED`, `ABORTED`. Its `run` rejects with `INVALID_INPUT`, `OVERLOADED` (with
 * `retryAfterMs`), `DEADLINE_EXCEEDED`, `ABORTED`, `CLOSED`, `LIMIT_EXCEEDED`, `NOT_FOUND`, `PROTOCOL_ERROR`, `UNSUPPORTED` or
 * `REMOTE_FAILED`
 */
export async function remote<S extends AnySignature = AnySignature>(options: RemoteOptions): Promise<RemoteRunner<S>> {
  const settings = parseRemoteOptions(options);
  const described = await fetchMetadata(settings);
  return createRemoteRunner(settings, described) as unknown as RemoteRunner<S>;
}

const utf8 = new TextDecoder();

interface Described {
  readonly signature: ModelSignature;
  readonly model: ModelInfo;
  readonly binary: boolean;
}

async function fetchMetadata(settings: RemoteSettings): Promise<Described> {
  const { modelUrl, clock, signal } = settings;
  const what = `The server of model "${settings.model}"`;
  const deadline = clock.now() + settings.timeoutMs;
  const answer = await exchange({ url: modelUrl, what, method: 'GET', deadline, signal }, settings);
  const { versions, digest, signature: stated, binary } = readJson(utf8.decode(answer.bytes), decodeMetadata);
  const signature = settings.signature ?? stated;
  if (signature === undefined) {
    throw new FairleadError(
      'PROTOCOL_ERROR',
      `${what} does not describe the tensors of the model. Give remote() the option "signature".`,
    );
  }
  const model = { name: settings.model, version: settings.version ?? versions.at(-1) ?? '', digest };
  return { signature, model, binary: settings.encoding === 'auto' ? binary : settings.encoding === 'binary' };
}

function createRemoteRunner(settings: RemoteSettings, { signature, model: first, binary }: Described): RemoteRunner {
  const { clock, maxResponseBytes } = settings;
  const events: EventSource<RunnerEventMap> = createEvents(settings.logger, settings.on);
  const door = compileDoor(signature);
  const inFlight = createInFlight(settings.maxConcurrent);
  const health = createRemoteHealth(clock);
  let rowsInFlight = 0;
  const what = `The server of model "${settings.model}"`;
  const url = `${settings.modelUrl}/infer`;
  let model = first;

  const send = async (tensors: readonly Tensor[], deadline: number, options: RunOptions): Promise<InferResponse> => {
    const timeoutMs = deadline - clock.now();
    if (timeoutMs <= 0) throw deadlineError('before it was sent');
    const message = writeRequest(signature, tensors, { timeoutMs, priority: options.priority ?? 'normal' }, binary);
    const headers = { ...message.headers, [timeoutHeader]: String(Math.max(1, Math.floor(timeoutMs))) };
    const { body } = message;
    const answer = await exchange(
      { url, what, method: 'POST', headers, body, deadline, signal: options.signal },
      settings,
    );
    return readAnswer(answer, signature, maxResponseBytes, what);
  };

  const run = async (inputs: Readonly<Record<string, unknown>>, options: RunOptions = {}): Promise<RunResult> => {
    let rows = 0;
    let leave: (() => void) | undefined;
    const startedAt = clock.now();
    try {
      if (isLocalOnly(options.privacy)) throw mustStay(settings.model);
      const given = deadlineOf(options, clock);
      const deadline = given === noDeadline ? startedAt + settings.timeoutMs : given;
      // Nothing is awaited before the body is written, so a caller may reuse its arrays at once.
      leave = inFlight.enter();
      const admitted = door(inputs);
      rows = admitted.rows;
      rowsInFlight += rows;
      const kept = events.listenerCount('batch-end') > 0 ? copyTensors(signature, admitted.tensors) : undefined;
      const answer = await send(admitted.tensors, deadline, options);
      model = modelOf(answer, model);
      health.answered();
      const computeMs = clock.now() - startedAt;
      if (kept !== undefined) {
        const times = { queueMs: [0], computeMs, rows, requests: 1 };
        events.emit('batch-end', {
          model,
          lane: 'remote',
          reason: 'idle',
          ...times,
          inputs: kept,
          outputs: answer.outputs,
        });
      }
      return { outputs: answer.outputs, model, timing: { queueMs: 0, computeMs }, batchSize: rows };
    } catch (error) {
      const failure = FairleadError.isInstance(error)
        ? error
        : new FairleadError('REMOTE_FAILED', `${what} could not be asked: ${messageOf(error)}`, { cause: error });
      health.failed(failure);
      events.emit('request-fail', { model, code: failure.code, rows });
      throw failure;
    } finally {
      rowsInFlight -= rows;
      leave?.();
    }
  };

  const standing = (): RunnerHealth => health.assess(model, inFlight.count, rowsInFlight);
  const checkHealth = async ({ signal }: CallOptions = {}): Promise<RunnerHealth> => {
    throwIfAborted(signal, 'The check');
    const leave = inFlight.enter();
    try {
      const deadline = clock.now() + settings.timeoutMs;
      const request: Exchange = { url: `${settings.modelUrl}/ready`, what, method: 'GET', deadline, signal };
      await exchange(request, settings);
      health.answered();
    } catch (error) {
      throwIfAborted(signal, 'The check');
      // A server that is too busy, or says that it is not ready, is not ready all the same.
      health.failed(
        FairleadError.isInstance(error, 'OVERLOADED')
          ? new FairleadError('REMOTE_FAILED', error.message, { cause: error })
          : error,
      );
    } finally {
      leave();
    }
    return standing();
  };

  const release = closeable(async () => {
    await inFlight.whenEmpty();
    events.clear();
  });
  const close = (): Promise<void> => {
    inFlight.shut();
    health.close();
    return release.close();
  };

  return {
    signature,
    get model() {
      return model;
    },
    events,
    run: (inputs, options) => run(inputs, options),
    health: standing,
    checkHealth,
    describe: () => ({
      url: settings.modelUrl,
      model,
      encoding: binary ? 'binary' : 'json',
      inFlight: inFlight.count,
    }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** For listeners of a batch that ends later: the caller may have reused its arrays by then. */
function copyTensors(signature: ModelSignature, tensors: readonly Tensor[]): Tensors {
  const copies = tensors.map((tensor) => ({ ...tensor, data: tensor.data.slice() }) as Tensor);
  return byName(signature.inputs, copies);
}

/** The model as the answer names it; the same object as long as nothing changed. */
function modelOf(answer: InferResponse, known: ModelInfo): ModelInfo {
  const version = answer.modelVersion ?? known.version;
  const digest = answer.digest ?? (version === known.version ? known.digest : '');
  if (version === known.version && digest === known.digest) return known;
  return { name: known.name, version, digest };
}

interface Message {
  readonly body: string | Uint8Array<ArrayBuffer>;
  readonly headers: Readonly<Record<string, string>>;
}

function writeRequest(
  signature: ModelSignature,
  tensors: readonly Tensor[],
  parameters: InferRequestParameters,
  binary: boolean,
): Message {
  if (!binary) {
    const body = encodeInferRequest(signature.inputs, tensors, parameters);
    return { body, headers: { 'content-type': 'application/json' } };
  }
  // Strings stay in the JSON, which carries any of them; bytes would have to be UTF-8.
  const texts = new Set(signature.inputs.filter(({ dtype }) => dtype === 'string').map(({ name }) => name));
  const parts: Uint8Array[] = [];
  const outputs = signature.outputs.map(({ name, dtype }) => ({ name, binary: dtype !== 'string' }));
  const wants = (name: string): boolean => !texts.has(name);
  const json = encodeInferRequest(signature.inputs, tensors, { ...parameters, outputs }, { wants, parts });
  const { body, jsonLength } = joinBody(json, parts);
  return { body, headers: { 'content-type': 'application/octet-stream', [jsonLengthHeader]: String(jsonLength) } };
}

function mustStay(name: string): FairleadError {
  return new FairleadError(
    'UNSUPPORTED',
    `The request must stay on the device (privacy: 'local-only'), and model "${name}" is on a server. Nothing was sent; ask a local runner.`,
    { details: { field: 'privacy', expected: 'cloud-allowed', given: 'local-only' } },
  );
}

function readAnswer(
  { bytes, header }: ExchangeAnswer,
  signature: ModelSignature,
  maxElements: number,
  what: string,
): InferResponse {
  try {
    const { json, binary } = splitBody(bytes, header(jsonLengthHeader));
    return readJson(utf8.decode(json), (message) => decodeInferResponse(message, signature, maxElements, binary));
  } catch (error) {
    // What the decoder calls an input is, seen from here, the server's answer.
    if (!FairleadError.isInstance(error)) throw error;
    const message = `${what} answered something that does not fit the model's signature. ${error.message}`;
    throw new FairleadError('PROTOCOL_ERROR', message, { cause: error, details: error.details });
  }
}
