import type { DeviceFallback, SessionUsage, WorkerModule } from '../backend';
import { FairleadError, type SerializedError } from '../errors';
import type { SidecarName } from '../model-source';
import type { TensorSpec } from '../signature';
import type { NumericDType } from '../tensor/dtype';
import type { Tensors } from '../tensor/tensor';

/** Version of the messages below; both sides come from one installation, unless an old build lies about. */
export const protocolVersion = 2;

/** Where a tensor lies in the buffer that it travels in; strings travel beside the buffer. */
export type PackedTensor =
  | {
      readonly name: string;
      readonly dtype: NumericDType;
      readonly shape: readonly number[];
      /** Bytes from the start of the buffer, a multiple of 8. */
      readonly offset: number;
      /** Elements. */
      readonly length: number;
    }
  | {
      readonly name: string;
      readonly dtype: 'string';
      readonly shape: readonly number[];
      readonly strings: readonly string[];
    };

/** Asks the worker to import a module and open the session. */
export interface OpenMessage {
  readonly type: 'open';
  readonly protocol: number;
  readonly module: WorkerModule;
  readonly model: {
    readonly bytes: Uint8Array;
    readonly digest: string;
    readonly name: string;
    readonly version: string;
  };
}

/** Asks for one batch. The buffer moves to the worker and comes back with the answer. */
export interface RunMessage {
  readonly type: 'run';
  readonly id: number;
  /** Whether an `abort` may follow. */
  readonly abortable: boolean;
  /** Absent where no input has bytes. */
  readonly buffer?: ArrayBuffer;
  readonly tensors: readonly PackedTensor[];
}

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
  | { readonly type: 'result'; readonly id: number; readonly outputs: Tensors; readonly buffer?: ArrayBuffer }
  | { readonly type: 'failed'; readonly id: number; readonly error: SerializedError; readonly buffer?: ArrayBuffer }
  | { readonly type: 'measured'; readonly id: number; readonly usage: SessionUsage }
  | { readonly type: 'sidecar'; readonly id: number; readonly name: SidecarName }
  | { readonly type: 'closed'; readonly error?: SerializedError };

/** The error of a message that the protocol does not know. */
export function unknownMessage(sender: string, message: unknown): FairleadError {
  const type = typeof message === 'object' && message !== null ? (message as { type?: unknown }).type : message;
  return new FairleadError(
    'PROTOCOL_ERROR',
    `The ${sender} sent a message of the unknown type ${JSON.stringify(type) ?? 'undefined'}. Do both sides come from one version of Fairlead?`,
  );
}
