import type { Backend, Session, SessionUsage } from '../backend';
import { type Clock, systemClock } from '../clock';
import { deserializeError, FairleadError, messageOf, type SerializedError, serializeError } from '../errors';
import { type Closeable, closeable } from '../lifecycle';
import type { LoadedModel, SidecarName } from '../model-source';
import type { Tensors } from '../tensor/tensor';
import {
  type FlatValue,
  type FromWorker,
  inputsAt,
  isFlat,
  type OpenMessage,
  protocolVersion,
  type ResultMessage,
  type RunMessage,
  type ToWorker,
  unknownMessage,
} from './messages';
import { ownBytes } from './model-bytes';
import { packOutputs, unpackInputs } from './packing';
import type { LanePort } from './port';

/**
 * Milliseconds for which a worker that has answered its last batch looks out for the next one. Waking a thread that sleeps
 * takes 30 to 80 µs where the processor sleeps too; a lone caller who asks again at once would pay it with every batch.
 */
const lookoutMs = 0.1;
/** Behind a batch that took longer than this, nobody notices. */
const longBatchMs = 10;

/** Options of {@link serveLane}. */
export interface ServeLaneOptions {
  /** Imports the backend's module. @default the platform's `import()` */
  readonly importModule?: (url: string) => Promise<unknown>;
  /** Tells what this worker takes, where it holds one lane only. @default the owner of the lane is told nothing */
  readonly measure?: () => SessionUsage;
  /** Where the time comes from for which the worker looks out for its next batch. @default the system's */
  readonly clock?: Pick<Clock, 'now'>;
}

/**
 * Serves one session to the other end of a port: what the script of a lane's worker calls, once, before anything else.
 * Batches are computed in the order in which they came, as many at once as the session allows.
 *
 * @param port the line to the thread that called {@link connectLane}
 * @throws FairleadError `PROTOCOL_ERROR` out of the port's listener for a message of another protocol; a worker dies of
 * it, and the other side hears `LANE_LOST`
 * @returns for a worker that outlives the lane: `close()` drops what waits, lets what runs end, and closes the session,
 * also one that is still being opened. A worker of one lane need not call it; it ends with its lane.
 */
export function serveLane(port: LanePort, options: ServeLaneOptions = {}): Closeable {
  const importModule = options.importModule ?? ((url) => import(/* @vite-ignore */ /* webpackIgnore: true */ url));
  const server = new LaneServer(port, importModule, options.measure, options.clock ?? systemClock);
  port.onMessage((message) => server.receive(message as ToWorker));
  return closeable(() => server.abandon());
}

class LaneServer {
  readonly #port: LanePort;
  readonly #importModule: (url: string) => Promise<unknown>;
  readonly #measure: (() => SessionUsage) | undefined;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #queue: RunMessage[] = [];
  readonly #running = new Map<number, AbortController | undefined>();
  readonly #sidecars = new Map<number, (answer: { bytes?: Uint8Array; error?: SerializedError }) => void>();
  #session: Session | undefined;
  #opening: Promise<void> | undefined;
  #nextSidecar = 0;
  /** Set while something waits for the last run to end. */
  #idle: (() => void) | undefined;
  /** Set when the runtime's memory turned out not to be transferable. */
  #copyOutputs = false;

  constructor(
    port: LanePort,
    importModule: (url: string) => Promise<unknown>,
    measure: (() => SessionUsage) | undefined,
    clock: Pick<Clock, 'now'>,
  ) {
    this.#port = port;
    this.#importModule = importModule;
    this.#measure = measure;
    this.#clock = clock;
  }

  receive(message: ToWorker): void {
    if (isFlat(message)) {
      this.#queue.push(message);
      this.#pump();
      return;
    }
    switch (message.type) {
      case 'abort':
        this.#abort(message.id);
        return;
      case 'measure':
        // Only asked where it can be answered.
        if (this.#measure !== undefined) this.#send({ type: 'measured', id: message.id, usage: this.#measure() });
        return;
      case 'open':
        this.#opening = this.#open(message);
        return;
      case 'sidecar-answer':
        this.#sidecars.get(message.id)?.(message);
        this.#sidecars.delete(message.id);
        return;
      case 'close':
        void this.#close();
        return;
      default:
        throw unknownMessage('owner of the lane', message);
    }
  }

  /** Ends without a word: there is nobody to hear it. */
  async abandon(): Promise<void> {
    this.#queue.length = 0;
    for (const controller of this.#running.values()) controller?.abort();
    await this.#opening;
    await this.#release();
  }

  async #open(message: OpenMessage): Promise<void> {
    try {
      if (message.protocol !== protocolVersion) throw unknownMessage('owner of the lane', `open/${message.protocol}`);
      const backend = await this.#createBackend(message);
      const session = await backend.doCreateSession(this.#modelOf(message), {});
      this.#session = session;
      const { inputs, outputs, batchAxis, device, fallbacks, concurrency = 1 } = session;
      void session.lost?.then((error) => this.#send({ type: 'lost', error: serializeError(error, 'LANE_LOST') }));
      const measurable = this.#measure !== undefined;
      this.#send({
        type: 'opened',
        session: { inputs, outputs, batchAxis, device, fallbacks, concurrency, measurable },
      });
    } catch (error) {
      this.#send({ type: 'open-failed', error: serializeError(error, 'MODEL_INVALID') });
    }
  }

  async #createBackend({ module }: OpenMessage): Promise<Backend> {
    let exports: { createBackend?: unknown };
    try {
      exports = (await this.#importModule(module.moduleUrl)) as { createBackend?: unknown };
    } catch (cause) {
      throw new FairleadError(
        'BACKEND_UNAVAILABLE',
        `The worker cannot import ${module.moduleUrl}: ${messageOf(cause)}`,
        {
          cause,
        },
      );
    }
    if (typeof exports.createBackend !== 'function') {
      throw new FairleadError(
        'BACKEND_UNAVAILABLE',
        `${module.moduleUrl} exports no function "createBackend". A module for worker lanes must export createBackend(options).`,
      );
    }
    return exports.createBackend(module.options) as Backend;
  }

  #modelOf({ model }: OpenMessage): LoadedModel {
    return { ...model, bytes: ownBytes(model.bytes), sidecar: (name) => this.#fetchSidecar(name) };
  }

  #fetchSidecar(name: SidecarName): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      const id = this.#nextSidecar++;
      this.#sidecars.set(id, ({ bytes, error }) => {
        if (error === undefined) resolve(bytes);
        else reject(deserializeError(error));
      });
      this.#send({ type: 'sidecar', id, name });
    });
  }

  /** Starts what may start; wakes who waits for the end when nothing is left. */
  #pump(): void {
    const session = this.#session;
    const limit = session?.concurrency ?? 1;
    while (this.#queue.length > 0 && this.#running.size < limit) {
      void this.#run(session, this.#queue.shift() as RunMessage);
    }
    if (this.#running.size === 0) this.#idle?.();
  }

  /** Closes the session, once, when its last run has ended. */
  async #release(): Promise<void> {
    await this.#settled();
    const session = this.#session;
    this.#session = undefined;
    await session?.close();
  }

  /** Resolves when nothing runs and nothing waits. */
  async #settled(): Promise<void> {
    if (this.#running.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
  }

  async #run(session: Session | undefined, message: RunMessage): Promise<void> {
    const [id, abortable, buffer] = message;
    const controller = abortable ? new AbortController() : undefined;
    this.#running.set(id, controller);
    const startedAt = this.#clock.now();
    try {
      if (session === undefined) throw unknownMessage('owner of the lane', 'run before open');
      const inputs = unpackInputs(message, inputsAt, buffer);
      const outputs = await session.doRun(inputs, controller === undefined ? {} : { signal: controller.signal });
      this.#answer(message, outputs);
    } catch (error) {
      this.#fail(message, error);
    } finally {
      this.#running.delete(id);
      this.#pump();
      const now = this.#clock.now();
      if (this.#running.size === 0 && now - startedAt <= longBatchMs) this.#lookOut(now + lookoutMs);
    }
  }

  /** Waits for a message without going to sleep, as long as that is allowed. */
  #lookOut(until: number): void {
    if (this.#port.poll === undefined) return;
    do {
      const message = this.#port.poll();
      if (message === undefined) continue;
      this.receive(message as ToWorker);
      return;
    } while (this.#clock.now() < until);
  }

  #abort(id: number): void {
    const index = this.#queue.findIndex(([queuedId]) => queuedId === id);
    const [queued] = index === -1 ? [] : this.#queue.splice(index, 1);
    if (queued !== undefined)
      this.#fail(queued, new FairleadError('ABORTED', 'The batch was aborted in the queue of its lane.'));
    else this.#running.get(id)?.abort();
  }

  #answer([id, , buffer]: RunMessage, outputs: Tensors): void {
    const post = (copyAll: boolean): void => {
      const message: FlatValue[] = [id, buffer];
      const transfer: ArrayBuffer[] = [];
      packOutputs(outputs, buffer, copyAll, message, transfer);
      if (buffer !== undefined) transfer.push(buffer);
      this.#send(message as unknown as ResultMessage, transfer);
    };
    try {
      post(this.#copyOutputs);
    } catch (error) {
      // A post that cannot transfer throws before it detaches anything.
      if (this.#copyOutputs || !isCloneError(error)) throw error;
      post(true);
      this.#copyOutputs = true;
    }
  }

  #fail([id, , buffer]: RunMessage, error: unknown): void {
    const plain = serializeError(error, 'RUN_FAILED');
    const transfer = buffer === undefined ? [] : [buffer];
    const back = buffer === undefined ? {} : { buffer };
    try {
      this.#send({ type: 'failed', id, error: plain, ...back }, transfer);
    } catch (problem) {
      if (!isCloneError(problem)) throw problem;
      // The details hold something that cannot travel; code and message always can.
      this.#send({ type: 'failed', id, error: { ...plain, details: {} }, ...back }, transfer);
    }
  }

  async #close(): Promise<void> {
    try {
      await this.#release();
      this.#send({ type: 'closed' });
    } catch (error) {
      this.#send({ type: 'closed', error: serializeError(error, 'RUN_FAILED') });
    }
  }

  #send(message: FromWorker, transfer: readonly ArrayBuffer[] = []): void {
    this.#port.post(message, transfer);
  }
}

function isCloneError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && (error as { name?: unknown }).name === 'DataCloneError';
}
