import { abortedError, FairleadError, messageOf, throwIfAborted } from '../errors';
import type { GoldenCheck } from '../golden/check-golden';
import type { CallOptions } from '../lifecycle';
import type { LoadedModel } from '../model-source';
import {
  createDeployment,
  type Deployment,
  type DeploymentParts,
  type Foresee,
  type RunRequest,
  readGolden,
} from './deployment';
import { checkInterchangeable, infoOf, labelOf } from './model-info';
import type { ModelInfo, SwapFailEvent } from './runner';
import type { SwapGate } from './swap-gate';
import { tellFallback } from './tell-fallback';

/**
 * What a swap preserves. `availability-preserving`: the new model is loaded beside the one in use, so that requests are
 * computed all the time and both are in memory for a while. `resource-preserving`: the one in use is drained and released
 * first, so that the runtime never holds more than one, and requests wait until the new one is ready.
 */
export type SwapMode = 'availability-preserving' | 'resource-preserving';

/** What a swapper is made of. */
export interface SwapperParts extends DeploymentParts {
  /** Makes the swap that releases the model before first; without it, models are loaded beside the one in use. */
  readonly createSwapInPlace: ((state: SwapState, tools: SwapTools) => Swap) | undefined;
  readonly checkGolden: boolean;
  /** A swap began, shut the gate or ended. */
  readonly onChange: () => void;
}

/** The deployment that takes requests, and what stands in its place. */
export interface SwapState {
  current: Deployment;
  closed: boolean;
  /** The swap under way. */
  progress: { readonly from: ModelInfo; readonly to: ModelInfo } | undefined;
  /** Where requests wait while a swap has released the model before. */
  gate: SwapGate | undefined;
  /** Why there is no model; undefined while there is one. */
  failure: FairleadError | undefined;
}

/** Brings another model into use, or throws. */
export type Swap = (loaded: LoadedModel, call: CallOptions) => Promise<void>;

/** What every way to swap needs. */
export interface SwapTools {
  readonly parts: SwapperParts;
  goldenOf(loaded: LoadedModel, call: CallOptions): Promise<GoldenCheck | undefined>;
  /** Loads a model that can take the place of the first one; what does not fit is closed again. */
  load(loaded: LoadedModel, golden: GoldenCheck | undefined, call: CallOptions): Promise<Deployment>;
  /** Tells that a deployment is ready. */
  announce(deployment: Deployment): void;
  switchTo(next: Deployment): void;
  /** Lets a deployment compute what it has taken, and releases it. Never rejects. */
  retire(deployment: Deployment): Promise<void>;
}

/** Keeps the deployment that takes requests, and changes it. */
export interface Swapper {
  readonly state: Readonly<SwapState>;
  readonly run: RunRequest;
  /** See {@link ModelRunner.foresee}. */
  readonly foresee: Foresee;
  /** Swaps when the swaps before it are done. */
  swap(loaded: LoadedModel, call: CallOptions): Promise<void>;
  /** As `swap`, for a model that a source announced: of several that come meanwhile only the last one counts. */
  follow(loaded: LoadedModel): void;
  /** A source failed while it was watched. */
  sourceFailed(error: unknown): void;
  /** Lets a swap under way end, answers whatever waits, and releases all. */
  close(): Promise<void>;
}

/** Loads the first model. */
export async function createSwapper(parts: SwapperParts, model: LoadedModel, options: CallOptions): Promise<Swapper> {
  const { events, logger, onChange } = parts;
  let swaps: Promise<void> = Promise.resolve();
  let announced: LoadedModel | undefined;
  /** Deployments that were told to end, and those that have not yet. */
  const retired = new WeakMap<Deployment, Promise<void>>();
  const retiring = new Set<Deployment>();

  const goldenOf: SwapTools['goldenOf'] = async (loaded, call) =>
    parts.checkGolden ? readGolden(loaded, call) : undefined;

  const load = async (
    loaded: LoadedModel,
    golden: GoldenCheck | undefined,
    call: CallOptions,
    like?: Deployment,
  ): Promise<Deployment> => {
    throwIfAborted(call.signal, 'Loading the model');
    const deployment = await createDeployment(loaded, golden, parts, call);
    try {
      if (call.signal?.aborted) throw abortedError(call.signal, 'Loading the model');
      if (like !== undefined) checkInterchangeable(like.signature, deployment.signature);
    } catch (error) {
      await deployment.close();
      throw error;
    }
    return deployment;
  };

  const announce = ({ info, loaded, device, loadMs, fallbacks }: Deployment): void => {
    for (const fallback of fallbacks()) tellFallback({ events, logger }, info, fallback);
    events.emit('model-ready', { model: info, device: device(), loadMs, loaded });
  };

  const retire = (deployment: Deployment): Promise<void> => {
    const known = retired.get(deployment);
    if (known !== undefined) return known;
    const ended = deployment
      .retire()
      .catch((error: unknown) => {
        logger.error({ error }, `${labelOf(deployment.info)} did not close cleanly: ${messageOf(error)}`);
      })
      .finally(() => retiring.delete(deployment));
    retired.set(deployment, ended);
    retiring.add(deployment);
    return ended;
  };

  /** Waits no longer for workers that are down; `retire` tells how it ended. */
  const hurry = (deployment: Deployment): void => void deployment.close().catch(() => undefined);

  const first = await load(model, await goldenOf(model, options), options);
  announce(first);
  const state: SwapState = { current: first, closed: false, progress: undefined, gate: undefined, failure: undefined };

  const switchTo = (next: Deployment): void => {
    const from = state.current.info;
    state.current = next;
    state.failure = undefined;
    announce(next);
    events.emit('model-swap', { from, to: next.info, loaded: next.loaded });
  };

  const tools: SwapTools = {
    parts,
    goldenOf,
    load: (loaded, golden, call) => load(loaded, golden, call, first),
    announce,
    switchTo,
    retire,
  };

  const swapBeside: Swap = async (loaded, call) => {
    const next = await tools.load(loaded, await goldenOf(loaded, call), call);
    if (state.closed) {
      await next.close();
      throw closedError();
    }
    const from = state.current;
    switchTo(next);
    void retire(from);
  };

  const swapAsAsked = parts.createSwapInPlace?.(state, tools) ?? swapBeside;

  const tellFailure = (error: unknown, before: Deployment, to: LoadedModel | undefined, isAwaited: boolean): void => {
    const { current, closed, failure } = state;
    if (closed) return;
    const outcome: SwapFailEvent['outcome'] = failure !== undefined ? 'lost' : current === before ? 'kept' : 'restored';
    parts.onTrouble(error);
    // Logged even where somebody listens: a listener may do no more than count.
    if (failure !== undefined) logger.error({ error: failure }, failure.message);
    else if (outcome === 'restored' || !isAwaited) {
      const stands = outcome === 'kept' ? 'stays with' : 'went back to';
      logger.error({ error }, `The runner ${stands} ${labelOf(current.info)}: ${messageOf(error)}`);
    }
    const event = { from: before.info, error, outcome };
    events.emit('model-swap-fail', to === undefined ? event : { ...event, to: infoOf(to) });
  };

  const swapNow = async (loaded: LoadedModel, call: CallOptions, isAwaited: boolean): Promise<void> => {
    if (state.closed) throw closedError();
    const { current, failure } = state;
    const isUsable = failure === undefined && current.failure() === undefined;
    if (isUsable && loaded.digest === current.info.digest && loaded.version === current.info.version) return;
    state.progress = { from: current.info, to: infoOf(loaded) };
    onChange();
    try {
      // Where there is no model, there is none to be released, and nobody waits.
      await (failure === undefined ? swapAsAsked : swapBeside)(loaded, call);
    } catch (error) {
      tellFailure(error, current, loaded, isAwaited);
      throw error;
    } finally {
      state.progress = undefined;
      onChange();
    }
  };

  /** One swap at a time, in the order in which they were asked for. */
  const enqueue = (task: () => Promise<void>): Promise<void> => {
    const result = swaps.then(task);
    swaps = result.catch(() => undefined);
    return result;
  };

  return {
    state,
    run(inputs, runOptions) {
      if (state.closed) return Promise.reject(closedError());
      if (state.gate !== undefined) return state.gate.run(inputs, runOptions);
      if (state.failure === undefined) return state.current.run(inputs, runOptions);
      events.emit('request-fail', { model: state.current.info, code: state.failure.code, rows: 0 });
      return Promise.reject(state.failure);
    },
    foresee(runOptions) {
      if (state.closed || state.gate !== undefined || state.failure !== undefined) return undefined;
      return state.current.foresee(runOptions);
    },
    swap: (loaded, call) => enqueue(() => swapNow(loaded, call, true)),
    follow(loaded) {
      announced = loaded;
      const swapIfLast = async (): Promise<void> => {
        if (announced === loaded && !state.closed) await swapNow(loaded, {}, false);
      };
      enqueue(swapIfLast).catch(() => undefined); // It has been told where it failed.
    },
    sourceFailed: (error) => tellFailure(error, state.current, undefined, false),
    async close() {
      state.closed = true;
      for (const deployment of retiring) hurry(deployment);
      await swaps;
      void retire(state.current);
      hurry(state.current);
      await Promise.all([...retiring].map(retire));
    },
  };
}

/** The error of work that comes after close. */
export function closedError(): FairleadError {
  return new FairleadError('CLOSED', 'The runner was closed. Make a new one with createRunner.');
}
