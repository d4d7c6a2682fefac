import {
  type CallOptions,
  closeable,
  type DeviceFallback,
  FairleadError,
  type LoadedModel,
  type ModelSignature,
  messageOf,
  type Session,
  type Tensors,
  throwIfAborted,
} from '@fairlead/core';
import { misfitOf } from './adapter-fit';
import { probeDevice, type SessionPlace, threadsFor } from './devices';
import { createFailure } from './failures';
import type { OnnxDevice, OnnxSettings } from './options';
import { loadRuntime } from './runtime';
import { signatureFrom } from './signature';
import { fromOrt, toOrt } from './tensors';

/** What a session is made of. */
export interface SessionRequest {
  readonly model: LoadedModel;
  readonly settings: OnnxSettings;
  readonly place: SessionPlace;
}

interface Refusal {
  readonly device: OnnxDevice;
  readonly error: FairleadError;
}

/**
 * Creates a session in this thread, on the first device that works.
 * @throws FairleadError `MODEL_INVALID`, `UNSUPPORTED`, `BACKEND_UNAVAILABLE`, `LIMIT_EXCEEDED`, `CONFLICT`,
 * `ABORTED`
 */
export async function createSession(request: SessionRequest, options: CallOptions): Promise<Session> {
  const { model, settings } = request;
  const refusals: Refusal[] = [];
  for (const device of settings.devices) {
    throwIfAborted(options.signal, `Loading ${model.name}`);
    try {
      return await openOn(device, request, refusals, options);
    } catch (error) {
      const failure = createFailure(error, device, model);
      // No other device can help a model that is broken, or a caller who left.
      if (failure.code !== 'BACKEND_UNAVAILABLE') throw failure;
      refusals.push({ device, error: failure });
    }
  }
  throw noDevice(refusals);
}

async function openOn(
  device: OnnxDevice,
  { model, settings, place }: SessionRequest,
  refusals: readonly Refusal[],
  options: CallOptions,
): Promise<Session> {
  const probe = await probeDevice(device, settings);
  if (!probe.available) throw new FairleadError('BACKEND_UNAVAILABLE', probe.reason);
  const misfit = probe.adapter === undefined ? undefined : await misfitOf(model.bytes, probe.adapter);
  if (misfit !== undefined) throw new FairleadError('BACKEND_UNAVAILABLE', misfit);
  // A GPU leaves the threads nothing to do.
  const { threads, reason: threadsReason } = threadsFor(device === 'webgpu' ? 1 : settings.threads, place);
  const runtime = await loadRuntime(device, { ...settings, threads });
  const session = await runtime.queue.run(() => {
    // The runtime would drop an unusable device with a line in the console, so it is asked for one at a time.
    return runtime.ort.InferenceSession.create(model.bytes, { executionProviders: [device] });
  }, options.signal);
  const fallbacks: DeviceFallback[] = refusals.map(({ device: from, error }) => ({
    from,
    to: device,
    reason: reasonOf(error),
  }));
  if (threadsReason !== undefined) {
    fallbacks.push({ from: `wasm with ${settings.threads} threads`, to: 'wasm', reason: threadsReason });
  }
  try {
    const compute: Compute = (inputs, signal) =>
      runtime.queue.run(async () => fromOrt(await session.run(toOrt(runtime.ort, inputs))), signal);
    const signature = await signatureFrom(session.inputMetadata, session.outputMetadata, compute, model.bytes);
    const release = (): Promise<void> => runtime.queue.run(() => session.release());
    return sessionOver({ signature, compute, release, device, fallbacks, name: model.name });
  } catch (error) {
    await runtime.queue.run(() => session.release());
    throw error;
  }
}

/** Computes in the runtime's turn. */
type Compute = (inputs: Tensors, signal?: AbortSignal) => Promise<Tensors>;

interface SessionParts {
  readonly signature: ModelSignature;
  readonly compute: Compute;
  readonly release: () => Promise<void>;
  readonly device: OnnxDevice;
  readonly fallbacks: readonly DeviceFallback[];
  readonly name: string;
}

function sessionOver({ signature, compute, release, device, fallbacks, name }: SessionParts): Session {
  let closed = false;
  // The queue lets what was asked for earlier end first.
  const releasing = closeable(release);
  const close = (): Promise<void> => {
    closed = true;
    return releasing.close();
  };
  return {
    ...signature,
    device,
    fallbacks,
    concurrency: 1,
    async doRun(inputs, options) {
      if (closed) throw new FairleadError('CLOSED', `The session of ${name} was closed. Create a new one.`);
      try {
        return await compute(inputs, options.signal);
      } catch (error) {
        throw runFailure(error, device, name);
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function runFailure(error: unknown, device: OnnxDevice, name: string): FairleadError {
  if (FairleadError.isInstance(error)) return error;
  return new FairleadError('RUN_FAILED', `${name} failed on ${device}: ${messageOf(error)}`, {
    cause: error,
    details: { device },
  });
}

function noDevice(refusals: readonly Refusal[]): FairleadError {
  const reasons = refusals.map(({ device, error }) => `${device}: ${reasonOf(error)}`).join('; ');
  const advice = refusals.some(({ device }) => device === 'wasm')
    ? ''
    : " Allow another one: device: ['webgpu', 'wasm'].";
  return new FairleadError('BACKEND_UNAVAILABLE', `No device that was asked for works here (${reasons}).${advice}`, {
    cause: refusals.at(-1)?.error,
    details: { field: 'device', expected: refusals.map(({ device }) => device).join(', '), given: reasons },
  });
}

/** A message as a part of a sentence. */
function reasonOf(error: FairleadError): string {
  return error.message.replace(/\.$/, '');
}
