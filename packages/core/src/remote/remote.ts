import type { Clock } from '../clock';
import { deadlineError, deadlineOf, noDeadline } from '../deadline';
import { FairleadError, messageOf, throwIfAborted } from '../errors';
import { createEvents, type EventListeners, type EventSource } from '../events';
import { type CallOptions, closeable } from '../lifecycle';
import type { Logger } from '../logger';
import { isLocalOnly } from '../privacy';
import { checkedKey } from '../rollouts/checked-arguments';
import type { RolloutRunOptions } from '../rollouts/result';
import { checkReward } from '../rollouts/rewards/check-reward';
import type { RewardTime } from '../rollouts/rewards/decision-log';
import type { RolloutRewardOutcome } from '../rollouts/rewards/rollout-rewards';
import { byName, compileDoor } from '../runner/door';
import type { ModelInfo, ModelRunner, RunnerEventMap, RunnerHealth, RunResult } from '../runner/runner';
import type { Assignment } from '../serving/host/assignment';
import type { AnySignature, InputsOf, ModelSignature } from '../signature';
import type { Tensor, Tensors } from '../tensor/tensor';
import { exchange } from './exchange';
import { createInFlight } from './in-flight';
import { parseRemoteOptions, type RemoteOptions } from './options';
import { createRemoteHealth } from './remote-health';
import type { RemoteAnswer, RemoteConnection } from './remote-protocol';

/** How a remote runner is connected; a plain object that survives JSON, without headers. */
export interface RemoteDescription {
  /** Address of the model. */
  readonly url: string;
  readonly model: ModelInfo;
  /** How tensors travel: `binary` or `json`. */
  readonly encoding: string;
  /** Requests in flight. */
  readonly inFlight: number;
}

/** The answer of a model on a server. */
export interface RemoteResult<S extends AnySignature = AnySignature> extends RunResult<S> {
  /** The decision of a rollout on the server, for `reward()`; absent where the server names none. */
  readonly rollout?: { readonly decisionId: string };
}

/** Options of one reward to a rollout on a server. */
export interface RemoteRewardOptions extends RewardTime, CallOptions {
  /** Milliseconds that telling may take. More than 0. @default the option `timeoutMs` of the runner */
  readonly timeoutMs?: number;
}

/** A model on a server. */
export interface RemoteRunner<S extends AnySignature = AnySignature> extends ModelRunner<S> {
  /**
   * As of every runner. `key`, or `assignmentKey`, and `context` travel to servers that say they have a rollout under this name, and to no
   * others.
   */
  run(inputs: InputsOf<S>, options?: RolloutRunOptions): Promise<RemoteResult<S>>;
  /**
   * Tells a rollout on the server what a decision earned: `result.rollout.decisionId` names it. The first reward counts, so it may be told
   * again where the answer was lost.
   * @throws FairleadError as `reward` of a rollout: `NOT_FOUND`, `INVALID_ARGUMENT`, `CONFLICT`, `UNSUPPORTED`, also where the protocol has no
   * place for it; and as `run`
   */
  reward(decisionId: string, value: number, options?: RemoteRewardOptions): Promise<RolloutRewardOutcome>;
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
 * Connects to a model on a server, of the Open Inference Protocol v2 (Fairlead's own, Triton, MLServer, KServe) or of another
 * `protocol`: the runner that comes back takes and answers what a local one does. Tensors travel as bytes where the server offers
 * that, else as JSON.
 *
 * Inputs are checked here, against the signature from the server's metadata, before anything is sent. What is left of a
 * request's time travels with it where the protocol has a place for it, so that the server does not compute for nobody; an abort
 * ends the exchange. `timing.computeMs` is the whole round trip as measured here and `queueMs` is 0; `model.digest` is empty where
 * the server does not tell it; `batchSize` counts the rows of this request alone.
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
  const { url, model, version, signature, maxResponseBytes, clock } = settings;
  const what = serverOf(model);
  const connection = settings.protocol.connect({
    url,
    model,
    version,
    signature,
    maxResponseBytes,
    clock,
    what,
    send: (request) => exchange({ what, ...request }, settings),
  });
  return (await connectRunner(connection, settings)) as unknown as RemoteRunner<S>;
}

/** What keeps a remote runner going, whatever its connection speaks. */
export interface RemoteRunnerSettings {
  /** The model's name on its server. */
  readonly model: string;
  /** Version that must answer. */
  readonly version: string | undefined;
  /** The signature that the user gave. */
  readonly signature: ModelSignature | undefined;
  /** Milliseconds for requests whose callers give none, and for asking what the model is. */
  readonly timeoutMs: number;
  /** Requests in flight at once. */
  readonly maxConcurrent: number;
  /** Ends the asking what the model is. */
  readonly signal: AbortSignal | undefined;
  readonly on: EventListeners<RunnerEventMap>;
  readonly logger: Logger;
  readonly clock: Clock;
}

/**
 * Makes a runner over a connection, for transports that `remote` does not know: it checks inputs at the door, bounds what is in
 * flight, and keeps deadlines, events, health and closing.
 *
 * @throws FairleadError `PROTOCOL_ERROR` where neither server nor user describes the tensors, and whatever `describe` rejects with
 */
export async function connectRunner(
  connection: RemoteConnection,
  settings: RemoteRunnerSettings,
): Promise<RemoteRunner> {
  const { clock, signal, timeoutMs } = settings;
  const described = await connection.describe({ deadline: clock.now() + timeoutMs, signal });
  const signature = settings.signature ?? described.signature;
  if (signature === undefined) {
    throw new FairleadError(
      'PROTOCOL_ERROR',
      `${serverOf(settings.model)} does not describe the tensors of the model. Give remote() the option "signature".`,
    );
  }
  const version = settings.version ?? described.version;
  return createRemoteRunner(connection, settings, signature, {
    name: settings.model,
    version,
    digest: described.digest,
  });
}

/** How messages name the server. */
export function serverOf(model: string): string {
  return `The server of model "${model}"`;
}

function createRemoteRunner(
  connection: RemoteConnection,
  settings: RemoteRunnerSettings,
  signature: ModelSignature,
  first: ModelInfo,
): RemoteRunner {
  const { clock } = settings;
  const events: EventSource<RunnerEventMap> = createEvents(settings.logger, settings.on);
  const door = compileDoor(signature);
  const inFlight = createInFlight(settings.maxConcurrent);
  const health = createRemoteHealth(clock);
  let rowsInFlight = 0;
  const what = serverOf(settings.model);
  let model = first;

  const send = async (
    { tensors, rows }: { readonly tensors: readonly Tensor[]; readonly rows: number },
    deadline: number,
    options: RolloutRunOptions,
  ): Promise<RemoteAnswer> => {
    const { priority = 'normal', signal } = options;
    const assignment = assignmentOf(options);
    const timeoutMs = deadline - clock.now();
    if (timeoutMs <= 0) throw deadlineError('before it was sent');
    const request = { signature, tensors, rows, priority, timeoutMs, deadline, signal };
    return connection.infer(assignment === undefined ? request : { ...request, assignment });
  };

  const run = async (
    inputs: Readonly<Record<string, unknown>>,
    options: RolloutRunOptions = {},
  ): Promise<RemoteResult> => {
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
      const answer = await send(admitted, deadline, options);
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
      const result = { outputs: answer.outputs, model, timing: { queueMs: 0, computeMs }, batchSize: rows };
      const { decisionId } = answer;
      return decisionId === undefined ? result : { ...result, rollout: { decisionId } };
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

  /** Says nothing of how the model stands. */
  const reward: RemoteRunner['reward'] = async (decisionId, value, given = {}) => {
    const at = checkReward(decisionId, value, given, clock.epochMs());
    const { signal, timeoutMs } = given;
    if (connection.reward === undefined) throw noRewards(what);
    const leave = inFlight.enter();
    try {
      const deadline = clock.now() + (timeoutMs ?? settings.timeoutMs);
      return await connection.reward({ decisionId, value, at, deadline, signal });
    } finally {
      leave();
    }
  };

  const standing = (): RunnerHealth => health.assess(model, inFlight.count, rowsInFlight);
  const checkHealth = async ({ signal }: CallOptions = {}): Promise<RunnerHealth> => {
    throwIfAborted(signal, 'The check');
    const leave = inFlight.enter();
    try {
      await connection.checkReady({ deadline: clock.now() + settings.timeoutMs, signal });
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
    await connection.close?.();
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
    reward,
    health: standing,
    checkHealth,
    describe: () => ({
      url: connection.url,
      model,
      encoding: connection.encoding,
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
function modelOf(answer: RemoteAnswer, known: ModelInfo): ModelInfo {
  const version = answer.modelVersion ?? known.version;
  const digest = answer.digest ?? (version === known.version ? known.digest : '');
  if (version === known.version && digest === known.digest) return known;
  return { name: known.name, version, digest };
}

/** What of a request's options a rollout assigns by. */
function assignmentOf({ assignmentKey, key, context }: RolloutRunOptions): Assignment | undefined {
  const unit = checkedKey(assignmentKey ?? key);
  if (unit === undefined && context === undefined) return undefined;
  return { ...(unit !== undefined && { key: unit }), ...(context !== undefined && { context }) };
}

function noRewards(what: string): FairleadError {
  return new FairleadError(
    'UNSUPPORTED',
    `${what} takes no rewards by this protocol. Tell them over HTTP, by remote() with openInferenceClient().`,
    { details: { field: 'protocol', expected: 'open-inference over HTTP' } },
  );
}

function mustStay(name: string): FairleadError {
  return new FairleadError(
    'UNSUPPORTED',
    `The request must stay on the device (privacy: 'local-only'), and model "${name}" is on a server. Nothing was sent; ask a local runner.`,
    { details: { field: 'privacy', expected: 'cloud-allowed', given: 'local-only' } },
  );
}
