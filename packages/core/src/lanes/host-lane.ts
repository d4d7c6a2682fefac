import type { SessionUsage, WorkerModule } from '../backend';
import { BufferPool } from '../batching/buffer-pool';
import { abortedError, deserializeError, FairleadError, messageOf, serializeError } from '../errors';
import type { LoadedModel, SidecarName } from '../model-source';
import type { Tensors } from '../tensor/tensor';
import {
  type FlatValue,
  type FromWorker,
  isFlat,
  outputsAt,
  protocolVersion,
  type RunMessage,
  type SessionFacts,
  type ToWorker,
  unknownMessage,
} from './messages';
import { copyForWorker } from './model-bytes';
import { packInputs, unpackOutputs } from './packing';
import type { WorkerPort } from './port';

interface Waiter<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** The owner's side of a lane: keeps what is in flight and knows whether the worker lives. */
export class HostLane {
  readonly #port: WorkerPort;
  readonly #model: LoadedModel;
  readonly #onLost: ((error: unknown) => void) | undefined;
  readonly #pool: BufferPool;
  /** Calls whose callers still wait. */
  readonly #calls = new Map<number, Waiter<Tensors>>();
  /** Those who want to know what the worker takes. */
  readonly #measuring = new Map<number, Waiter<SessionUsage>>();
  #opening: Waiter<SessionFacts> | undefined;
  #closing: Waiter<void> | undefined;
  #drained: (() => void) | undefined;
  /** Runs that the worker has not answered, aborted ones included; opening and closing count as well. */
  #owed = 0;
  #nextId = 0;
  #closed = false;
  #lost: FairleadError | undefined;

  constructor(
    port: WorkerPort,
    model: LoadedModel,
    onLost: ((error: unknown) => void) | undefined,
    maxPooledBytes: number,
  ) {
    this.#port = port;
    this.#model = model;
    this.#onLost = onLost;
    this.#pool = new BufferPool(maxPooledBytes);
    port.onMessage((message) => {
      // What was under way when the worker was lost has been answered already.
      if (this.#lost === undefined) this.#receive(message as FromWorker);
    });
    port.onExit((error) => this.#lose(error));
  }

  /** Opens the session; rejects when the signal is aborted first. */
  async open(module: WorkerModule, signal: AbortSignal | undefined): Promise<SessionFacts> {
    let onAbort: (() => void) | undefined;
    try {
      return await new Promise<SessionFacts>((resolve, reject) => {
        this.#opening = { resolve, reject };
        if (signal !== undefined) {
          onAbort = () => reject(abortedError(signal, 'Opening the lane'));
          signal.addEventListener('abort', onAbort, { once: true });
        }
        if (this.#lost !== undefined) throw this.#lost;
        this.#sendModel(module).catch(reject);
      });
    } finally {
      this.#opening = undefined;
      if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
    }
  }

  async #sendModel(module: WorkerModule): Promise<void> {
    const { digest, name, version } = this.#model;
    const { bytes, transfer } = await copyForWorker(this.#model.bytes);
    // The worker may have died in the meantime, or whoever wanted it gone.
    if (this.#opening === undefined || this.#lost !== undefined) return;
    this.#send({ type: 'open', protocol: protocolVersion, module, model: { bytes, digest, name, version } }, transfer);
    this.#owe();
  }

  /** Computes one batch in the worker. */
  run(inputs: Tensors, signal: AbortSignal | undefined): Promise<Tensors> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    if (signal?.aborted) return Promise.reject(abortedError(signal, 'The batch'));
    return new Promise<Tensors>((resolve, reject) => {
      const id = this.#nextId++;
      const message: FlatValue[] = [id, signal !== undefined, undefined];
      const buffer = packInputs(inputs, this.#pool, message);
      message[2] = buffer;
      // Throws out of the executor, and so rejects, when a value cannot be cloned.
      this.#send(message as unknown as RunMessage, buffer === undefined ? [] : [buffer]);
      this.#calls.set(
        id,
        signal === undefined ? { resolve, reject } : this.#abortable(id, signal, { resolve, reject }),
      );
      this.#owe();
    });
  }

  /** Asks the worker what it takes. */
  measure(): Promise<SessionUsage> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise<SessionUsage>((resolve, reject) => {
      const id = this.#nextId++;
      this.#send({ type: 'measure', id });
      this.#measuring.set(id, { resolve, reject });
      this.#owe();
    });
  }

  /** Why it takes nothing more. */
  #refusal(): FairleadError | undefined {
    // A worker ends when its lane is closed, and that is no loss.
    return this.#closed ? new FairleadError('CLOSED', 'The lane was closed. Open another one.') : this.#lost;
  }

  /** Waits for what is in flight, closes the session in its worker and ends the worker. */
  async close(): Promise<void> {
    this.#closed = true;
    try {
      if (this.#lost !== undefined) return;
      if (this.#calls.size > 0) {
        await new Promise<void>((resolve) => {
          this.#drained = resolve;
        });
      }
      // The worker may have died while the calls drained; `#lose` rejected them, which drains as well.
      if (this.#lost !== undefined) return;
      await new Promise<void>((resolve, reject) => {
        this.#closing = { resolve, reject };
        this.#send({ type: 'close' });
        this.#owe();
      });
    } finally {
      await this.end();
    }
  }

  /** Ends the worker without ceremony. */
  async end(): Promise<void> {
    this.#closed = true;
    this.#pool.clear();
    await this.#port.terminate();
  }

  #abortable(id: number, signal: AbortSignal, waiter: Waiter<Tensors>): Waiter<Tensors> {
    const onAbort = (): void => {
      this.#send({ type: 'abort', id });
      this.#settle(id)?.reject(abortedError(signal, 'The batch'));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    return {
      resolve: (outputs) => {
        signal.removeEventListener('abort', onAbort);
        waiter.resolve(outputs);
      },
      reject: (error) => {
        signal.removeEventListener('abort', onAbort);
        waiter.reject(error);
      },
    };
  }

  #receive(message: FromWorker | null | undefined): void {
    if (isFlat(message)) {
      const [id, buffer] = message;
      this.#answered(buffer);
      this.#settle(id)?.resolve(unpackOutputs(message, outputsAt));
      return;
    }
    switch (message?.type) {
      case 'failed':
        this.#answered(message.buffer);
        this.#settle(message.id)?.reject(deserializeError(message.error));
        return;
      case 'measured':
        this.#answered();
        this.#measuring.get(message.id)?.resolve(message.usage);
        this.#measuring.delete(message.id);
        return;
      case 'opened':
        this.#answered();
        this.#opening?.resolve(message.session);
        return;
      case 'open-failed':
        this.#answered();
        this.#opening?.reject(deserializeError(message.error));
        return;
      case 'closed':
        this.#answered();
        if (message.error === undefined) this.#closing?.resolve();
        else this.#closing?.reject(deserializeError(message.error));
        return;
      case 'sidecar':
        void this.#sendSidecar(message.id, message.name);
        return;
      case 'lost':
        this.#lose(deserializeError(message.error));
        void this.#port.terminate();
        return;
      default:
        this.#lose(unknownMessage('worker', message));
        void this.#port.terminate();
    }
  }

  async #sendSidecar(id: number, name: SidecarName): Promise<void> {
    try {
      const bytes = await this.#model.sidecar(name);
      this.#send({ type: 'sidecar-answer', id, ...(bytes === undefined ? {} : { bytes: new Uint8Array(bytes) }) });
    } catch (error) {
      this.#send({ type: 'sidecar-answer', id, error: serializeError(error, 'NOT_FOUND') });
    }
  }

  /** Takes a call out of the books; undefined when its caller has gone. */
  #settle(id: number): Waiter<Tensors> | undefined {
    const waiter = this.#calls.get(id);
    this.#calls.delete(id);
    if (this.#calls.size === 0) this.#drained?.();
    return waiter;
  }

  #lose(cause: unknown): void {
    if (this.#lost !== undefined) return;
    const how = cause === undefined ? 'it exited' : messageOf(cause);
    const when = this.#opening === undefined ? '' : ' before its session was ready';
    const details = FairleadError.isInstance(cause) ? cause.details : {};
    const error = new FairleadError('LANE_LOST', `The worker of the lane ended${when}: ${how.replace(/\.$/, '')}.`, {
      cause,
      details,
    });
    this.#lost = error;
    const opening = this.#opening;
    this.#pool.clear();
    if (this.#owed > 0) this.#port.hold?.(false);
    this.#owed = 0;
    for (const id of [...this.#calls.keys()]) this.#settle(id)?.reject(error);
    for (const { reject } of this.#measuring.values()) reject(error);
    this.#measuring.clear();
    opening?.reject(error);
    // A worker that ends while it closes has done what was asked of it.
    this.#closing?.resolve();
    if (!this.#closed && opening === undefined) this.#onLost?.(error);
  }

  #send(message: ToWorker, transfer: readonly ArrayBuffer[] = []): void {
    try {
      this.#port.post(message, transfer);
    } catch (cause) {
      throw new FairleadError('INVALID_ARGUMENT', `A message to the worker cannot be sent: ${messageOf(cause)}`, {
        cause,
      });
    }
  }

  #owe(): void {
    if (this.#owed++ === 0) this.#port.hold?.(true);
  }

  #answered(buffer?: ArrayBuffer): void {
    if (buffer !== undefined) this.#pool.give(buffer);
    if (--this.#owed === 0) this.#port.hold?.(false);
  }
}
