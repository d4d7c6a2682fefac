import type { Clock } from '../clock';

/** Milliseconds in which an answer reaches its caller at least: what a thread is now and then held up for, as by its garbage. */
const leastMs = 0.25;
/** However slow the callers of late, no more is left for an answer than this, milliseconds. */
const mostMs = 1;
/** Weight of the latest batch. */
const weight = 0.1;
/** An answer is awaited through so many promises: those of the runner's stages, and the caller's own. */
const hops = 4;

/**
 * Learns how long answers take from the batch to their callers. A promise that is settled calls back only when the loop that
 * settles all of the batch is over, behind those settled before it, so the answers of a large batch take longer.
 */
export class AnswerReach {
  readonly #clock: Clock;
  #msPerRequest = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds that must be left to answer one of so many requests in time. */
  of(requests: number): number {
    return Math.min(mostMs, Math.max(leastMs, 2 * this.#msPerRequest * requests));
  }

  /** Called when all requests of a batch were settled, which was begun at `startedAt`. */
  observe(requests: number, startedAt: number): void {
    let last = Promise.resolve();
    for (let hop = 1; hop < hops; hop++) last = last.then(noop);
    void last.then(() => {
      const msPerRequest = (this.#clock.now() - startedAt) / requests;
      this.#msPerRequest += weight * (msPerRequest - this.#msPerRequest);
    });
  }
}

function noop(): void {}
