import type { DeviceFallback, SessionUsage, WorkerModule } from '../backend';
import { FairleadError, type SerializedError } from '../errors';
import type { SidecarName } from '../model-source';
import type { TensorSpec } from '../signature';

/** Version of the messages below; both sides come from one installation, unless an old build lies about. */
export const protocolVersion = 2;

/** What a flat message is made of. */
export type FlatValue = number | string | boolean | ArrayBuffer | readonly string[] | undefined;

/** Asks the worker to import a module and open the session. */
export interface OpenMessage {
  readonly type: 'open';
  readonly protocol: number;
  readonly module: WorkerModule;
  readonly model: {
    /** Moved, or in shared memory that nobody writes to. */
    readonly bytes: Uint8Array;
    readonly digest: string;
    readonly name: string;
    readonly version: string;
  };
}

/**
 * Asks for one batch: its number, whether an abort may follow, the buffer of its inputs (undefined where none has bytes;
 * it moves to the worker and comes back with the answer), and the inputs.
 *
 * Batches and their results are flat arrays, where all else is an object: when the runtime has just swept the processor's
 * caches, each key of an object is felt in the latency of the batch.
 */
export type RunMessage = readonly [
  id: number,
  abortable: boolean,
  buffer: ArrayBuffer | undefined,
  ...inputs: FlatValue[],
];

/** The answer to a {@link RunMessage}: its number, its buffer on the way back, and the outputs. */
export type ResultMessage = readonly [id: number, buffer: ArrayBuffer | undefined, ...outputs: FlatValue[]];

/** Where in each the tensors begin. */
export const inputsAt = 3;
export const outputsAt = 2;

/** What the side that owns the worker says. */
export type ToWorker =
  | OpenMessage
  | RunMessage
  | { readonly type: 'abort'; readonly id: number }
  | { readonly type: 'measure'; readonly id: number }
  | {
      readonly type: 'sidecar-answer';
      readonly id: number;
      readonly bytes?: Uint8Array;
      readonly error?: SerializedError;
    }
  | { readonly type: 'close' };

/** What a session in a worker looks like from outside. */
export interface SessionFacts {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly batchAxis: number | null;
  readonly device: string;
  readonly fallbacks: readonly DeviceFallback[];
  readonly concurrency: number;
  /** Whether the worker can tell what it takes. */
  readonly measurable: boolean;
}

/** What the worker says. */
export type FromWorker =
  | { readonly type: 'opened'; readonly session: SessionFacts }
  | { readonly type: 'open-failed'; readonly error: SerializedError }
  | ResultMessage
  | { readonly type: 'failed'; readonly id: number; readonly error: SerializedError; readonly buffer?: ArrayBuffer }
  | { readonly type: 'measured'; readonly id: number; readonly usage: SessionUsage }
  | { readonly type: 'sidecar'; readonly id: number; readonly name: SidecarName }
  /** The session can compute nothing more. */
  | { readonly type: 'lost'; readonly error: SerializedError }
  | { readonly type: 'closed'; readonly error?: SerializedError };

/** The error of a message that the protocol does not know. */
export function unknownMessage(sender: string, message: unknown): FairleadError {
  const type = typeof message === 'object' && message !== null ? (message as { type?: unknown }).type : message;
  return new FairleadError(
    'PROTOCOL_ERROR',
    `The ${sender} sent a message of the unknown type ${JSON.stringify(type) ?? 'undefined'}. Do both sides come from one version of Fairlead?`,
  );
}

/** Whether a message is a flat one. */
export function isFlat<M>(message: M): message is Extract<M, readonly unknown[]> {
  return Array.isArray(message);
}
