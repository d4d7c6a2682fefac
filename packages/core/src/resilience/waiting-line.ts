import { priorityRanks } from '../batching/cohort';
import type { Priority } from '../runner/runner';

/** Milliseconds by which a request of one class may have come later than one of the next and still leave before it. */
const classAdvantageMs = 1000;

/** What stands in the line. */
export interface Waiting {
  readonly enqueuedAt: number;
  readonly priority: Priority;
}

/**
 * A line with priority classes: first come, first served within a class, and a higher class leaves first unless one of
 * a lower class has waited long enough, so that nobody waits for ever.
 */
export class WaitingLine<T extends Waiting> {
  readonly #classes = [new Set<T>(), new Set<T>(), new Set<T>()];

  get size(): number {
    return this.#classes.reduce((sum, line) => sum + line.size, 0);
  }

  add(waiting: T): void {
    this.#lineOf(waiting).add(waiting);
  }

  delete(waiting: T): void {
    this.#lineOf(waiting).delete(waiting);
  }

  /** Takes out who is next; undefined when nobody waits. */
  shift(): T | undefined {
    let next: T | undefined;
    let nextAt = Number.POSITIVE_INFINITY;
    for (const [rank, line] of this.#classes.entries()) {
      const [head] = line;
      if (head === undefined || head.enqueuedAt + rank * classAdvantageMs >= nextAt) continue;
      next = head;
      nextAt = head.enqueuedAt + rank * classAdvantageMs;
    }
    if (next !== undefined) this.delete(next);
    return next;
  }

  #lineOf({ priority }: T): Set<T> {
    // A priority that does not exist is for the runner to refuse when its turn comes.
    return this.#classes[priorityRanks[priority] ?? priorityRanks.normal] as Set<T>;
  }
}
