import { deadlineError, deadlineOf, noDeadline } from '../deadline';
import { FairleadError, messageOf } from '../errors';
import { createEvents, type EventSource } from '../events';
import { closeable } from '../lifecycle';
import { byName, compileDoor } from '../runner/door';
import type { ModelInfo, ModelRunner, RunnerEventMap, RunOptions, RunResult } from '../runner/runner';
import { decodeInferResponse, encodeInferRequest, type InferResponse } from '../serving/open-inference/messages';
import { decodeMetadata } from '../serving/open-inference/metadata';
import { timeoutHeader } from '../serving/request-deadline';
import type { AnySignature, ModelSignature } from '../signature';
import { readJson } from '../tensor/json/lenient-json';
import type { Tensor, Tensors } from '../tensor/tensor';
import { exchange } from './exchange';
import { createInFlight } from './in-flight';
import { parseRemoteOptions, type RemoteOptions, type RemoteSettings } from './options';

/**
 * Connects to a model on a server of the Open Inference Protocol v2 (Fairlead's own, Triton, MLServer, KServe): the
 * runner that comes back takes and answers what a local one does, over JSON.
 *
 * Inputs are checked here, against the signature from the server's metadata, before anything is sent. What is left of a
 * request's time travels in header `x-request-timeout-ms` and parameter `timeout`, so that the server does not compute
 * for nobody; an abort ends the exchange. `timing.computeMs` is the whole round trip as measured here and `queueMs` is
 * 0; `model.digest` is empty where the server does not tell it; `batchSize` counts the rows of this request alone.
 *
 * Every finite number arrives as it was sent, integers past 2^53 too. NaN and the infinities travel as the strings "NaN",
 * "Infinity" and "-Infinity"; in answers, bare tokens and `null` (NaN) are understood as well.
 *
 * @throws FairleadError `INVALID_OPTION`; `NOT_FOUND` when the server has no such model or version; `REMOTE_FAILED`,
 * `PROTOCOL_ERROR`, `DEADLINE_EXCEEDED`, `ABORTED`. Its `run` rejects with `INVALID_INPUT`, `OVERLOADED` (with
 * `retryAfterMs`), `DEADLINE_EXCEEDED`, `ABORTED`, `CLOSED`, `LIMIT_EXCEEDED`, `NOT_FOUND`, `PROTOCOL_ERROR` or
 * `REMOTE_FAILED`
 */
export async function remote<S extends AnySignature = AnySignature>(options: RemoteOptions): Promise<ModelRunner<S>> {
  const settings = parseRemoteOptions(options);
  const { signature, digest, version } = await fetchMetadata(settings);
  const info: ModelInfo = { name: settings.model, version, digest };
  return createRemoteRunner(settings, signature, info) as unknown as ModelRunner<S>;
}

interface Described {
  readonly signature: ModelSignature;
  readonly digest: string;
  readonly version: string;
}

async function fetchMetadata(settings: RemoteSettings): Promise<Described> {
  const { modelUrl, clock, signal } = settings;
  const what = `The server of model "${settings.model}"`;
  const deadline = clock.now() + settings.timeoutMs;
  const text = await exchange({ url: modelUrl, what, method: 'GET', deadline, signal }, settings);
  const { versions, digest, signature: stated } = readJson(text, decodeMetadata);
  const signature = settings.signature ?? stated;
  if (signature === undefined) {
    throw new FairleadError(
      'PROTOCOL_ERROR',
      `${what} does not describe the tensors of the model. Give remote() the option "signature".`,
    );
  }
  return { signature, digest, version: settings.version ?? versions.at(-1) ?? '' };
}

function createRemoteRunner(settings: RemoteSettings, signature: ModelSignature, first: ModelInfo): ModelRunner {
  const { clock, maxResponseBytes } = settings;
  const events: EventSource<RunnerEventMap> = createEvents(settings.logger, settings.on);
  const door = compileDoor(signature);
  const inFlight = createInFlight(settings.maxConcurrent);
  const what = `The server of model "${settings.model}"`;
  const url = `${settings.modelUrl}/infer`;
  let model = first;

  const send = async (tensors: readonly Tensor[], deadline: number, options: RunOptions): Promise<InferResponse> => {
    const timeoutMs = deadline - clock.now();
    if (timeoutMs <= 0) throw deadlineError('before it was sent');
    const body = encodeInferRequest(signature.inputs, tensors, { timeoutMs, priority: options.priority ?? 'normal' });
    const headers = { 'content-type': 'application/json', [timeoutHeader]: String(Math.max(1, Math.floor(timeoutMs))) };
    const text = await exchange(
      { url, what, method: 'POST', headers, body, deadline, signal: options.signal },
      settings,
    );
    return readAnswer(text, signature, maxResponseBytes, what);
  };

  const run = async (inputs: Readonly<Record<string, unknown>>, options: RunOptions = {}): Promise<RunResult> => {
    let rows = 0;
    let leave: (() => void) | undefined;
    const startedAt = clock.now();
    try {
      const given = deadlineOf(options, clock);
      const deadline = given === noDeadline ? startedAt + settings.timeoutMs : given;
      // Nothing is awaited before the body is written, so a caller may reuse its arrays at once.
      leave = inFlight.enter();
      const admitted = door(inputs);
      rows = admitted.rows;
      const kept = events.listenerCount('batch-end') > 0 ? copyTensors(signature, admitted.tensors) : undefined;
      const answer = await send(admitted.tensors, deadline, options);
      model = modelOf(answer, model);
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
      events.emit('request-fail', { model, code: failure.code, rows });
      throw failure;
    } finally {
      leave?.();
    }
  };

  const release = closeable(async () => {
    await inFlight.whenEmpty();
    events.clear();
  });
  const close = (): Promise<void> => {
    inFlight.shut();
    return release.close();
  };

  return {
    signature,
    get model() {
      return model;
    },
    events,
    run: (inputs, options) => run(inputs, options),
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

function readAnswer(text: string, signature: ModelSignature, maxElements: number, what: string): InferResponse {
  try {
    return readJson(text, (message) => decodeInferResponse(message, signature, maxElements));
  } catch (error) {
    // What the decoder calls an input is, seen from here, the server's answer.
    if (!FairleadError.isInstance(error)) throw error;
    const message = `${what} answered something that does not fit the model's signature. ${error.message}`;
    throw new FairleadError('PROTOCOL_ERROR', message, { cause: error, details: error.details });
  }
}
