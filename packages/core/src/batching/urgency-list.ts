import type { Cohort, WaitingList } from './cohort';

/** A list gives its used-up head back once it is this long. */
const compactAt = 1024;

/** Cohorts of one layout and class, the most urgent first, and in order of arrival among equals. */
export class UrgencyList implements WaitingList {
  /** Places before the head are empty: what was taken must not be kept in memory, nor its rows and answers. */
  readonly #items: (Cohort | undefined)[] = [];
  #head = 0;
  /** Behind the last one. The places from there on are empty, and kept: a queue fills again. */
  #tail = 0;
  #dead = 0;
  #rows = 0;

  /** Rows that wait. */
  get rows(): number {
    return this.#rows;
  }

  push(cohort: Cohort): void {
    const items = this.#items;
    const index = this.#placeOf(cohort.urgency);
    if (this.#tail === items.length) items.push(undefined);
    // Not `copyWithin`: for arrays of objects V8 looks each place up by its name.
    for (let place = this.#tail; place > index; place--) items[place] = items[place - 1];
    items[index] = cohort;
    this.#tail++;
    cohort.list = this;
    this.#rows += cohort.rows;
  }

  /** A cohort in the list grew, or shrank, by so many rows. */
  resize(rows: number): void {
    this.#rows += rows;
  }

  /** The first cohort that still waits. */
  peek(): Cohort | undefined {
    while (this.#head < this.#tail) {
      const cohort = this.#items[this.#head] as Cohort;
      if (cohort.state === 'queued') return cohort;
      this.#items[this.#head++] = undefined;
      this.#dead--;
    }
    this.#keep(0);
    return undefined;
  }

  /** Takes the cohort that `peek` showed. */
  take(): void {
    const cohort = this.#items[this.#head] as Cohort;
    this.#items[this.#head++] = undefined;
    this.#rows -= cohort.rows;
    cohort.list = undefined;
    if (this.#head >= compactAt && this.#head * 2 >= this.#tail) {
      const count = this.#tail - this.#head;
      for (let place = 0; place < count; place++) this.#items[place] = this.#items[this.#head + place];
      this.#keep(count);
    }
  }

  /** The first `count` places hold what waits; what lies behind is let go. */
  #keep(count: number): void {
    this.#items.fill(undefined, count, this.#tail);
    if (this.#items.length > compactAt && count * 2 < this.#items.length)
      this.#items.length = Math.max(count, compactAt);
    this.#head = 0;
    this.#tail = count;
    if (count === 0) this.#dead = 0;
  }

  /** The cohort that `peek` showed was parted, and this part of it waits in its place. */
  replaceFirst(rest: Cohort): void {
    const whole = this.#items[this.#head] as Cohort;
    this.#items[this.#head] = rest;
    this.#rows += rest.rows - whole.rows;
    whole.list = undefined;
    rest.list = this;
  }

  /** A cohort in the list ended early; when such are the most, they are swept out. */
  bury(cohort: Cohort): void {
    this.#rows -= cohort.rows;
    cohort.list = undefined;
    this.#dead++;
    if (this.#dead * 2 < this.#tail - this.#head || this.#dead < compactAt) return;
    let count = 0;
    for (let index = this.#head; index < this.#tail; index++) {
      const item = this.#items[index];
      if (item?.state === 'queued') this.#items[count++] = item;
    }
    this.#keep(count);
    this.#dead = 0;
  }

  /** Rows that would leave before one of that urgency. */
  rowsBefore(urgency: number): number {
    const items = this.#items;
    const place = this.#placeOf(urgency);
    if (place === this.#tail) return this.#rows;
    let rows = 0;
    for (let index = this.#head; index < place; index++) {
      const cohort = items[index] as Cohort;
      if (cohort.state === 'queued') rows += cohort.rows;
    }
    return rows;
  }

  /** The cohort that would leave last. */
  last(): Cohort | undefined {
    for (let index = this.#tail - 1; index >= this.#head; index--) {
      const cohort = this.#items[index];
      if (cohort?.state === 'queued') return cohort;
    }
    return undefined;
  }

  /** Behind all that are as urgent or more. Equal timeouts arrive in order, so the end is looked at first. */
  #placeOf(urgency: number): number {
    const items = this.#items;
    let high = this.#tail;
    if (high === this.#head || (items[high - 1] as Cohort).urgency <= urgency) return high;
    let low = this.#head;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((items[middle] as Cohort).urgency <= urgency) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
