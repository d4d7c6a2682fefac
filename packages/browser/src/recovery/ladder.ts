import {
  type Clock,
  type DeviceFallback,
  FairleadError,
  type LoadedModel,
  messageOf,
  type WorkerModule,
} from '@fairlead/core';
import type { DeviceBreaker } from './device-breaker';
import type { RecoverySettings } from './options';
import type { OpenWorkerLane, WorkerLane } from './worker-lane';

/** What the ladder of a lane is made of. */
export interface LadderParts {
  readonly model: LoadedModel;
  /** The devices that were asked for, in order. */
  readonly devices: readonly string[];
  /** What a worker imports to try these devices, in order. */
  readonly moduleFor: (devices: readonly string[]) => WorkerModule;
  readonly openWorker: OpenWorkerLane;
  readonly settings: RecoverySettings;
  readonly breaker: DeviceBreaker;
  readonly clock: Clock;
}

/** A worker on the device where it ended up, and why it is not on another. */
export interface Rung {
  readonly lane: WorkerLane;
  readonly fallbacks: readonly DeviceFallback[];
}

/** The devices of one lane, from the one that was asked for first to the last resort. */
export interface Ladder {
  /**
   * Opens a session in a new worker, on the first device that works and is not left alone.
   * @throws FairleadError `BACKEND_UNAVAILABLE` when no device is left, `ABORTED`, or what opening it threw
   */
  open(onLost: (error: unknown) => void, signal: AbortSignal | undefined): Promise<Rung>;
  /** A worker was lost on a device: the second time in a row, or the first on trial, the page leaves a GPU alone. */
  strike(device: string, error: unknown): void;
}

/** Losses of a GPU after which it is left alone: it is tried once more, and not twice. */
const mostStrikes = 2;
/** Milliseconds that opening on a GPU may take. */
const gpuLoadTimeoutMs = 120_000;

/** Whether a device is a graphics card, which can be lost or compute wrongly, and not the CPU. */
export function isGpu(device: string | undefined): boolean {
  return device === 'webgpu' || device === 'webgl';
}

/** Makes the ladder of one lane. */
export function createLadder({ model, devices, moduleFor, openWorker, settings, breaker, clock }: LadderParts): Ladder {
  const strikes = new Map<string, { readonly count: number; readonly at: number }>();

  const strike = (device: string, error: unknown): void => {
    if (!isGpu(device)) return;
    const now = clock.now();
    const before = strikes.get(device);
    const isAgain = before !== undefined && now - before.at <= settings.coolDownMs;
    const count = breaker.isOnTrial(device) ? mostStrikes : 1 + (isAgain ? before.count : 0);
    strikes.set(device, { count, at: now });
    if (count < mostStrikes) return;
    strikes.delete(device);
    breaker.trip(device, `it was lost again (${clauseOf(error)})`, settings.coolDownMs);
  };

  /** Opens on the first of some devices that works there; all are tried in one worker. */
  const openWithin = async (
    tried: readonly string[],
    onLost: (error: unknown) => void,
    signal: AbortSignal | undefined,
  ): Promise<WorkerLane> => {
    const timeoutMs = settings.loadTimeoutMs ?? (isGpu(tried[0]) ? gpuLoadTimeoutMs : undefined);
    const stop = new AbortController();
    const onAbort = (): void => stop.abort(signal?.reason);
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    let isLate = false;
    const timer =
      timeoutMs === undefined
        ? undefined
        : clock.setTimer(() => {
            isLate = true;
            stop.abort();
          }, timeoutMs);
    try {
      return await openWorker(moduleFor(tried), model, { signal: stop.signal, onLost });
    } catch (error) {
      if (!isLate || signal?.aborted) throw error;
      throw new FairleadError(
        'BACKEND_UNAVAILABLE',
        `${model.name} did not load on ${tried[0]} within ${timeoutMs} ms. Raise recovery.loadTimeoutMs where downloads are slow.`,
        { cause: error, details: { reason: 'timeout', device: tried[0] } },
      );
    } finally {
      timer?.clear();
      signal?.removeEventListener('abort', onAbort);
    }
  };

  return {
    strike,
    async open(onLost, signal) {
      const refusals: Omit<DeviceFallback, 'to'>[] = [];
      let left = devices;
      for (;;) {
        left = left.filter((device) => {
          const reason = breaker.refusal(device);
          if (reason !== undefined) refusals.push({ from: device, reason });
          return reason === undefined;
        });
        const [first] = left;
        if (first === undefined) throw noDevice(refusals);
        try {
          const lane = await openWithin(left, onLost, signal);
          const { device, fallbacks } = lane.session;
          return { lane, fallbacks: [...refusals.map((refusal) => ({ ...refusal, to: device })), ...fallbacks] };
        } catch (error) {
          // A worker that answers says itself which devices it tried; one that dies or hangs does not.
          if (signal?.aborted || !isGpu(first) || !endedByItself(error)) throw error;
          strike(first, error);
          refusals.push({ from: first, reason: clauseOf(error) });
          left = left.slice(1);
        }
      }
    },
  };
}

function endedByItself(error: unknown): boolean {
  if (FairleadError.isInstance(error, 'LANE_LOST')) return true;
  return FairleadError.isInstance(error) && error.details.reason === 'timeout';
}

function noDevice(refusals: readonly Omit<DeviceFallback, 'to'>[]): FairleadError {
  const given = refusals.map(({ from, reason }) => `${from}: ${reason}`).join('; ');
  const advice = refusals.some(({ from }) => from === 'wasm') ? '' : ' Allow wasm as well, which every browser has.';
  return new FairleadError('BACKEND_UNAVAILABLE', `No device that was asked for can be had (${given}).${advice}`, {
    details: { field: 'device', expected: refusals.map(({ from }) => from).join(', '), given },
  });
}

/** A message as a part of a sentence. */
export function clauseOf(error: unknown): string {
  return messageOf(error).replace(/\.$/, '');
}
