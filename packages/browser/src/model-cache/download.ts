import { abortedError, type Clock, FairleadError } from '@fairlead/core';
import { checkIsBinary } from '../model/check-binary';
import { brokenOff, refused, type SizeLimit, type Target, unreachable } from '../model/fetch-failures';
import type { Tell } from './cache-events';
import {
  type Continuation,
  canContinue,
  continuationHeaders,
  totalOf,
  validatorsOf,
  whyNotTheRest,
  whyTheWhole,
} from './continuation';
import { createIncomingBytes } from './incoming-bytes';
import type { FileRecord, Validators } from './model-index';
import type { PartKeeper } from './part-keeper';
import { createProgressMeter } from './progress';

/** What to download, and how. */
export interface DownloadRequest extends SizeLimit {
  readonly target: Target;
  readonly crossOrigin: boolean;
  /** SHA-256 that was promised. */
  readonly digest: string | undefined;
  /** Bytes that were promised. */
  readonly bytes: number | undefined;
  /** Attempts after one that brought the download no further. */
  readonly retries: number;
  /** An attempt that brings no byte for so long has failed. */
  readonly stallTimeoutMs: number;
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly tell: Tell;
}

/** A download that ended well. */
export interface Downloaded {
  readonly bytes: Uint8Array;
  readonly digest: string;
  readonly validators: Validators;
  /** Where it was stored, if it was. */
  readonly file: FileRecord | undefined;
}

const notCached = 'it is not in the cache, or not the whole of it: one visit with a connection brings it there';
const firstDelayMs = 500;
const longestDelayMs = 8000;
/** How often a download whose parts did not fit together begins anew. */
const maxMisfits = 2;
/** By so many bytes a page in place of a model is known. */
const headBytes = 256;

/**
 * Downloads a file, from where an earlier download was broken off, and checks it.
 *
 * @param first an answer with the whole file that is already on its way
 * @throws FairleadError `MODEL_NOT_FOUND`, `MODEL_INVALID`, `DIGEST_MISMATCH`, `REMOTE_FAILED`, `LIMIT_EXCEEDED`, `ABORTED`
 */
export async function download(request: DownloadRequest, keeper: PartKeeper, first?: Response): Promise<Downloaded> {
  const { target, clock, tell, signal, crossOrigin } = request;
  const url = target.shown;
  const incoming = createIncomingBytes(target, request);
  let validators: Validators = {};
  let networkBytes = 0;
  /** Whether the bytes here are of several answers. */
  let pieced = false;
  let answer = first;

  const continuation = (): Continuation => ({
    size: incoming.size,
    validators,
    digestPromised: request.digest !== undefined,
    crossOrigin,
  });
  const startAnew = (reason: string): void => {
    tell('download-restart', { url, reason });
    incoming.reset();
    pieced = false;
  };

  if (first === undefined) {
    const left = await keeper.resume();
    if (left !== undefined) {
      validators = left.part;
      await incoming.appendLarge(left.bytes);
      pieced = true;
      if (incoming.digest() !== left.part.digest) {
        await keeper.damaged();
        incoming.reset();
        pieced = false;
      }
    }
  }
  const meter = createProgressMeter(clock, incoming.size);
  const report = (total: number | undefined, last = false): void => {
    const bytes = incoming.size;
    const bytesPerSecond = meter.at(bytes, last);
    const known = total === undefined || total < bytes ? undefined : total;
    if (bytesPerSecond !== undefined) tell('progress', { url, bytes, total: known, bytesPerSecond, by: 'this-tab' });
  };

  /** Asks for what is missing; undefined when what is here turned out to be of no use. */
  const ask = async (guard: StallGuard): Promise<Response | undefined> => {
    if (incoming.size > 0 && !canContinue(continuation())) startAnew('versions of the file cannot be told apart');
    const present = continuation();
    const resuming = present.size > 0;
    const response =
      answer ??
      (await request
        .fetch(target.href, {
          signal: guard.signal,
          cache: 'no-store',
          headers: resuming ? continuationHeaders(present) : {},
        })
        .catch((error: unknown) => {
          throw guard.failure() ?? unreachable(target, error, notCached);
        }));
    answer = undefined;
    if (resuming && (response.status === 206 || response.status === 416)) {
      const why =
        response.status === 416 ? 'the file is no longer than what was here' : whyNotTheRest(response, present);
      if (why === undefined) return response;
      await drop(response);
      startAnew(why);
      return undefined;
    }
    if (!response.ok || response.status === 206) {
      await drop(response);
      throw refused(target, response);
    }
    if (resuming) startAnew(whyTheWhole(response, present));
    return response;
  };

  const attempt = async (): Promise<void> => {
    // The last visit ended between the last byte and the check.
    if (pieced && request.digest !== undefined && incoming.size === validators.total) return;
    const guard = createStallGuard(request);
    try {
      let response = await ask(guard);
      while (response === undefined) response = await ask(guard);
      const resumedFrom = incoming.size;
      const total = totalOf(response) ?? validators.total ?? request.bytes;
      if (resumedFrom === 0) {
        validators = validatorsOf(response, clock.epochMs());
        if (total !== undefined) await orDrop(response, () => incoming.expect(total));
        await keeper.begin(validators);
      } else pieced = true;
      tell('download-start', { url, resumedFrom, total });
      report(total);
      await receive(response, total, guard);
      // Across origins the header may count a compressed form that the page is not told of.
      const whole = response.type === 'cors' ? request.bytes : total;
      if (whole !== undefined && incoming.size < whole) throw brokenOff(target, incoming.size, whole);
    } finally {
      guard.end();
    }
  };

  const receive = async (response: Response, total: number | undefined, guard: StallGuard): Promise<void> => {
    const reader = response.body?.getReader();
    if (reader === undefined) return;
    let looked = incoming.size >= headBytes;
    try {
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        guard.alive();
        incoming.append(part.value);
        networkBytes += part.value.length;
        if (!looked && incoming.size >= headBytes) {
          checkIsBinary(incoming.view().subarray(0, headBytes), target);
          looked = true;
        }
        await keeper.keep(incoming, total, false);
        report(total);
      }
    } catch (error) {
      await reader.cancel().catch(() => undefined); // The error below says more than a failed cancel.
      if (FairleadError.isInstance(error)) throw error;
      throw guard.failure() ?? brokenOff(target, incoming.size, total, error);
    }
    // A stream that was stopped may end as if it were whole.
    const failure = guard.failure();
    if (failure !== undefined) throw failure;
  };

  const attempts = async (): Promise<void> => {
    let failures = 0;
    let furthest = incoming.size;
    for (;;) {
      try {
        await attempt();
        return;
      } catch (error) {
        if (incoming.size > furthest) failures = 0;
        furthest = Math.max(furthest, incoming.size);
        if (!isPassing(error, networkBytes) || failures >= request.retries) throw error;
        const delayMs = Math.min(longestDelayMs, firstDelayMs * 2 ** failures);
        failures += 1;
        await keeper.keep(incoming, undefined, true);
        tell('download-retry', { url, error, delayMs });
        await wait(clock, delayMs, signal, target);
      }
    }
  };

  try {
    for (let misfits = 0; ; misfits++) {
      await attempts();
      checkIsBinary(incoming.view().subarray(0, headBytes), target);
      const digest = incoming.digest();
      const mismatch = mismatchOf(request, digest, incoming.size);
      if (mismatch === undefined) {
        await keeper.keep(incoming, incoming.size, true);
        report(incoming.size, true);
        tell('download-end', { url, digest, bytes: incoming.size, networkBytes });
        return { bytes: incoming.take(), digest, validators, file: keeper.file() };
      }
      if (!pieced || misfits >= maxMisfits) throw mismatch;
      startAnew('its parts do not fit together');
    }
  } catch (error) {
    // What came is kept for the next time, unless it is what was wrong.
    if (isOfNoUse(error)) await keeper.discard();
    else await keeper.keep(incoming, undefined, true);
    throw error;
  }
}

/** Failures that pass: the server's own, and broken connections, also those that then cannot be made again. */
function isPassing(error: unknown, networkBytes: number): error is FairleadError {
  if (FairleadError.isInstance(error, 'REMOTE_FAILED')) return true;
  return FairleadError.isInstance(error, 'MODEL_NOT_FOUND') && error.details.status === undefined && networkBytes > 0;
}

function isOfNoUse(error: unknown): boolean {
  return (['MODEL_INVALID', 'DIGEST_MISMATCH', 'LIMIT_EXCEEDED'] as const).some((code) =>
    FairleadError.isInstance(error, code),
  );
}

function mismatchOf(
  { target, digest, bytes }: DownloadRequest,
  given: string,
  size: number,
): FairleadError | undefined {
  if (digest !== undefined ? given === digest : bytes === undefined || bytes === size) return undefined;
  const [expected, got] =
    digest === undefined ? [`${bytes} bytes`, `${size} bytes`] : [`SHA-256 ${digest}`, `SHA-256 ${given}`];
  return new FairleadError(
    'DIGEST_MISMATCH',
    `${target.shown} is not the promised file: expected ${expected}, given ${got} (${size} bytes). If a new version was deployed, change what your code promises; if not, deploy the file again.`,
    { details: { field: digest === undefined ? 'bytes' : 'digest', expected, given: got, url: target.shown } },
  );
}

/** Ends an attempt when its caller leaves, or when nothing comes any more. */
interface StallGuard {
  readonly signal: AbortSignal;
  /** Something came. */
  alive(): void;
  /** Why the attempt was ended; undefined where it was not. */
  failure(): FairleadError | undefined;
  end(): void;
}

function createStallGuard({ signal, clock, stallTimeoutMs, target }: DownloadRequest): StallGuard {
  const controller = new AbortController();
  let stalled = false;
  const leave = (): void => controller.abort(signal.reason);
  const arm = () =>
    clock.setTimer(() => {
      stalled = true;
      controller.abort();
    }, stallTimeoutMs);
  if (signal.aborted) leave();
  signal.addEventListener('abort', leave, { once: true });
  let timer = arm();
  return {
    signal: controller.signal,
    alive() {
      timer.clear();
      timer = arm();
    },
    failure() {
      if (signal.aborted) return abortedError(signal, `The download of ${target.shown}`);
      if (!stalled) return undefined;
      return new FairleadError(
        'REMOTE_FAILED',
        `The server sent nothing of ${target.shown} for ${stallTimeoutMs} ms. Try again.`,
        { details: { field: 'stallTimeoutMs', expected: 'bytes', given: 'nothing', url: target.shown } },
      );
    },
    end() {
      timer.clear();
      signal.removeEventListener('abort', leave);
    },
  };
}

function wait(clock: Clock, delayMs: number, signal: AbortSignal, target: Target): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      timer.clear();
      reject(abortedError(signal, `The download of ${target.shown}`));
    };
    const timer = clock.setTimer(() => {
      signal.removeEventListener('abort', leave);
      resolve();
    }, delayMs);
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
  });
}

/** Ends a body that nobody wants. */
async function drop(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined); // It may have ended by itself.
}

async function orDrop(response: Response, work: () => void): Promise<void> {
  try {
    work();
  } catch (error) {
    await drop(response);
    throw error;
  }
}
