import { MessageChannel, type Worker } from 'node:worker_threads';
import type { LaneHost } from '@fairlead/core';
import { connectLane, type WorkerPort } from '@fairlead/core/lanes';
import { onEnd } from './worker-port';
import { startWorker } from './worker-script';

/**
 * Opens all its sessions in one worker thread: for runtimes that crash when two threads use them. The worker starts with
 * the first lane and ends with the last, and no other starts before it is gone; when it dies, all of its lanes are lost.
 *
 * @param start makes the worker
 */
export function createSharedLaneHost(start: () => Worker = () => startWorker(true)): LaneHost {
  let current: SharedWorker | undefined;
  return {
    // A call in this thread would be the second one.
    staysInWorker: true,
    async openLane(module, model, options) {
      while (current?.ended) {
        const old: SharedWorker = current;
        await old.gone;
        if (current === old) current = undefined;
      }
      current ??= new SharedWorker(start());
      return connectLane(current.openPort(), module, model, options);
    },
  };
}

class SharedWorker {
  readonly #worker: Worker;
  readonly #exits = new Set<(error: unknown) => void>();
  /** Resolves when the thread has ended. */
  readonly gone: Promise<void>;
  #lanes = 0;
  #busy = 0;
  #ended = false;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.unref();
    this.gone = new Promise((resolve) => void worker.once('exit', () => resolve()));
    onEnd(worker, (error) => {
      this.#ended = true;
      for (const tell of this.#exits) tell(error);
    });
  }

  /** Whether no lane can be opened in it any more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** A line of its own to the worker, for one lane. */
  openPort(): WorkerPort {
    const { port1, port2 } = new MessageChannel();
    this.#lanes++;
    this.#worker.postMessage(port2, [port2]);
    let exit: ((error: unknown) => void) | undefined;
    let busy = false;
    let ending: Promise<void> | undefined;
    const hold = (next: boolean): void => {
      if (next === busy) return;
      busy = next;
      if (busy) port1.ref();
      else port1.unref();
      this.#busy += busy ? 1 : -1;
      if (this.#busy > 0) this.#worker.ref();
      else this.#worker.unref();
    };
    return {
      post: (message, transfer = []) => port1.postMessage(message, transfer),
      onMessage(listener) {
        port1.on('message', listener);
        if (!busy) port1.unref();
      },
      onExit: (listener) => {
        exit = listener;
        this.#exits.add(listener);
      },
      terminate: () => {
        ending ??= this.#closeLane();
        hold(false);
        if (exit !== undefined) this.#exits.delete(exit);
        port1.close();
        return ending;
      },
      hold,
    };
  }

  async #closeLane(): Promise<void> {
    if (--this.#lanes > 0) return;
    this.#ended = true;
    await this.#worker.terminate();
  }
}
