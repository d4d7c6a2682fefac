import { abortedError, FairleadError } from '@fairlead/core';

/** Tasks that may wait at once: far more than a runner sends, so that only a runaway caller meets it. */
const maxWaiting = 1000;

/**
 * Runs tasks one after the other, each whatever became of the one before. onnxruntime-web needs it: runs that overlap
 * on WebGPU never end, and `create` calls that overlap fail.
 */
export class SerialQueue {
  #tail: Promise<void> = Promise.resolve();
  #waiting = 0;

  /**
   * Runs `task` after all earlier ones. A signal takes it out of the queue while it waits; once it runs, it ends by
   * itself, since the runtime cannot be interrupted.
   * @throws FairleadError `ABORTED`, `OVERLOADED`, or what the task throws
   */
  run<T>(task: () => Promise<T> | T, signal?: AbortSignal): Promise<T> {
    if (signal?.aborted) return Promise.reject(abortedError(signal));
    if (this.#waiting >= maxWaiting) return Promise.reject(overloaded());
    this.#waiting++;
    return new Promise<T>((resolve, reject) => {
      let left = false;
      const leave = (): void => {
        left = true;
        this.#waiting--;
        reject(abortedError(signal as AbortSignal));
      };
      signal?.addEventListener('abort', leave, { once: true });
      this.#tail = this.#tail.then(async () => {
        signal?.removeEventListener('abort', leave);
        if (left) return;
        this.#waiting--;
        try {
          resolve(await task());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** Resolves when every task that is in the queue now has ended. */
  drained(): Promise<void> {
    return this.#tail;
  }
}

function overloaded(): FairleadError {
  return new FairleadError(
    'OVERLOADED',
    `${maxWaiting} calls wait for this session already. Wait for some answers before you send more, or use a runner, which queues and batches.`,
    { details: { field: 'queue', expected: `at most ${maxWaiting} waiting calls`, given: String(maxWaiting + 1) } },
  );
}
