import {
  type CallOptions,
  closeable,
  type DeviceFallback,
  FairleadError,
  type LoadedModel,
  type ModelSignature,
  messageOf,
  type Session,
  throwIfAborted,
} from '@fairlead/core';
import { misfitOf } from './adapter-fit';
import { probeDevice, type SessionPlace, threadsFor } from './devices';
import { createFailure } from './failures';
import type { OnnxDevice, OnnxSettings } from './options';
import { type OrtSession, openOrtSession } from './ort-session';
import { loadRuntime, type Runtime } from './runtime';
import { signatureFrom } from './signature';

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
  const session = await openOrtSession(runtime, device, model, options.signal);
  const fallbacks: DeviceFallback[] = refusals.map(({ device: from, error }) => ({
    from,
    to: device,
    reason: reasonOf(error),
  }));
  if (threadsReason !== undefined) {
    fallbacks.push({ from: `wasm with ${settings.threads} threads`, to: 'wasm', reason: threadsReason });
  }
  try {
    const signature = await signatureFrom(session.inputMetadata, session.outputMetadata, session.run, model.bytes);
    const opened = sessionOver({ signature, session, device, fallbacks, name: model.name });
    if (device !== 'wasm' && settings.selfTest) {
      const { mustComputeRight } = await import('./must-compute-right');
      await mustComputeRight(opened, model, () => openReference(runtime, model, signature), options);
    }
    return opened;
  } catch (error) {
    await session.release();
    throw error;
  }
}

/**
 * The same model on the CPU, by the same runtime: what it does not compute on the GPU itself it computes so as well, and
 * nothing more need be fetched. Both are there at once, but only ever one of them computes.
 */
async function openReference(runtime: Runtime, model: LoadedModel, signature: ModelSignature): Promise<Session> {
  const session = await openOrtSession(runtime, 'wasm', model);
  return sessionOver({ signature, session, device: 'wasm', fallbacks: [], name: model.name });
}

interface SessionParts {
  readonly signature: ModelSignature;
  readonly session: OrtSession;
  readonly device: OnnxDevice;
  readonly fallbacks: readonly DeviceFallback[];
  readonly name: string;
}

function sessionOver({ signature, session, device, fallbacks, name }: SessionParts): Session {
  let closed = false;
  // The queue lets what was asked for earlier end first.
  const releasing = closeable(session.release);
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
        return await session.run(inputs, options.signal);
      } catch (error) {
        throw runFailure(error, device, name);
      }
    },
    lost: session.lost,
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
