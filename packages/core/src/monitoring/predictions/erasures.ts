import { FairleadError } from '../../errors';
import { hashKey } from './id-hash';
import type { PredictionRecord } from './prediction-record';
import type { Erasure } from './prediction-sink';

/** Most keys whose erasure a log remembers; each takes some hundred bytes. */
const mostErasures = 1_000_000;

/** The keys that were erased. */
export class Erasures {
  readonly #byHash = new Map<string, Erasure>();

  constructor(saved: readonly Erasure[]) {
    for (const erasure of saved) this.#byHash.set(erasure.keyHash, erasure);
  }

  /** Erasures that were begun and not finished, as by a process that died. */
  get unfinished(): readonly Erasure[] {
    return [...this.#byHash.values()].filter(({ done }) => !done);
  }

  /** @throws FairleadError `LIMIT_EXCEEDED` */
  set(erasure: Erasure): void {
    if (this.#byHash.size >= mostErasures && !this.#byHash.has(erasure.keyHash)) {
      throw new FairleadError(
        'LIMIT_EXCEEDED',
        `A prediction log remembers the erasure of at most ${mostErasures} keys. Start a new log and let this one expire.`,
        { details: { field: 'key', expected: `at most ${mostErasures} erased keys` } },
      );
    }
    this.#byHash.set(erasure.keyHash, erasure);
  }

  /** Whether records of a key are refused. */
  refuses(key: string | undefined): boolean {
    return key !== undefined && this.#byHash.size > 0 && this.#byHash.get(hashKey(key))?.future === 'refuse';
  }

  /** Whether a record was to be erased. */
  covers({ key, at }: PredictionRecord): boolean {
    if (key === undefined || this.#byHash.size === 0) return false;
    const erasure = this.#byHash.get(hashKey(key));
    return erasure !== undefined && (erasure.future === 'refuse' || at <= erasure.at);
  }
}
