import type { Cohort } from './cohort';
import { UrgencyList } from './urgency-list';

/** What one key has in a fair list. */
interface Tenant {
  /** What goes beyond its share of the present round. */
  readonly waiting: UrgencyList;
  weight: number;
  /** Rows of its own that came into the present round. */
  used: number;
}

/**
 * Cohorts of one class, shared fairly between the keys that callers named. Time goes in rounds: in each, a key may have
 * `quantum` rows for each unit of its weight, and what is in the round leaves by urgency, whoever it belongs to. What a key
 * sends beyond its share waits for later rounds. So one that floods the queue delays the others by a round at most, and
 * where nobody floods it, nothing but urgency counts. Without keys there is one endless round.
 */
export class FairList {
  readonly #round = new UrgencyList();
  readonly #quantum: number;
  #tenants: Map<string | undefined, Tenant> | undefined;
  #rows = 0;
  /** Rows that may still leave before the next round begins, however many come into this one. */
  #left = 0;

  /** @param quantum rows that a key of weight 1 may have in a round */
  constructor(quantum: number) {
    this.#quantum = quantum;
  }

  /** Rows that wait. */
  get rows(): number {
    return this.#rows;
  }

  push(cohort: Cohort): void {
    this.#rows += cohort.rows;
    const { key, weight } = cohort.traits;
    if (this.#tenants === undefined) {
      if (key === undefined) {
        this.#round.push(cohort);
        return;
      }
      this.#begin();
    }
    const tenant = this.#tenantOf(key);
    tenant.weight = weight;
    if (tenant.waiting.rows > 0 || tenant.used >= this.#quantum * weight) {
      tenant.waiting.push(cohort);
      return;
    }
    tenant.used += cohort.rows;
    this.#round.push(cohort);
  }

  /** A cohort in the list grew, or shrank, by so many rows. */
  resize(cohort: Cohort, rows: number): void {
    this.#rows += rows;
    cohort.list?.resize(rows);
    if (this.#tenants !== undefined && rows > 0 && cohort.list === this.#round) {
      this.#tenantOf(cohort.traits.key).used += rows;
    }
  }

  /** Whether one more request may join a cohort that waits, without taking more than the share of its key. */
  mayGrow(cohort: Cohort): boolean {
    return cohort.list !== this.#round || !this.exceedsShare(cohort.traits.key);
  }

  /** The cohort that leaves next. */
  peek(): Cohort | undefined {
    const first = this.#left > 0 || this.#tenants === undefined ? this.#round.peek() : undefined;
    if (first !== undefined || this.#rows === 0) return first;
    this.#nextRound();
    return this.#round.peek();
  }

  /** Takes the cohort that `peek` showed. */
  take(cohort: Cohort): void {
    this.#round.take();
    this.#rows -= cohort.rows;
    this.#left -= cohort.rows;
  }

  /** The cohort that `peek` showed was parted: its first `rows` rows leave, and the rest waits in its place. */
  takePart(rest: Cohort, rows: number): void {
    this.#round.replaceFirst(rest);
    this.#rows -= rows;
    this.#left -= rows;
  }

  /** A cohort in the list ended early. Its state must no longer be `queued`. */
  bury(cohort: Cohort): void {
    this.#rows -= cohort.rows;
    cohort.list?.bury(cohort);
  }

  /** Rows that leave before one of that urgency and key, as far as can be told. */
  rowsBefore(urgency: number, key: string | undefined): number {
    const tenant = this.#tenants?.get(key);
    if (tenant === undefined || (tenant.waiting.rows === 0 && tenant.used < this.#quantum * tenant.weight)) {
      return this.#round.rowsBefore(urgency);
    }
    // Each of its rows waits for the shares of all who wait as well.
    let weights = 0;
    for (const other of this.#tenants?.values() ?? []) if (other.waiting.rows > 0) weights += other.weight;
    const own = tenant.waiting.rowsBefore(urgency);
    return this.#round.rows + Math.min(this.#rows - this.#round.rows, (own * weights) / tenant.weight);
  }

  /** The cohort that would leave last, if it has more than its share or is less urgent. */
  last(): Cohort | undefined {
    let last: Cohort | undefined;
    let mostRows = 0;
    for (const { waiting, weight } of this.#tenants?.values() ?? []) {
      if (waiting.rows / weight <= mostRows) continue;
      mostRows = waiting.rows / weight;
      last = waiting.last();
    }
    return last ?? this.#round.last();
  }

  /** Whether a cohort waits for a later round. */
  isBeyondShare(cohort: Cohort): boolean {
    return cohort.list !== this.#round;
  }

  /** Whether the next request of a key would wait for a later round. */
  exceedsShare(key: string | undefined): boolean {
    const tenant = this.#tenants?.get(key);
    return tenant !== undefined && (tenant.waiting.rows > 0 || tenant.used >= this.#quantum * tenant.weight);
  }

  /** The first key was named: what waits so far counts for nobody in particular. */
  #begin(): void {
    this.#tenants = new Map();
    const waiting = this.#tenantOf(undefined).waiting;
    for (let cohort = this.#round.peek(); cohort !== undefined; cohort = this.#round.peek()) {
      this.#round.take();
      waiting.push(cohort);
    }
    this.#nextRound();
  }

  /** Every key gets its share anew; one that has nothing left is forgotten. */
  #nextRound(): void {
    const tenants = this.#tenants;
    if (tenants === undefined) return;
    for (const [key, tenant] of tenants) {
      tenant.used = 0;
      const share = this.#quantum * tenant.weight;
      for (let cohort = tenant.waiting.peek(); cohort !== undefined; cohort = tenant.waiting.peek()) {
        if (tenant.used >= share) break;
        tenant.waiting.take();
        tenant.used += cohort.rows;
        this.#round.push(cohort);
      }
      if (tenant.used === 0) tenants.delete(key);
    }
    this.#left = Math.max(this.#round.rows, this.#quantum * Math.max(1, tenants.size));
  }

  #tenantOf(key: string | undefined): Tenant {
    const tenants = this.#tenants as Map<string | undefined, Tenant>;
    let tenant = tenants.get(key);
    if (tenant === undefined) {
      tenant = { waiting: new UrgencyList(), weight: 1, used: 0 };
      tenants.set(key, tenant);
    }
    return tenant;
  }
}
